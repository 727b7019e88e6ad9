"""The label-noise study from end to end: cells, trainings, tables and figures; what has ended stays."""

import importlib.util
import time
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import yaml

from bimodal.data.manifest import FILE, Manifest
from bimodal.data.prepare import prepare
from bimodal.errors import InputError
from bimodal.experiments.jobs.executor import run_all
from bimodal.experiments.label_noise.cells import SMALL, Cell, all_cells
from bimodal.experiments.label_noise.figures import write_figures
from bimodal.experiments.label_noise.plan import jobs
from bimodal.experiments.label_noise.results import Condition, load
from bimodal.experiments.label_noise.samples import (
    VAL,
    read_fer,
    read_second_opinions,
    write_drawn_cell,
    write_fer_cell,
    write_photographs_cell,
)
from bimodal.experiments.label_noise.tables import write_tables
from bimodal.experiments.paper_table.folder import IDENTITY, alone
from bimodal.files import write_atomically
from bimodal.progress import inform
from bimodal.settings import plain_yaml
from bimodal.synthetic.dataset import write_set
from bimodal.training.record import environment_of

DRAWN_TEST = 1000


@dataclass(frozen=True)
class NoiseOptions:
    """What the study may be told; each field is an option of the command line.

    Attributes:
        fer: data folder of FER2013 with the votes of FERPlus; None: without its cells.
        photographs: data folder of photographs; None: without them.
        annotations: CSV `image,label,...` with several labels of some of these photographs.
        seeds: runs of each cell.
        only: pattern of the cells to run, such as `clean-891-*`; None: all.
        address: of a Ray cluster.

    Raises:
        InputError: numbers out of range, or photographs without annotations.
    """

    fer: Path | None = None
    photographs: Path | None = None
    annotations: Path | None = None
    seeds: int = 3
    only: str | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.seeds <= 100:
            raise InputError(f"--seeds must be from 1 to 100, got {self.seeds}")
        if (self.photographs is None) != (self.annotations is None):
            raise InputError(
                "--photographs and --annotations belong together: the second predictions_at_removal are the truth there"
            )

    @property
    def cells(self) -> list[Cell]:
        """The cells to run, in their order.

        Raises:
            InputError: `only` matches none.
        """
        everything = all_cells(self.seeds, self.fer is not None, self.photographs is not None)
        chosen = [cell for cell in everything if self.only is None or fnmatch(cell.condition, self.only)]
        if not chosen:
            known = ", ".join(dict.fromkeys(cell.condition for cell in everything))
            raise InputError(f"--only {self.only!r} matches no cell; there are: {known}")
        return chosen


@dataclass(frozen=True, eq=False)
class NoiseStudy:
    """What the study found so far, and the files that say it."""

    conditions: list[Condition]
    files: list[Path]
    failures: dict[str, str]


def study_label_noise(out: Path, options: NoiseOptions, command: str = "") -> NoiseStudy:
    """Run the study, or go on with it, and write its tables and figures.

    Args:
        out: the study's folder, new or of the same study.
        options: which cells, on what.
        command: how the tables say that they can be repeated.

    Raises:
        InputError: data or an option cannot be used, or `out` holds something else.
    """
    out = Path(out).absolute()
    cells = options.cells
    if importlib.util.find_spec("cleanlab") is None:
        raise InputError("the study compares with cleanlab; install it with: pip install cleanlab")
    with alone(out):
        _begin(out, options, command)
        _write_cells(out, cells, options)
        failures = _run(out, cells, options)
        inform("measuring")
        conditions = load(out, [*dict.fromkeys([*cells, *all_cells(options.seeds)])])  # also what earlier calls ran
        files = [*write_tables(conditions, out), *write_figures(conditions, out / "figures", out / "faces")]
    return NoiseStudy(conditions, files, failures)


def _begin(out: Path, options: NoiseOptions, command: str) -> None:
    """Note what the study is of, or see that it is this one."""
    file = out / IDENTITY
    given = {"fer": options.fer, "photographs": options.photographs}
    manifests = {name: Manifest.read(folder) for name, folder in given.items() if folder is not None}
    identity = {"study": "label-noise", **{name: manifest.fingerprint for name, manifest in manifests.items()}}
    old: dict[str, str] = {}
    if file.is_file():
        try:
            old = dict(plain_yaml(file.read_text(encoding="utf-8")))
        except (yaml.YAMLError, UnicodeError, TypeError, ValueError) as error:
            raise InputError(f"{file} is damaged; choose another --out") from error
        if old.get("study") != "label-noise" or any(name in old and old[name] != identity[name] for name in identity):
            raise InputError(f"{out} holds another study, or one of other faces; choose another --out")
    any_manifest = next(iter(manifests.values()), None)
    told = {} if any_manifest is None else {"environment": environment_of(any_manifest, 0)}
    new = {**old, **identity, "command": command, "written": time.strftime("%Y-%m-%d %H:%M:%S"), **told}
    text = yaml.safe_dump(new, sort_keys=False, allow_unicode=True)
    write_atomically(file, lambda part: part.write_text(text, encoding="utf-8"))


def _write_cells(out: Path, cells: list[Cell], options: NoiseOptions) -> None:
    inform(f"{len(cells)} training sets")
    fer = (
        read_fer(Manifest.read(options.fer))
        if options.fer and any(c.faces in ("clean", "own") for c in cells)
        else None
    )
    drawn = _draw(out) if any(cell.faces == "drawn" for cell in cells) else None
    photographs = Manifest.read(options.photographs) if options.photographs else None
    second = read_second_opinions(options.annotations) if options.annotations else {}
    for cell in cells:
        folder = out / "faces" / cell.name
        if cell.faces == "drawn":
            assert drawn is not None
            write_drawn_cell(drawn, cell, folder)
        elif cell.faces == "photographs":
            assert photographs is not None
            write_photographs_cell(photographs, second, folder)
        else:
            assert fer is not None
            write_fer_cell(fer, cell, folder)


def _draw(out: Path) -> Manifest:
    source, folder = out / "drawn-source", out / "drawn"
    if not (folder / FILE).is_file():
        inform("drawing faces")
        if not source.exists():
            write_set(source, SMALL, wrong=0.0, no_face=0.0, val=VAL, test=DRAWN_TEST)
        prepare(source, folder)
    return Manifest.read(folder)


def _run(out: Path, cells: list[Cell], options: NoiseOptions) -> dict[str, str]:
    """Train what has not been trained yet; return why trainings failed, by their names."""
    todo = jobs(out, cells)
    everything = len(jobs(out / "nowhere", cells))
    return run_all(todo, options.address, everything)
