"""Draw the predictions into an image: a box round each face, the emotion and its probability."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from bimodal.inference.results import ImageResult

_COLOURS = {
    "angry": "#d55e00",
    "disgust": "#8a6d1f",
    "fear": "#a3589c",
    "happy": "#e69f00",
    "neutral": "#7f8a94",
    "sad": "#0072b2",
    "surprise": "#009e73",
    "contempt": "#6b4c3b",
}
_OTHER_COLOURS = ("#56b4e9", "#cc79a7", "#1f2328")


def emotion_colour(emotions: Sequence[str], index: int) -> str:
    """Return the colour of `emotions[index]`, the same in every image and figure.

    >>> emotion_colour(["happy", "bored"], 0), emotion_colour(["happy", "bored"], 1)
    ('#e69f00', '#cc79a7')
    """
    return _COLOURS.get(emotions[index], _OTHER_COLOURS[index % len(_OTHER_COLOURS)])


def annotate(pixels: NDArray[np.uint8], result: ImageResult, emotions: Sequence[str]) -> NDArray[np.uint8]:
    """Return a copy of `result.pixels` with a box round each face, its emotion and the probability in percent."""
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    width, height = image.size
    line = max(2, round(max(width, height) / 400))
    for face in reversed(result.faces):  # the largest last, on top
        best = int(face.probabilities.argmax())
        colour = emotion_colour(emotions, best)
        whole = (0.0, 0.0, float(width), float(height))
        left, top, wide, high = whole if face.box is None else (value / result.scale for value in face.box)
        box = (max(left, 0), max(top, 0), min(left + wide, width - 1), min(top + high, height - 1))
        if box[2] <= box[0] or box[3] <= box[1]:
            continue
        draw.rectangle(box, outline=colour, width=line)
        font = _font(int(np.clip(high / 7, 11, max(width, height) / 25 + 11)))
        text = f" {emotions[best]} {100 * face.probabilities[best]:.0f} % "
        size = draw.textbbox((0, 0), text, font=font)
        tall = size[3] + line + 2
        x = max(0.0, min(box[0], width - size[2]))
        y = box[1] - tall if box[1] >= tall else min(box[3], height - tall)  # above the face if there is room
        draw.rectangle((x, y, x + size[2], y + tall), fill=colour)
        draw.text((x, y + line // 2), text, fill="white", font=font)
    return np.asarray(image)


@cache
def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)
