"""The timeline of a video: a figure of the emotions of its largest face over time."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bimodal.files import write_atomically
from bimodal.inference.annotate import emotion_colour
from bimodal.inference.results import ImageResult

BINS = 600
"""The largest number of bins that the time is divided into; each shows the mean over its frames."""


class Timeline:
    """Collects the probabilities of the largest face, in memory that does not grow with the video.

    When a video fills all bins, each two bins are merged into one of twice the length.
    """

    def __init__(self, emotions: Sequence[str]) -> None:
        self.emotions = emotions
        self.bin_s = 0.04  # length of a bin in seconds
        self._sums = np.zeros((BINS, len(emotions)))
        self._faces = np.zeros(BINS)
        self._frames = np.zeros(BINS)
        self._last = 0.0

    def add(self, result: ImageResult) -> None:
        """Add a frame; an image, which has no time, is ignored."""
        seconds = result.frame.time
        if seconds is None:
            return
        while seconds >= BINS * self.bin_s:
            self._merge_bins()
        place = int(seconds / self.bin_s)
        self._frames[place] += 1
        self._last = max(self._last, seconds)
        if result.faces:
            self._sums[place] += result.faces[0].probabilities
            self._faces[place] += 1

    def means(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the middle of each bin in seconds, (n,), and the mean probabilities, (n,K), NaN without a face."""
        count = int(self._last / self.bin_s) + 1
        with np.errstate(invalid="ignore"):
            means = self._sums[:count] / self._faces[:count, None]
        for place in range(1, count):  # a bin without a frame repeats the one before: frames may be far apart
            if not self._frames[place]:
                means[place] = means[place - 1]
        return np.asarray((np.arange(count) + 0.5) * self.bin_s), means

    def write(self, file: Path, title: str) -> None:
        """Write the figure as PNG: the probabilities as a stacked area, with gaps where no face was found."""
        from bimodal.rendering.plot import canvas, legend, png

        times, means = self.means()
        minutes = times[-1] > 180
        with canvas(9.0, 3.2) as (figure, axes):
            axes.stackplot(
                times / 60 if minutes else times,
                np.nan_to_num(means).T,
                labels=self.emotions,
                colors=[emotion_colour(self.emotions, index) for index in range(len(self.emotions))],
                step="mid" if len(times) < BINS / 4 else None,
                linewidth=0,
            )
            axes.set(
                title=title,
                xlabel="minutes" if minutes else "seconds",
                ylabel="probability (largest face)",
                ylim=(0, 1),
                xlim=(0, (self._last / 60 if minutes else self._last) or 1),
            )
            axes.grid(visible=False)
            legend(figure, columns=len(self.emotions))
            content = png(figure)
        write_atomically(file, lambda part: part.write_bytes(content))

    def _merge_bins(self) -> None:
        for array in (self._sums, self._faces, self._frames):
            array[: BINS // 2] = array[0::2] + array[1::2]
            array[BINS // 2 :] = 0
        self.bin_s *= 2
