"""Near-duplicates: each way of changing a picture is found, other pictures are not, and blocks give the whole result."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from bimodal.data import near_duplicates
from bimodal.data.near_duplicates import (
    PROBLEM,
    THRESHOLD,
    most_similar,
    partner_of,
    report_near_duplicates,
    similar_groups,
    thumbnail,
)
from bimodal.synthetic.dataset import draw_set

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def faces() -> Pixels:
    return draw_set(120, size=96, seed=3).images


def thumbnails(pictures: list[Pixels] | Pixels) -> near_duplicates.Thumbnails:
    return np.stack([thumbnail(picture) for picture in pictures])


def compressed(picture: Pixels) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=30)
    return np.asarray(Image.open(file))


def brightness(factor: float) -> Callable[[Pixels], Pixels]:
    return lambda picture: (picture * factor).clip(0, 255).astype(np.uint8)


def half_size(picture: Pixels) -> Pixels:
    return np.asarray(Image.fromarray(picture).resize((48, 48), Image.Resampling.BILINEAR))


def cropped(picture: Pixels) -> Pixels:
    return picture[1:-1, 1:-1]  # 1 % a side


@pytest.mark.parametrize(
    ("change", "least_share"),
    [(compressed, 1), (half_size, 1), (brightness(0.7), 1), (brightness(1.3), 0.95), (cropped, 0.95)],
)
def test_changed_copies_are_near_duplicates(
    faces: Pixels, change: Callable[[Pixels], Pixels], least_share: float
) -> None:
    changed = thumbnails([change(face) for face in faces])
    correlations = (thumbnails(faces) * changed).sum(axis=1)
    assert (correlations >= THRESHOLD).mean() >= least_share
    rows, _ = most_similar(changed, thumbnails(faces))
    assert (rows == np.arange(len(faces))).all()


def test_other_faces_are_no_near_duplicates(faces: Pixels) -> None:
    correlations = thumbnails(faces) @ thumbnails(faces).T
    np.fill_diagonal(correlations, 0)
    assert correlations.max() < THRESHOLD
    assert similar_groups(thumbnails(faces)) == [None] * len(faces)


def test_contrast_and_brightness_do_not_change_a_thumbnail() -> None:
    picture = np.random.default_rng(0).integers(0, 100, (64, 48, 3), dtype=np.uint8)
    np.testing.assert_allclose(thumbnail(picture), thumbnail(2 * picture + 20), atol=0.02)
    assert np.linalg.norm(thumbnail(picture)) == pytest.approx(1, abs=1e-5)
    assert not thumbnail(np.full((64, 48, 3), 7, np.uint8)).any()
    assert similar_groups(np.zeros((5, 256), np.float32)) == [None] * 5  # pictures of a single colour


def test_blocks_give_the_result_of_the_whole_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(50, 256)).astype(np.float32)
    for row, other in ((13, 2), (21, 13), (40, 39)):
        rows[row] = rows[other] + rng.normal(0, 0.05, 256)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    matrix = rows[:30] @ rows[30:].T
    for chunk in (1, 7, 64):
        monkeypatch.setattr(near_duplicates, "_CHUNK", chunk)
        nearest, correlations = most_similar(rows[:30], rows[30:])
        assert nearest.tolist() == matrix.argmax(axis=1).tolist()
        np.testing.assert_allclose(correlations, matrix.max(axis=1), rtol=1e-5)
        groups = similar_groups(rows)
        assert groups[2] == groups[13] == groups[21] != groups[39] == groups[40] is not None
        assert {row for row, group in enumerate(groups) if group is not None} == {2, 13, 21, 39, 40}


def test_random_trees_find_what_the_whole_matrix_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(4000, 256)).astype(np.float32) * np.linspace(3, 0.1, 256, dtype=np.float32)
    changed, source = rng.permutation(4000)[:600].reshape(2, 300)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows[changed] = rows[source] + rng.normal(0, 0.27 / 16, (300, 256))  # the least correlation of near-duplicates
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
    images, splits = [f"{row}.png" for row in range(4000)], ["train", "train", "val", "test"] * 1000
    digests = [str(row).encode() for row in range(4000)]
    expected = similar_groups(rows), report_near_duplicates(images, splits, digests, rows)
    monkeypatch.setattr(near_duplicates, "_MAX_PAIRS", 0)
    for number, found in enumerate((similar_groups(rows), report_near_duplicates(images, splits, digests, rows))):
        missed = len(set(map(str, expected[number])) - set(map(str, found)))
        assert len(expected[number]) > 100
        assert not set(map(str, found)) - set(map(str, expected[number]))  # nothing that is none
        assert missed <= 0.02 * len(set(map(str, expected[number])))


def test_pictures_that_are_all_alike_are_not_grouped(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.eye(12, 256, dtype=np.float32)
    rows[1:3] = rows[0]
    assert similar_groups(rows)[:4] == [similar_groups(rows)[0]] * 3 + [None]
    assert not caplog.records
    rows[3] = rows[0]
    assert similar_groups(rows) == [None] * 12
    assert "near-duplicates" in caplog.text
    caplog.clear()
    monkeypatch.setattr(near_duplicates, "_MAX_PAIRS", 0)
    monkeypatch.setattr(near_duplicates, "_MAX_LINKS", 10)
    assert similar_groups(np.ones((700, 256), np.float32) / 16) == [None] * 700  # more links than are kept
    assert "near-duplicates" in caplog.text


def test_near_duplicates_of_training_pictures_are_reported() -> None:
    rows = np.eye(7, 256, dtype=np.float32)[[0, 1, 2, 0, 1, 2, 3]]
    images = ["a.png", "b with hat.png", "c.png", "d.png", "e.png", "f.png", "g.png"]
    splits = ["train", "train", "val", "test", "val", "test", "test"]
    digests = [b"a", b"b", b"c", b"a", b"e", b"f", b"g"]
    problems = report_near_duplicates(images, splits, digests, rows)  # d is a copy; f resembles a validation picture
    assert [(problem.image, problem.split, problem.problem, problem.action) for problem in problems] == [
        ("e.png", "val", PROBLEM, "kept")
    ]
    assert partner_of(problems[0].detail) == "b with hat.png"
    for split in ("train", "test"):
        assert report_near_duplicates(images, [split] * 7, digests, rows) == []
