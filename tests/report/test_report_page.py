"""The page is complete and self-contained, and shows names as text."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from bimodal.errors import InputError
from bimodal.report import report_page
from bimodal.report.conditions import group, open_runs
from bimodal.report.figures import report_figures
from bimodal.report.gallery import SHOWN
from bimodal.report.report_page import GENERATOR, Report, build, write_report
from tests.runs import TRAIN, VAL, write_run

SECTIONS = ["summary", "results", "removed", "training", "classes", "data", "network", "making"]
HOSTILE = "<script>alert(1)</script>\"'&{{7*7}}$x$"
_VOID = {"meta", "img", "link", "br"}


class _Checker(HTMLParser):
    """Collects tags, ids and text, and whether every element is closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.sources: list[str] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        self.ids += [values["id"] or ""] if "id" in values else []
        self.sources += [values[key] or "" for key in ("src", "href", "xlink:href") if key in values]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))


def _check(report: Report) -> _Checker:
    page = _Checker(report.html)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert not re.search(r"https?://|@import|url\((?!#)", report.html)
    assert all(source.startswith(("data:image/", "#")) for source in page.sources)
    assert not {"script", "link", "iframe", "object", "form"} & set(page.tags)
    assert f'name="generator" content="{GENERATOR}"' in report.html
    return page


def _build(*paths: Path) -> Report:
    return build(group(open_runs(paths)))


def test_one_run_has_every_section_and_figure(tmp_path: Path) -> None:
    report = _build(write_run(tmp_path, "w", rule="wang"))
    page = _check(report)
    assert [name for name in page.ids if name in SECTIONS] == SECTIONS
    assert [figure.paper for figure in report.figures] == [None, None, 8, 9, 10, 11, 7, 2, 3, 4]
    assert {"confusion", "reliability"} <= {figure.stem for figure in report.figures}
    assert re.findall(r"Figure (\d+)\.", page.text) == [str(n) for n in range(1, 11)]
    assert "(Figure 8 of the paper.)" in page.text
    assert f"6 of {TRAIN} training faces (10.0 %) after epoch 6" in page.text
    assert "100 % of the removed faces have a wrong label" in page.text
    assert "Unknown: this needs a second condition" in page.text
    assert page.text.count("true label: ") == 6
    assert page.tags.count("img") == 6


def test_a_run_without_removal(tmp_path: Path) -> None:
    report = _build(write_run(tmp_path, "n"))
    page = _check(report)
    assert [figure.paper for figure in report.figures] == [None, None, 5, 6, 7, 2, 3, 4]
    assert page.text.index("Figure 1. ") < page.text.index("Figure 2. ")
    assert "this run was trained without removal" in page.text
    assert "img" not in page.tags


def test_a_removal_that_removed_nothing(tmp_path: Path) -> None:
    page = _check(_build(write_run(tmp_path, "w", rule="wang", removed=0)))
    assert "was not applied during training; all 60 training faces were kept" in page.text
    assert "with removal (wang), all training faces were kept" in page.text


def test_several_runs_and_seeds_are_compared(tmp_path: Path) -> None:
    without = [write_run(tmp_path, f"n{seed}", seed=seed, accuracy=0.4) for seed in range(3)]
    removing = [write_run(tmp_path, f"w{seed}", seed=seed, rule="wang", removed=4 + seed) for seed in range(3)]
    report = _build(*without, *removing)
    page = _check(report)
    stems = {figure.stem for figure in report.figures}
    assert {"accuracies", "loss_1", "loss_2", "losses_before_2", "confusion_1", "confusion_2"} <= stems
    assert "4 to 6 (mean 5.0) of 60 training faces with each of 3 seeds" in page.text
    assert "4 faces were removed with every seed, 6 with at least one" in page.text
    assert "Each pair of runs, exact McNemar test" in page.text
    assert "in 3 of 3 seeds" in page.text
    assert "with removal (wang) is" in page.text
    for name in ("n0", "n2", "w0", "w2"):
        assert name in page.text


def test_without_test_predictions_it_measures_on_validation(tmp_path: Path) -> None:
    page = _check(_build(write_run(tmp_path, "w", rule="wang", test=False)))
    assert f"Measured on {VAL} validation faces" in page.text
    assert "These are validation faces" in page.text


def test_without_any_predictions_it_says_how_to_make_them(tmp_path: Path) -> None:
    path = write_run(tmp_path, "w", rule="wang", test=False)
    (path / "predictions_val.csv").unlink()
    page = _check(_build(path))
    assert "There are no predictions yet" in page.text
    assert "bimodal evaluate RUN" in page.text


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    path = write_run(tmp_path, "w<i>&", rule="wang", prefix="x<img src=x onerror=alert(1)>\"'", backbone=HOSTILE)
    other = write_run(tmp_path, "n<i>&", rule="wang", prefix="x<img src=x onerror=alert(1)>\"'", backbone="ok")
    report = _build(path, other)
    page = _check(report)
    assert HOSTILE in page.text
    assert "<img src=x" not in report.html
    assert "<script>" not in report.html
    assert "x<img src=x onerror" not in page.text  # the names of pictures stand in attributes only
    alone = _check(_build(path))
    assert "w<i>&" in alone.text
    assert "i" not in alone.tags


def test_missing_pictures_are_counted(tmp_path: Path) -> None:
    path = write_run(tmp_path, "w", rule="wang")
    (tmp_path / "data/images/face000.png").unlink()
    page = _check(_build(path))
    assert "1 of the pictures could not be read" in page.text
    assert page.tags.count("img") == 5


def test_the_gallery_is_bounded(tmp_path: Path) -> None:
    path = write_run(tmp_path, "w", rule="wang")
    one = pd.read_csv(path / "removed.csv").iloc[[0]]
    rows = pd.concat([one.assign(row=row) for row in range(SHOWN + 30)])
    rows.to_csv(path / "removed.csv", index=False)
    page = _check(_build(path))
    assert page.tags.count("img") == SHOWN
    assert "30 more are listed in removed.csv" in page.text


def test_blank_pictures_are_counted_both_ways(tmp_path: Path) -> None:
    path = write_run(tmp_path, "n", flags={TRAIN + VAL: "blank", TRAIN + VAL + 1: "no-face"})
    page = _check(_build(path))
    assert "1 of the 35 pictures have a single colour" in page.text


def test_only_an_earlier_report_is_replaced(tmp_path: Path) -> None:
    path = write_run(tmp_path, "w", rule="wang")
    page = write_report([path])
    assert page == path / "report.html"
    svgs, pngs = (sorted(file.stem for file in (path / "figures").glob(f"*.{e}")) for e in ("svg", "png"))
    assert svgs == pngs
    assert "variance" in svgs
    own = path / "figures" / "mine.txt"
    own.write_text("mine")
    with pytest.raises(InputError, match="--overwrite"):
        write_report([path])
    before = page.read_bytes()
    write_report([path], overwrite=True)
    assert page.read_bytes() == before
    assert own.read_text() == "mine"
    page.write_text("<html>my own page</html>")
    with pytest.raises(InputError, match="not replaced"):
        write_report([path], overwrite=True)
    assert page.read_text() == "<html>my own page</html>"


@pytest.fixture
def few_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw one figure a section: most of the time of a report is that of its figures."""
    monkeypatch.setattr(
        report_page, "report_figures", lambda *given: {name: each[:1] for name, each in report_figures(*given).items()}
    )


@pytest.mark.usefixtures("few_figures")
def test_other_folders_are_refused(tmp_path: Path) -> None:
    path = write_run(tmp_path, "w", rule="wang")
    home, file = tmp_path / "home", tmp_path / "file"
    home.mkdir()
    (home / "letter.txt").write_text("mine")
    file.write_text("mine")
    (home / "figures").mkdir()
    with pytest.raises(InputError, match="figures exists, but does not belong to a report"):
        write_report([path], home, overwrite=True)
    (home / "figures").rename(home / "pictures")
    write_report([path], home)
    assert (home / "letter.txt").read_text() == "mine"
    with pytest.raises(InputError, match="is a file"):
        write_report([path], file, overwrite=True)
    assert write_report([path], tmp_path / "new" / "report") == tmp_path / "new" / "report" / "report.html"
    assert [entry.name for entry in (tmp_path / "new").iterdir()] == ["report"]


@pytest.mark.usefixtures("few_figures")
def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_run(tmp_path, "w", rule="wang")

    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bimodal.report.report_page.plot.png", full)
    with pytest.raises(OSError, match="No space"):
        write_report([path], tmp_path / "out" / "report")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.usefixtures("few_figures")
def test_a_full_disk_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_run(tmp_path, "w", rule="wang")
    write_text = Path.write_text

    def full(file: Path, content: str, encoding: str) -> int:
        if file.suffix == ".html":
            raise OSError(28, "No space left on device")
        return write_text(file, content, encoding)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space") as caught:
        write_report([path])
    assert caught.value.filename == str(path / "report.html")
