"""`bimodal reproduce`."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from bimodal.cli.options import LoggerOption
from bimodal.errors import InputError


def reproduce(
    data: Annotated[
        Path | None,
        typer.Argument(
            help="Data folder made by bimodal prepare, or a source that prepare takes, such as SFEW's folder."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Study folder to write or to resume (required).")] = None,
    methods: Annotated[
        str | None,
        typer.Option(help="Methods to run, separated by commas; see --list. (default: all whose data are given)"),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(help="Runs of each method, 1 to 100. (default: 3 with deep networks, else 5)")
    ] = None,
    noise: Annotated[
        str,
        typer.Option(
            help="Shares of the training labels to make wrong, 0 to 0.9, separated by commas, such as 0,0.1,0.2; each "
            "share gives a table.",
            metavar="SHARE,...",
        ),
    ] = "0",
    protocol: Annotated[
        str,
        typer.Option(
            help="How the faces are split. group-disjoint: the splits of DATA, with no person or film in two of them. "
            "paper: validation and test are random halves; the report says what leaks. person-independent: two folds "
            "with no person or film in both, as in SFEW's SPI protocol.",
            metavar="group-disjoint|paper|person-independent",
        ),
    ] = "group-disjoint",
    quick: Annotated[
        bool, typer.Option("--quick", help="Train small networks on small pictures, for a laptop. Every table says so.")
    ] = False,
    larger: Annotated[
        Path | None,
        typer.Option(
            help="Data folder (or source, such as fer2013.csv) of a larger set, on which the two-stage methods train first."
        ),
    ] = None,
    unaligned: Annotated[
        Path | None,
        typer.Option(help="Data folder of the same faces before alignment, for the method resnet50-unaligned."),
    ] = None,
    lpq: Annotated[
        Path | None,
        typer.Option(help="LPQ features from another program: an .npz file with the arrays image and features."),
    ] = None,
    phog: Annotated[
        Path | None,
        typer.Option(help="PHOG features from another program: an .npz file with the arrays image and features."),
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            help="File of pretrained weights of resnet50, vgg16 or inception-v3; repeat the option for each network. "
            "(default: those of the Hugging Face hub)",
            metavar="NAME=FILE",
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            help="Address of a Ray cluster, auto or HOST:PORT; all its machines must see DATA and STUDY under these paths."
        ),
    ] = None,
    logger: LoggerOption = None,
    list_methods: Annotated[bool, typer.Option("--list", help="List the methods and exit.")] = False,
) -> None:
    """Reproduce the paper's table: run every method on the same faces with several seeds, and compare them.

    Writes the table (STUDY/table.csv, .md and .tex), the paper's figure 12, and the report STUDY/report.html.

    Finished runs stay: after Ctrl-C the same command resumes the study, and later calls may add methods or seeds.

    bimodal reproduce DATA --out STUDY --quick        small networks, for a laptop

    bimodal reproduce DATA --out STUDY --methods resnet50,resnet50-bdr --seeds 5
    """
    from bimodal.experiments.paper_table.methods import METHODS

    if list_methods:
        width = max(map(len, METHODS))
        for method in METHODS.values():
            needs = f" (needs --{method.runner.needs})" if method.runner.needs else ""
            print(f"{method.name:<{width}}  {method.summary}{needs}")
        return
    if data is None or out is None:
        raise InputError(
            "expected a data folder and --out: bimodal reproduce DATA --out STUDY; list the methods: --list"
        )
    from bimodal.experiments.paper_table.options import StudyOptions
    from bimodal.training.loggers import DEFAULT, chosen

    options = StudyOptions(
        methods=None if methods is None else tuple(name.strip() for name in methods.split(",") if name.strip()),
        seeds=seeds,
        noise=_shares(noise),
        protocol=protocol,  # type: ignore[arg-type]  # StudyOptions checks it
        quick=quick,
        larger=larger,
        unaligned=unaligned,
        features={kind: file.absolute() for kind, file in (("lpq", lpq), ("phog", phog)) if file is not None},
        weights=_weight_files(weights or []),
        address=address,
        loggers=chosen(logger or DEFAULT),
    )
    from rich.console import Console

    from bimodal.experiments.paper_table.frames import tabulate
    from bimodal.experiments.paper_table.reproduction import reproduce as run
    from bimodal.experiments.paper_table.tables import to_terminal

    try:
        done = run(data, out, options, command=shlex.join(["bimodal", *sys.argv[1:]]))
    except KeyboardInterrupt:
        print("\ninterrupted; the same command resumes the study")
        raise
    Console(highlight=False).print(to_terminal(tabulate(done.study, done.comparisons)))
    print(f"\nReport: {done.page}")


def _shares(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--noise expects shares of wrong labels, such as 0,0.1,0.2, got {text!r}") from None


def _weight_files(pairs: list[str]) -> dict[str, str]:
    networks = ("resnet50", "vgg16", "inception-v3")
    files = {}
    for pair in pairs:
        name, equals, file = pair.partition("=")
        if name not in networks or not equals:
            raise InputError(f"--weights expects NAME=FILE with NAME one of {', '.join(networks)}, got {pair!r}")
        if not Path(file).is_file():
            raise InputError(f"--weights {pair}: {file} does not exist")
        files[name] = str(Path(file).absolute())
    return files
