"""Run the label-noise study: write the training sets, train, measure, and write tables and figures."""

import importlib.util
import time
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, get_args

from bimodal.data.manifest import FILE, Manifest
from bimodal.data.prepare import prepare
from bimodal.errors import InputError
from bimodal.experiments.jobs.scheduler import run_all
from bimodal.experiments.label_noise.cells import SMALL, Cell, all_cells
from bimodal.experiments.label_noise.figures import write_figures
from bimodal.experiments.label_noise.plan import Methods, jobs
from bimodal.experiments.label_noise.results import load
from bimodal.experiments.label_noise.samples import (
    TRUTH,
    VAL,
    Fer,
    read_annotations,
    read_fer,
    write_fer_cell,
    write_photographs_cell,
    write_public,
    write_with_wrong_labels,
)
from bimodal.experiments.label_noise.tables import write_tables
from bimodal.experiments.study_folder import exclusive_folder, read_identity, write_identity
from bimodal.progress import inform
from bimodal.settings import check_range
from bimodal.synthetic.dataset import write_set
from bimodal.training.environment import environment_of

SYNTHETIC_TEST = 1000
"""Test faces of the synthetic set."""


@dataclass(frozen=True)
class NoiseOptions:
    """The options of the study.

    Attributes:
        fer: data folder of FER2013 with the votes of FERPlus; None: no cells of FER2013.
        photographs: data folder of photographs; None: no cell of photographs.
        annotations: CSV `image,label` with several annotators' labels of some photographs.
        seeds: number of seeds, 1 to 100.
        only: pattern of the cells to use, such as `clean-891-*`; None: all.
        address: of a Ray cluster, `auto` or `host:port`.
        methods: which methods to run: `features`, those without any training; `audits`, also those with one training;
            `all`, also those with several, and trainings without the labels that were found.

    Raises:
        InputError: `seeds` is out of range, `methods` is unknown, or one of photographs and annotations is missing.
    """

    fer: Path | None = None
    photographs: Path | None = None
    annotations: Path | None = None
    seeds: int = 3
    only: str | None = None
    address: str | None = None
    methods: Methods = "all"

    def __post_init__(self) -> None:
        check_range("seeds", self.seeds, 1, 100, whole=True)
        if self.methods not in get_args(Methods):
            raise InputError(f"--methods must be one of {', '.join(get_args(Methods))}, got {self.methods!r}")
        if (self.photographs is None) != (self.annotations is None):
            raise InputError("--photographs needs --annotations, which say which labels are wrong; give both or none")

    @property
    def cells(self) -> list[Cell]:
        """The cells to use, in their order.

        Raises:
            InputError: `only` matches none.
        """
        available = all_cells(self.seeds, self.fer is not None, self.photographs is not None)
        chosen = [cell for cell in available if self.only is None or fnmatch(cell.condition, self.only)]
        if self.methods == "features":
            chosen = [cell for cell in chosen if cell.allows_features]
        if not chosen:
            conditions = ", ".join(dict.fromkeys(cell.condition for cell in available))
            raise InputError(f"--only {self.only!r} matches no training set; expected a pattern for: {conditions}")
        return chosen


def study_label_noise(out: str | Path, options: NoiseOptions | None = None, command: str = "") -> dict[str, str]:
    """Run or resume the study, and write its tables and figures; return the error of each failed training by its name.

    Args:
        out: the study's folder, new or of the same study.
        options: which cells, on which data.
        command: the command line that repeats the study; `study.yaml` records it.

    Raises:
        InputError: the data or an option cannot be used, or `out` holds something else.
    """
    options = options or NoiseOptions()
    out = Path(out).absolute()
    cells = options.cells
    if importlib.util.find_spec("cleanlab") is None:
        raise InputError("the study compares with cleanlab; install it with: pip install cleanlab")
    with exclusive_folder(out):
        _check_identity(out, options, command)
        _write_cells(out, cells, options)
        total = len(jobs(out / "nowhere", cells, options.methods))
        failures = run_all(jobs(out, cells, options.methods), options.address, total=total)
        inform("measuring")
        conditions = load(out, list(dict.fromkeys([*cells, *all_cells(options.seeds)])))  # with those of earlier calls
        write_tables(conditions, out)
        write_figures(conditions, out / "figures", out / "faces")
    return failures


def _check_identity(out: Path, options: NoiseOptions, command: str) -> None:
    """Check that the folder holds this study, or none yet, and write `study.yaml`."""
    folders = {"fer": options.fer, "photographs": options.photographs}
    manifests = {name: Manifest.read(folder) for name, folder in folders.items() if folder is not None}
    identity = {"study": "label-noise", **{name: manifest.fingerprint for name, manifest in manifests.items()}}
    old = read_identity(out)
    if old and (old.get("study") != "label-noise" or any(old.get(key, new) != new for key, new in identity.items())):
        raise InputError(f"{out} holds another study, or one of other faces; choose another --out")
    record: dict[str, Any] = {"command": command, "written": time.strftime("%Y-%m-%d %H:%M:%S")}
    if manifests:
        record["environment"] = environment_of(next(iter(manifests.values())), 0)
    write_identity(out, {**old, **identity, **record})


def _write_cells(out: Path, cells: list[Cell], options: NoiseOptions) -> None:
    """Write the data folders of the cells; existing ones stay."""
    inform(f"{len(cells)} training sets")
    sources = {cell.faces for cell in cells}
    needs_fer = sources & {"clean", "own", "public-clean", "public-own"}
    fer = read_fer(Manifest.read(options.fer)) if options.fer and needs_fer else None
    synthetic = _draw_faces(out) if "drawn" in sources else None
    photographs = Manifest.read(options.photographs) if options.photographs else None
    annotations = read_annotations(options.annotations) if options.annotations else {}
    for cell in cells:
        folder = out / "faces" / cell.name
        if (folder / TRUTH).is_file():
            continue
        if cell.faces == "drawn" and synthetic is not None:
            write_with_wrong_labels(synthetic, synthetic.table, cell, folder)
        elif photographs is not None and cell.faces == "photographs":
            if cell.pattern == "own":
                write_photographs_cell(photographs, annotations, folder)
            else:
                write_with_wrong_labels(photographs, photographs.table, cell, folder)
        elif fer is not None and cell.faces == "public-own":
            write_public(fer, False, folder)
        elif fer is not None and cell.faces == "public-clean":
            public = _public_clean(out, fer)
            write_with_wrong_labels(public, public.table, cell, folder)
        elif fer is not None:
            write_fer_cell(fer, cell, folder)


def _public_clean(out: Path, fer: Fer) -> Manifest:
    """Return the faces of PublicTest on which the taggers agree; all cells share their decoded pictures and features."""
    folder = out / "public-clean"
    if not (folder / TRUTH).is_file():
        write_public(fer, True, folder)
    return Manifest.read(folder)


def _draw_faces(out: Path) -> Manifest:
    source, folder = out / "drawn-source", out / "drawn"
    if not (folder / FILE).is_file():
        inform("drawing faces")
        if not source.exists():
            write_set(source, SMALL, wrong=0.0, no_face=0.0, val=VAL, test=SYNTHETIC_TEST)
        prepare(source, folder)
    return Manifest.read(folder)
