"""`bimodal reproduce`."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from bimodal.errors import InputError


def reproduce(
    data: Annotated[
        Path | None,
        typer.Argument(
            help="Data folder made by bimodal prepare, or what prepare takes, such as SFEW.", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Study folder to write, or to go on with.", show_default=False)
    ] = None,
    methods: Annotated[
        str | None,
        typer.Option(help="Names, separated by commas; see --list. (Default: all for which everything is given.)"),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(help="Runs of each method. (Default: 5 of what is cheap, 3 of deep networks.)")
    ] = None,
    noise: Annotated[
        str, typer.Option(help="Shares of training labels to make wrong, 0 to 0.9: 0,0.1,0.2.", metavar="SHARE,...")
    ] = "0",
    protocol: Annotated[
        str,
        typer.Option(
            help="group-disjoint: DATA's splits, with no person or film in two. paper: random halves, and what leaks. "
            "person-independent: two folds with nobody in both, as SFEW's SPI.",
            metavar="group-disjoint|paper|person-independent",
        ),
    ] = "group-disjoint",
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Small networks on small pictures, for a laptop; every table says so."),
    ] = False,
    larger: Annotated[
        Path | None,
        typer.Option(
            help="Data folder of a larger set for two-stage, or what prepare takes, such as fer2013.csv.",
            show_default=False,
        ),
    ] = None,
    unaligned: Annotated[
        Path | None,
        typer.Option(
            help="Data folder of the same faces before alignment, for resnet50-unaligned.", show_default=False
        ),
    ] = None,
    lpq: Annotated[
        Path | None, typer.Option(help="LPQ features of your own: .npz with image and features.", show_default=False)
    ] = None,
    phog: Annotated[Path | None, typer.Option(help="The same for PHOG.", show_default=False)] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            help="Pretrained weights from a file instead of the hub, once a network: resnet50=FILE, vgg16=FILE, "
            "inception-v3=FILE.",
            metavar="NAME=FILE",
            show_default=False,
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(help="Ray cluster: auto or HOST:PORT; all machines must see DATA and STUDY.", show_default=False),
    ] = None,
    list_methods: Annotated[bool, typer.Option("--list", help="Print the methods and end.")] = False,
) -> None:
    """Run the paper's whole table: every method, the same faces, several seeds; then compare.

    Ends in the table (also STUDY/table.csv, .md, .tex), the paper's figure 12, and the page STUDY/report.html.

    What has ended stays: after Ctrl-C the same command goes on where it stopped, and more methods or seeds may be asked for.

    bimodal reproduce DATA --out STUDY --quick        small networks, for a laptop

    bimodal reproduce DATA --out STUDY --methods resnet50,resnet50-bdr --seeds 5
    """
    from bimodal.experiments.paper_table.methods import METHODS

    if list_methods:
        width = max(map(len, METHODS))
        for method in METHODS.values():
            needs = f" (needs --{method.needs})" if method.needs else ""
            print(f"{method.name:<{width}}  {method.summary}{needs}")
        return
    if data is None or out is None:
        raise InputError("expected a data folder and --out: bimodal reproduce DATA --out STUDY; methods: --list")
    from bimodal.experiments.paper_table.options import StudyOptions

    features = {kind: file.absolute() for kind, file in (("lpq", lpq), ("phog", phog)) if file is not None}
    options = StudyOptions(
        methods=None if methods is None else tuple(name.strip() for name in methods.split(",") if name.strip()),
        seeds=seeds,
        noise=_shares(noise),
        protocol=protocol,  # type: ignore[arg-type]  # checked there
        quick=quick,
        larger=larger,
        unaligned=unaligned,
        features=features,
        weights=_files(weights or []),
        address=address,
    )
    from rich.console import Console

    from bimodal.experiments.paper_table.reproduction import reproduce as run
    from bimodal.experiments.paper_table.table import tabulate, to_terminal

    console = Console(highlight=False)
    try:
        done = run(data, out, options, command=shlex.join(["bimodal", *sys.argv[1:]]))
    except KeyboardInterrupt:
        console.print("\ninterrupted; the same command goes on where it stopped", soft_wrap=True)
        raise
    console.print(to_terminal(tabulate(done.study, done.comparisons)))
    console.print(f"\nReport: {done.page}", markup=False, soft_wrap=True, style="bold")


def _shares(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--noise expects shares of wrong labels, such as 0,0.1,0.2, got {text!r}") from None


def _files(pairs: list[str]) -> dict[str, str]:
    known = ("resnet50", "vgg16", "inception-v3")
    files = {}
    for pair in pairs:
        name, equals, file = pair.partition("=")
        if name not in known or not equals:
            raise InputError(f"--weights expects NAME=FILE, NAME one of {', '.join(known)}, got {pair!r}")
        if not Path(file).is_file():
            raise InputError(f"--weights {pair}: there is no file {file}")
        files[name] = str(Path(file).absolute())
    return files
