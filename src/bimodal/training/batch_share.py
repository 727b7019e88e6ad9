"""The share of a batch that one of several training processes computes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class BatchShare:
    """Examples `start` to `stop` of a batch of `count`, computed by one of several processes.

    A batch with fewer examples than processes is computed by all of them, one example each; `weight` is then the share of a
    process in the losses and statistics of its example, so that each example counts once.
    """

    start: int
    stop: int
    count: int
    processes: int = 1
    weight: float = 1.0

    @property
    def size(self) -> int:
        """Number of examples that this process computes."""
        return self.stop - self.start

    @property
    def scale(self) -> float:
        """Factor by which a mean over this share becomes a value whose mean over the processes is that of the batch."""
        return self.processes * self.weight * self.size / self.count

    def rows(self, length: int) -> slice:
        """Return where the share lies along a dimension of the whole batch that has `length` entries within the share.

        >>> share_of(5, 1, 2).rows(4)  # two entries for each example
        slice(6, 10, None)
        """
        entries = length // self.size
        return slice(self.start * entries, self.stop * entries)

    def whole_length(self, length: int) -> int:
        """Return the number of entries of the whole batch along a dimension that has `length` within the share."""
        return length // self.size * self.count


def share_of(count: int, process: int, processes: int) -> BatchShare:
    """Return the share of a process, 0 to `processes` - 1, in a batch of `count` examples; sizes differ by at most one.

    A smaller batch never gives a process a larger share, which is what makes the shares of all batches the batches of a
    DataLoader of their own.

    >>> [(share.start, share.stop) for share in (share_of(5, process, 2) for process in range(2))]
    [(0, 3), (3, 5)]
    >>> [(share.start, share.weight) for share in (share_of(2, process, 3) for process in range(3))]
    [(0, 0.5), (1, 1.0), (0, 0.5)]
    """
    if count < processes:
        start = process % count
        return BatchShare(start, start + 1, count, processes, weight=1 / len(range(start, processes, count)))
    quotient, rest = divmod(count, processes)
    start = process * quotient + min(process, rest)
    return BatchShare(start, start + quotient + (process < rest), count, processes)
