"""`bimodal draw`: faces that we draw ourselves, with known wrong labels, as folders of classes."""

from pathlib import Path
from typing import Annotated

import typer


def draw(
    out: Annotated[Path, typer.Argument(help="The folder to write.", show_default=False)],
    count: Annotated[int, typer.Option(help="Training pictures; at least 7.")] = 891,
    wrong: Annotated[float, typer.Option(help="Share of training faces with a wrong label, 0 to 0.9.")] = 0.1,
    no_face: Annotated[float, typer.Option(help="Share of training pictures that are no face, 0 to 0.5.")] = 0.01,
    seed: Annotated[int, typer.Option(help="The same seed draws the same files.")] = 0,
    size: Annotated[int, typer.Option(help="Side of a picture in pixels, 32 to 512.")] = 96,
    val: Annotated[int, typer.Option(help="Validation faces, all labelled rightly; 0 or at least 7.")] = 0,
    test: Annotated[int, typer.Option(help="Test faces, all labelled rightly; 0 or at least 7.")] = 0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier drawn set in OUT, if nothing else is there.")
    ] = False,
) -> None:
    """Draw faces that show the seven emotions, some of them labelled wrongly on purpose.

    Writes OUT/<emotion>/*.png (with --val or --test: OUT/train, OUT/val, OUT/test) and OUT/truth.csv, which
    knows each picture's true label. Class proportions are those of SFEW.
    """
    from rich.console import Console

    from bimodal.synthetic.dataset import write_set

    write_set(
        out,
        count,
        wrong=wrong,
        no_face=no_face,
        seed=seed,
        size=size,
        val=val,
        test=test,
        overwrite=overwrite,
    )
    total = count + val + test
    Console(soft_wrap=True).print(
        f"{total} pictures in {out}, the truth in {out / 'truth.csv'}", highlight=False, markup=False
    )
