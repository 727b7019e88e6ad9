"""`bimodal draw`: drawn faces with known wrong labels."""

from pathlib import Path
from typing import Annotated

import typer

from bimodal.text import plural


def draw(
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    count: Annotated[int, typer.Option(help="Number of training pictures, at least 7.")] = 891,
    wrong: Annotated[float, typer.Option(help="Share of training faces with a wrong label, 0 to 0.9.")] = 0.1,
    no_face: Annotated[float, typer.Option(help="Share of training pictures without a face, 0 to 0.5.")] = 0.01,
    seed: Annotated[int, typer.Option(help="Random seed, at least 0; the same seed draws the same files.")] = 0,
    size: Annotated[int, typer.Option(help="Side of a picture in pixels, 32 to 512.")] = 96,
    val: Annotated[int, typer.Option(help="Number of validation faces, with right labels; 0 or at least 7.")] = 0,
    test: Annotated[int, typer.Option(help="Number of test faces, with right labels; 0 or at least 7.")] = 0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace OUT if it is a drawn set and holds nothing else.")
    ] = False,
) -> None:
    """Draw faces that show the seven emotions, some of them with wrong labels.

    Writes OUT/<emotion>/*.png (with --val or --test: OUT/train, OUT/val and OUT/test) and OUT/truth.csv with the true label
    of each picture. The proportions of the emotions are those of SFEW.
    """
    from bimodal.synthetic.dataset import write_set

    write_set(out, count, wrong, no_face, seed, size, val, test, overwrite)
    pictures = plural(count + val + test, "picture")
    print(f"{pictures} in {out}, their true labels in {out / 'truth.csv'}")
