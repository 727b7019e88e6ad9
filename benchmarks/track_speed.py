"""Claim: in a video, `bimodal predict --track` finds the same faces within 1 % and is 1.2 times as fast with up to three
faces in a frame."""

import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np

from measure import alternate, options, ratios, show, spread, verdict

BAR, MOST_CHANGED = 1.2, 1.0
WIDTH, HEIGHT, RATE = 1280, 720, 25
SCENE = 50  # frames from cut to cut
CASTS = ((1, 420), (3, 240), (8, 150))
"""Number of faces in a video, and the side of their pictures in pixels."""
SAME = 0.4  # intersection over union of the boxes of one face


def main() -> None:
    parser = options(__doc__ or "", rounds=5)
    parser.add_argument("--pictures", type=Path, help="folder of photographs with one face each [drawn faces]")
    parser.add_argument("--detector", type=Path, help="ONNX file of the face detector YuNet [downloaded once]")
    parser.add_argument("--frames", type=int, default=100, help="frames of each video [100]")
    parser.add_argument("--every", type=int, nargs="+", default=[5], help="values of --track-every to measure [5]")
    arguments = parser.parse_args()
    frames = 12 if arguments.quick else arguments.frames
    rows, holds = [], True
    with tempfile.TemporaryDirectory() as folder:
        for faces, side in CASTS:
            video = Path(folder) / f"{faces}.mp4"
            write_video(video, pictures(arguments.pictures, 4 * faces), faces, side, frames)
            found: dict[str, Any] = {}
            ways = {"each frame": partial(seconds, video, arguments.detector, 0, found, "each frame")}
            for every in arguments.every:
                name = f"--track-every {every}"
                ways[name] = partial(seconds, video, arguments.detector, every, found, name)
            alternate(ways, 0 if arguments.quick else 1)
            times = alternate(ways, 1 if arguments.quick else arguments.rounds)
            for name in list(ways)[1:]:
                count, missed, new, agreed = differences(found["each frame"], found[name])
                quotients = ratios(times["each frame"], times[name])
                holds &= max(missed, new) <= MOST_CHANGED and (faces > 3 or median(quotients) >= BAR)
                pace = spread([1000 * value / frames for value in times[name]], 1)
                rows.append(
                    [
                        str(faces),
                        name,
                        pace,
                        spread(quotients),
                        f"{count:,}",
                        f"{missed:.2f}",
                        f"{new:.2f}",
                        f"{agreed:.1f}",
                    ]
                )
    show(
        f"Videos of {frames} frames of {WIDTH} x {HEIGHT} pixels, a cut after each {SCENE}; decode, detect, align, classify",
        [
            "faces in a frame",
            "method",
            "processor ms a frame",
            "times faster than each frame",
            "faces in each frame, sum",
            "missed, %",
            "more, %",
            "same emotion, %",
        ],
        rows,
    )
    verdict(f"faces within {MOST_CHANGED:g} %, {BAR:g} times as fast with up to three faces", holds)


def seconds(video: Path, detector: Path | None, every: int, found: dict[str, Any], name: str) -> float:
    """Return the processor seconds of a prediction of all frames; keep the results in `found`."""
    from bimodal.inference.config import InferenceConfig
    from bimodal.inference.load import load
    from bimodal.inference.pipeline import run_inference
    from bimodal.inference.video import video_frames

    network = load("bimodal/face-s-int8")
    config = InferenceConfig(detector=detector, track=every > 0, track_every=every or 5)
    start = time.process_time()
    found[name] = list(run_inference(video_frames(video), network, config))
    return time.process_time() - start


def differences(first: list[Any], second: list[Any]) -> tuple[int, float, float, float]:
    """Return the number of faces of the first results; in percent of it, those that the second miss and have more; and the
    percentage of the faces of both that have the same emotion."""
    from bimodal.vision.boxes import iou

    count = more = both = agreed = 0
    for one, other in zip(first, second, strict=True):
        left = list(other.faces)
        for face in one.faces:
            overlaps = iou(face.box, np.array([each.box for each in left]).reshape(-1, 4))
            if len(left) and overlaps.max() >= SAME:
                same = left.pop(int(overlaps.argmax()))
                both += 1
                agreed += int(face.probabilities.argmax() == same.probabilities.argmax())
        count, more = count + len(one.faces), more + len(left)
    count = max(1, count)
    return count, 100 * (count - both) / count, 100 * more / count, 100 * agreed / max(1, both)


def pictures(folder: Path | None, count: int) -> list[Any]:
    """Return pictures of one face each, uint8 (H,W,3) RGB."""
    if folder is None:
        from bimodal.synthetic.dataset import draw_set

        return list(draw_set(max(7, count), size=256).images)
    from bimodal.vision.pictures import decode

    files = sorted(path for path in folder.rglob("*") if path.suffix.casefold() in (".jpg", ".png"))
    return [decode(files[k]) for k in np.random.default_rng(3).permutation(len(files))[:count]]


def write_video(file: Path, faces: list[Any], count: int, side: int, frames: int) -> None:
    """Write a video in which pictures of faces move and turn; some come later, some go before the cut."""
    from bimodal.inference.video import VideoWriter

    random = np.random.default_rng(3)
    writer = VideoWriter(file, RATE)
    columns = int(np.ceil(count**0.5))
    noise = random.integers(-8, 9, (HEIGHT, WIDTH, 3), dtype=np.int16)
    cell = np.array([WIDTH // columns, HEIGHT // -(-count // columns)])
    for number in range(frames):
        time_in_scene = number % SCENE
        if time_in_scene == 0:
            blocks = random.integers(0, 256, (5, 8, 3), dtype=np.uint8)
            background = cv2.GaussianBlur(
                cv2.resize(blocks, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), (0, 0), 15
            )
            cast = random.permutation(len(faces))[:count]
            sides = np.minimum(side * random.uniform(0.8, 1.2, count), 0.9 * cell.min()).astype(int)
            phases = random.uniform(0, 2 * np.pi, (count, 2))
            comes, goes = random.integers(-20, 20, count), random.integers(SCENE - 15, SCENE + 30, count)
        image = background.astype(np.int16)
        for k in range(count):
            if not comes[k] <= time_in_scene < goes[k]:
                continue
            size = int(sides[k])
            turn = cv2.getRotationMatrix2D((size / 2, size / 2), 8 * np.sin(time_in_scene / 7 + phases[k, 0]), 1)
            face = cv2.resize(faces[cast[k]], (size, size), interpolation=cv2.INTER_AREA)
            face = cv2.warpAffine(face, turn, (size, size), borderMode=cv2.BORDER_REFLECT)
            sway = np.array([np.sin(time_in_scene / 10 + phases[k, 1]), np.cos(time_in_scene / 13 + phases[k, 0])])
            corner = cell * [k % columns, k // columns] + (cell - size) / 2 + 0.3 * size * sway
            x, y = np.clip(corner, 0, np.array([WIDTH, HEIGHT]) - size).astype(int)
            image[y : y + size, x : x + size] = face
        noisy = image + np.roll(noise, tuple(random.integers(0, 99, 2)), (0, 1))
        writer.write(np.clip(noisy, 0, 255).astype(np.uint8))
    writer.close()


if __name__ == "__main__":
    main()
