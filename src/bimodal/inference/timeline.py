"""What a video shows, over its time: the emotions of the largest face as a figure."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bimodal.files import write_atomically
from bimodal.inference.annotate import emotion_colour
from bimodal.inference.pipeline import ImageResult

BINS = 600
"""The time is divided into so many parts at most; each shows the mean of its frames."""


class Timeline:
    """Collects the probabilities of the largest face, in memory that does not grow with the video.

    While time goes on, the parts that it is divided into become longer: when all are taken, each two become one.

    Args:
        emotions: K names.
    """

    def __init__(self, emotions: Sequence[str]) -> None:
        self.emotions = emotions
        self.step = 0.04  # seconds a part
        self._sums = np.zeros((BINS, len(emotions)))
        self._faces = np.zeros(BINS)
        self._frames = np.zeros(BINS)
        self._last = 0.0

    def add(self, seen: ImageResult) -> None:
        """Take a frame."""
        seconds = seen.shot.time
        if seconds is None:
            return
        while seconds >= BINS * self.step:
            self._halve()
        part = int(seconds / self.step)
        self._frames[part] += 1
        self._last = max(self._last, seconds)
        if seen.faces:
            self._sums[part] += seen.faces[0].probabilities
            self._faces[part] += 1

    def means(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the middle of each part in seconds, (n,), and the mean probabilities, (n,K), NaN without a face."""
        count = int(self._last / self.step) + 1
        with np.errstate(invalid="ignore"):
            means = self._sums[:count] / self._faces[:count, None]
        # a part in which no frame falls (the frames are further apart than parts are long) shows the one before
        for part in range(1, count):
            if not self._frames[part]:
                means[part] = means[part - 1]
        return np.asarray((np.arange(count) + 0.5) * self.step), means

    def write(self, file: Path, title: str) -> None:
        """Draw the figure as PNG: how much of the probability each emotion has, and gaps where no face was seen."""
        from bimodal.rendering.plot import canvas, legend, png

        times, means = self.means()
        minutes = times[-1] > 180
        with canvas(9.0, 3.2) as (figure, axes):
            axes.stackplot(
                times / 60 if minutes else times,
                np.nan_to_num(means).T,
                labels=self.emotions,
                colors=[emotion_colour(self.emotions, place) for place in range(len(self.emotions))],
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

    def _halve(self) -> None:
        for array in (self._sums, self._faces, self._frames):
            array[: BINS // 2] = array[0::2] + array[1::2]
            array[BINS // 2 :] = 0
        self.step *= 2
