"""`bimodal prepare`: from a source of faces to a data folder."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from bimodal.data.prepare import Prepared


def prepare(
    source: Annotated[Path, typer.Argument(help="A folder of class folders, SFEW, a CSV, or fer2013.csv[.gz].")],
    out: Annotated[Path, typer.Argument(help="The data folder to write; DATA of every other command.")],
    labels: Annotated[
        str | None,
        typer.Option(help="Own names: freude=happy,wut=angry; NAME=drop leaves it out; or a YAML or CSV file."),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            help="Film or person, to stay in one split: a CSV column, name-before-number, or a regular "
            "expression for the file's name, whose first bracket is the group."
        ),
    ] = None,
    root: Annotated[Path | None, typer.Option(help="The folder of a CSV's pictures. (Default: the CSV's.)")] = None,
    val_share: Annotated[
        float | None, typer.Option(help="Share for validation, if the source has none. (Default: 0.15; FER2013 0.1.)")
    ] = None,
    test_share: Annotated[
        float | None,
        typer.Option(
            help="Share for testing, if the source has none; 0: no test split. "
            "Of a source with train and val, it is a share of val. (Default: 0.15; of val 0.5, as in the paper.)"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of splits and samples.")] = 0,
    sample: Annotated[
        str | None, typer.Option(help="Keep fewer: sfew (the paper's 891/215/216, by class), or so many to train on.")
    ] = None,
    duplicates: Annotated[
        str | None,
        typer.Option(help="Same pixels again: report or drop (the first is kept). (Default: report; FER2013 drop.)"),
    ] = None,
    votes: Annotated[Path | None, typer.Option(help="FER2013: the votes of FERPlus, fer2013new.csv.")] = None,
    label_from: Annotated[str, typer.Option(help="FER2013: labels of fer2013 or ferplus.")] = "fer2013",
    align: Annotated[bool, typer.Option("--align", help="Find the faces and turn them upright (YuNet).")] = False,
    detector: Annotated[Path | None, typer.Option(help="YuNet's ONNX file. (Default: fetched once.)")] = None,
    size: Annotated[int, typer.Option(help="Side of an aligned face, in pixels.")] = 224,
    link: Annotated[
        bool,
        typer.Option("--link", help="Link the pictures instead of copying them; SOURCE must then stay where it is."),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace OUT, if it is a data folder and holds nothing else.")
    ] = False,
) -> None:
    """Read faces from a folder, a CSV, SFEW or FER2013; write the data folder that all other commands take.

    What is wrong with the pictures is reported in OUT/problems.csv.
    """
    from rich.console import Console

    from bimodal.data.labels import parse_labels
    from bimodal.data.options import PrepareOptions
    from bimodal.data.prepare import prepare as run

    options = PrepareOptions(
        labels=parse_labels(labels) if labels is not None else {},
        group=group,
        root=root,
        votes=votes,
        label_from=label_from,
        val_share=val_share,
        test_share=test_share,
        seed=seed,
        sample=sample,
        duplicates=duplicates,
        align=align,
        detector=detector,
        size=size,
        link=link,
        overwrite=overwrite,
    )
    done = run(source, out, options)
    _show(done, Console())


def _show(done: "Prepared", console: "Console") -> None:
    from rich.table import Table

    table = Table("emotion", title=f"Faces ({done.kind})", title_justify="left", show_footer=True)
    table.columns[0].footer = "all"
    for split, total in done.counts.sum().items():
        table.add_column(str(split), f"{total:,}", justify="right")
    for emotion, row in done.counts.iterrows():
        table.add_row(str(emotion), *(f"{count:,}" if count else "-" for count in row))
    console.print(table)
    if done.test_of_val:
        share = "half" if done.test_of_val == 0.5 else f"{done.test_of_val:.3g}"
        console.print(f"The source has no test split: {share} of its val became test.", highlight=False)
    kinds = Counter(zip(done.problems["problem"], done.problems["action"], strict=True))
    for (problem, action), count in kinds.most_common():
        console.print(f"{count:>7,}  {problem} ({action})", highlight=False)
    if done.not_sampled:
        console.print(f"{done.not_sampled:>7,}  not in the sample", highlight=False)
    console.print(
        f"Written: {done.out} (problems.csv says what is wrong, counts.png shows the table)",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
