"""The page shows what is called wrong beside faces like it, takes no name for markup, and asks for nothing."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from safetensors.torch import save_file

from bimodal.data.manifest import Manifest
from bimodal.emotions import NAMES
from bimodal.label_audit import suspects_page
from bimodal.label_audit.suspects import Suspects, list_suspects
from bimodal.label_audit.suspects_page import _well_labelled, write_page
from bimodal.runs.run import Run
from bimodal.training.predict import build_classifier
from bimodal.training.settings import TrainSettings
from tests.conftest import write_data

FACES, WRONG = 140, 42
HOSTILE = (
    "<img src=x onerror=alert(1)>.png",
    "\"quoted\", 'twice'; {{7*7}}.png",
    "two\nlines &amp; a\rreturn.png",
    "=1+1</script><b>.png",
)


class _Page(HTMLParser):
    """Collects tags, their attributes, the cards and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.cards: list[str] = []
        self.pictures: dict[str, list[str | None]] = {}
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append((tag, values))
        if "data-image" in values:
            self.cards.append(json.loads(values["data-image"] or ""))
        if tag == "img":
            self.pictures.setdefault(self.cards[-1], []).append(values["alt"])

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))


def _rename(data: Path) -> None:
    """Give the first wrongly labelled faces hostile names."""
    table = pd.read_csv(data / "manifest.csv", keep_default_na=False)
    for row, name in enumerate(HOSTILE):
        new = "images/" + name.replace("/", "\N{DIVISION SLASH}")
        (data / table.loc[row, "image"]).rename(data / new)
        table.loc[row, "image"] = new
    table.to_csv(data / "manifest.csv", index=False)


def _write_run(folder: Path, data: Path) -> Run:
    """Write what an audit's training leaves: pred_probs in the true labels, and a network of random weights."""
    settings = TrainSettings.preset("small", {"image_size": 32, "hidden": 16, "removal": "none"})
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump({"bimodal": "0", "data": str(data), **settings.to_dict()}))
    (folder / "environment.json").write_text(json.dumps({"data_fingerprint": "f"}))
    save_file(build_classifier(settings).state_dict(), folder / "model.safetensors")
    logits = 4 * np.eye(len(NAMES))[np.arange(FACES) % len(NAMES)]
    pred_probs = np.exp(logits + np.random.default_rng(0).normal(size=logits.shape))
    np.savez(folder / "losses.npz", rows=np.arange(FACES), mean=np.ones(FACES), pred_probs=pred_probs)
    return Run.open(folder)


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Manifest, Suspects]:
    folder = tmp_path_factory.mktemp("audit")
    data = write_data(folder / "data", {"train": FACES, "val": 7, "test": 7}, wrong=WRONG)
    _rename(data)
    run, manifest = _write_run(folder / "run", data), Manifest.read(data)
    return run, manifest, list_suspects(run, manifest)


def _write(file: Path, run: Run, manifest: Manifest, suspects: Suspects) -> _Page:
    write_page(run, manifest, suspects, file)
    return _Page(file.read_bytes().decode())


def _by_label(suspects: Suspects, limit: int) -> list[str]:
    called = suspects.called
    return [image for name in NAMES for image in called[called["label"] == name]["image"][:limit]]


def test_every_called_face_stands_beside_three_of_each_label(
    audited: tuple[Run, Manifest, Suspects], tmp_path: Path
) -> None:
    suspects = audited[2]
    made = _write(tmp_path / "suspects.html", *audited)
    assert len(suspects.called) > WRONG / 2
    assert made.cards == _by_label(suspects, suspects_page.SHOWN)
    for image, label, suggested in suspects.called[["image", "label", "suggested"]].itertuples(index=False):
        own, *others = made.pictures[image]
        assert own == image
        assert others == [f"well labelled {label}"] * 3 + [f"well labelled {suggested}"] * 3
    assert f"{len(suspects.called)} of {FACES} training labels are called wrong" in made.text
    assert [file.name for file in tmp_path.iterdir()] == ["suspects.html"]


def test_what_is_beyond_the_limit_is_said(
    audited: tuple[Run, Manifest, Suspects], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suspects_page, "SHOWN", 2)
    made = _write(tmp_path / "suspects.html", *audited)
    assert made.cards == _by_label(audited[2], 2)
    more = (audited[2].called["label"].value_counts() - 2).max()
    assert f"{more} more of them stand in suspects.csv alone" in made.text


def test_names_are_no_markup_and_come_back_as_they_were(
    audited: tuple[Run, Manifest, Suspects], tmp_path: Path
) -> None:
    made = _write(tmp_path / "suspects.html", *audited)
    called = set(audited[2].called["image"])
    hostile = {image for image in audited[1].table["image"][: len(HOSTILE)] if image in called}
    assert len(hostile) == len(HOSTILE)
    assert hostile <= set(made.cards)
    assert not [tag for tag, values in made.tags if any(name.startswith("on") for name in values)]
    assert [tag for tag, _ in made.tags].count("script") == 1
    assert "; 49.png" not in made.html


def test_it_is_self_contained(audited: tuple[Run, Manifest, Suspects], tmp_path: Path) -> None:
    made = _write(tmp_path / "suspects.html", *audited)
    policy = next(values["content"] for _, values in made.tags if "http-equiv" in values) or ""
    scripts = re.findall(r"<script>(.*?)</script>", made.html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert len(scripts) == 1
    assert policy.startswith("default-src 'none'")
    assert f"script-src 'sha256-{digest}'" in policy
    assert not re.search(r"https?://|@import|url\((?!#)", made.html)
    links = [values[key] or "" for _, values in made.tags for key in ("src", "href", "xlink:href") if key in values]
    assert links
    assert all(link.startswith(("data:image/jpeg;base64,", "#")) for link in links)
    ids = [values["id"] for _, values in made.tags if "id" in values]
    assert len(ids) == len(set(ids))


def test_a_full_page_stays_below_eight_megabytes(audited: tuple[Run, Manifest, Suspects], tmp_path: Path) -> None:
    made = _write(tmp_path / "suspects.html", *audited)
    assert len(made.html) / len(made.cards) * suspects_page.SHOWN * len(NAMES) < 8e6


def test_lost_pictures_leave_a_gap(audited: tuple[Run, Manifest, Suspects], tmp_path: Path) -> None:
    run, manifest, suspects = audited
    lost = manifest.path(int(suspects.called.index[-1]))
    content = lost.read_bytes()
    try:
        lost.write_bytes(b"no picture")
        unreadable = _write(tmp_path / "a.html", run, manifest, suspects)
        damaged = _write(tmp_path / "b.html", run, Manifest.read(manifest.root), suspects)
        lost.unlink()
        gone = _write(tmp_path / "c.html", run, replace(manifest), suspects)
    finally:
        lost.write_bytes(content)
    for made in (unreadable, damaged, gone):
        assert made.cards == _by_label(suspects, suspects_page.SHOWN)
        assert made.text.count("no picture") == 1
    assert "could not be found" not in unreadable.text
    assert "compare with could not be found" in damaged.text
    assert "compare with could not be found" in gone.text


def test_where_nothing_is_called_wrong_the_most_doubtful_are_shown(
    audited: tuple[Run, Manifest, Suspects], tmp_path: Path
) -> None:
    run, manifest, suspects = audited
    nothing = np.zeros(FACES, dtype=bool)
    modes = replace(suspects.modes, found=False, share=0.0, threshold=np.inf, called=nothing)
    table = suspects.table.assign(flags="")
    made = _write(tmp_path / "suspects.html", run, manifest, Suspects(table, modes, suspects.rows))
    assert "no sign of wrong labels" in made.text
    assert "Most doubtful, though nothing is called wrong" in made.text
    expected = [image for name in NAMES for image in table[table["label"] == name]["image"][: suspects_page.DOUBTFUL]]
    assert made.cards == expected


def test_the_less_doubtful_half_stands_in_where_no_label_can_be_trusted(
    audited: tuple[Run, Manifest, Suspects],
) -> None:
    modes = replace(
        audited[2].modes,
        called=np.array([True, False, False, False, False]),
        probability=np.array([0.9, 0.5, 0.3, 0.1, 0.1]),
        score=np.array([3.0, 2.0, 1.0, -1.0, -2.0]),
    )
    assert _well_labelled(modes, np.array([0, 0, 0, 0, 0])).tolist() == [False, False, False, True, True]
    assert _well_labelled(modes, np.array([0, 0, 0, 1, 1])).tolist() == [False, False, True, True, True]
