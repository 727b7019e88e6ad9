"""`bimodal prepare`: from a source of faces to a data folder."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bimodal.cli.options import options_of, with_options
from bimodal.data.prepare_options import PrepareOptions

if TYPE_CHECKING:
    from bimodal.data.prepare import Prepared


def prepare(
    source: Annotated[
        Path,
        typer.Argument(
            help="Folder with a subfolder of pictures for each emotion (also with train, val and test above them), "
            "folder of a known data set as distributed (SFEW, RAF-DB, AffectNet, ExpW, FERPlus, CK+, KDEF, JAFFE and others: "
            "docs/data.md), data set for YOLO, CSV file with the columns image and label (and the boxes of faces), "
            "fer2013.csv, also compressed with gzip, Parquet files, imagefolder with metadata, an export of Label Studio, JSON of "
            "COCO, or hf://owner/name, a data set on the Hugging Face hub."
        ),
    ],
    out: Annotated[Path, typer.Argument(help="Data folder to write, which the other commands take as DATA.")],
    *,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace OUT if it is a data folder and holds nothing else.")
    ] = False,
    **values: Any,
) -> None:
    """Make a data folder from labelled faces: check the pictures, split them, and write a manifest.

    OUT/problems.csv lists the problems: unreadable pictures, copies, near-duplicates, and films or
    persons in several splits. In splits that it makes, near-duplicates stay together, and the pictures of a film or person
    that a CSV column or the file names show.

    bimodal prepare FACES DATA                            from a folder of emotions

    bimodal prepare faces.csv DATA --group person         with the persons of a CSV column

    bimodal prepare FACES DATA --group none               with persons in several splits

    bimodal prepare hf://owner/name DATA                  from the Hugging Face hub

    bimodal prepare fer2013.csv DATA --votes fer2013new.csv --label-from ferplus
    """
    from bimodal.data.inspection_log import log_folder
    from bimodal.data.prepare import prepare

    options = PrepareOptions(**{name: value for name, value in values.items() if value is not None})
    try:
        prepared = prepare(source, out, options, overwrite=overwrite)
    except KeyboardInterrupt:
        if log_folder(out.absolute()).is_dir():
            print("\ninterrupted; the same command continues")
        raise
    _show(prepared)


def _show(prepared: "Prepared") -> None:
    from rich.console import Console

    from bimodal.rendering.table import Table

    console = Console(highlight=False, markup=False, soft_wrap=True)
    counts = prepared.counts
    rows = [[str(emotion), *(f"{count:,}" if count else "-" for count in row)] for emotion, row in counts.iterrows()]
    rows.append(["all", *(f"{total:,}" for total in counts.sum())])
    console.print(Table.of(["emotion", *counts.columns], rows, f"Faces ({prepared.kind})"))
    if prepared.test_of_val:
        share = "half" if prepared.test_of_val == 0.5 else f"{prepared.test_of_val:.3g}"
        console.print(f"The source has no test split: {share} of its validation split became the test split.")
    kinds = Counter(zip(prepared.problems["problem"], prepared.problems["action"], strict=True))
    for (problem, action), count in kinds.most_common():
        console.print(f"{count:>7,}  {problem} ({action})")
    if prepared.not_sampled:
        console.print(f"{prepared.not_sampled:>7,}  not in the sample")
    console.print(f"Written: {prepared.out} (problems.csv lists the problems, counts.png shows the table)")


with_options(prepare, options_of(PrepareOptions))
