"""The options of `prepare`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bimodal.data.label_codes import CODE_TABLES
from bimodal.errors import InputError
from bimodal.settings import check_fields, option


@dataclass(frozen=True)
class PrepareOptions:
    """How `prepare` reads a source and writes a data folder; each field is also an option of the command line.

    >>> PrepareOptions(labels="freude=happy, contempt=drop").labels
    {'freude': 'happy', 'contempt': 'drop'}
    """

    labels: Mapping[str, str] | str | None = option(
        None,
        "Labels of the source and the emotions that they mean, such as freude=happy,wut=angry, or a YAML or CSV file of "
        "such pairs. LABEL=drop leaves out the pictures with that label.",
    )
    codes: str | None = option(
        None,
        "What labels that are numbers mean: those of bimodal (SFEW, and the label files that prepare writes), FER2013, RAF-DB, "
        "AffectNet, CK+ or ExpW; --labels takes precedence. Without it, numbers that --labels does not explain are refused.",
        choices=tuple(CODE_TABLES),
    )
    image_column: str | None = option(
        None,
        "Column with the pictures' paths in a CSV source. (default: image, else a usual name such as file_name or path)",
    )
    label_column: str | None = option(
        None,
        "Column with the labels in a CSV source. (default: label, else a usual name such as emotion or expression)",
    )
    group: str = option(
        "auto",
        "Which pictures show the same film or person, so that they go to the same split: auto (the column group of a CSV, "
        "else what file names show if it is plausible), none (as auto, but such pictures may go to different splits), the "
        "name of a CSV column, name-before-number (Ann_2.png is of Ann), or a regular expression for file names whose first "
        "bracket is the group. problems.csv lists the groups in several splits.",
    )
    label_pattern: str | None = option(
        None,
        "Regular expression that finds the label in the file names of a folder, such as '_([a-z]+)$'; its first bracket is "
        "the label, whose meaning --labels may give.",
    )
    root: Path | str | None = option(
        None,
        "Folder that the paths in a list of pictures are relative to, such as a CSV. (default: the folder of the list)",
    )
    val_share: float | None = option(
        None,
        "Share of pictures for validation, 0 to below 1, if the source has no validation split. "
        "(default: 0.15; for FER2013 0.1)",
        0,
        1,
    )
    test_share: float | None = option(
        None,
        "Share of pictures for testing, 0 to below 1, if the source has no test split; 0 makes none. If the source has a "
        "validation split, this is the share of it that becomes the test split. "
        "(default: 0.15 of all pictures, or 0.5 of the validation split, as in the paper)",
        0,
        1,
    )
    seed: int = option(0, "Random seed for splits and samples, at least 0.", 0)
    sample: str | None = option(
        None,
        "Keep a random sample: a number of training pictures, with the other splits reduced in proportion, or sfew for the "
        "numbers of the paper by emotion (891 for training, 215 for validation, 216 for testing). (default: keep all)",
    )
    duplicates: Literal["auto", "report", "drop"] = option(
        "auto",
        "What to do with copies (pictures with the same pixels): report them, or drop all but the first. "
        "auto drops them from FER2013 and reports them in other sources.",
    )
    keep_near_duplicates: bool = option(
        False,
        "Let near-duplicates (the same picture recompressed, brightened, resized or slightly cropped) go to different "
        "splits. Otherwise they stay together in splits that prepare makes, except with SFEW and FER2013. problems.csv "
        "lists those across splits.",
    )
    votes: Path | str | None = option(None, "CSV file of FERPlus with votes for FER2013 (fer2013new.csv).")
    label_from: Literal["fer2013", "ferplus"] = option(
        "fer2013",
        "Where FER2013's pictures get their labels from: FER2013 itself, or the majority of FERPlus's --votes.",
    )
    align: bool = option(
        False,
        "Detect the face of each picture, turn it upright, crop it and store the crop: the face that overlaps the box of a "
        "CSV best, else the largest face. problems.csv lists pictures without a box that show several faces of similar size.",
    )
    detector: Path | str | None = option(
        None, "ONNX file of the YuNet face detector, for --align. (default: downloaded once)"
    )
    size: int = option(224, "Side of an aligned face in pixels, 16 to 2048, for --align.", 16, 2048)
    box_margin: float = option(
        0.1,
        "Margin around the box of a face in a CSV (columns face_x,face_y,face_width,face_height and the like, in pixels), as "
        "a share of its longer side, 0 to 1. The box is cut out as a square; with --align only if no face is found in it.",
        0,
        1,
    )
    store: Literal["files", "shards"] = option(
        "files",
        "How OUT stores the pictures: files, one for each, or shards, tar archives in the form of WebDataset, which hundreds "
        "of thousands of pictures need. All commands read both.",
    )
    link: bool = option(
        False, "Store links to the pictures instead of copies; do not move or change SOURCE as long as you use them."
    )

    @property
    def columns(self) -> dict[str, str]:
        """The columns of a table that the user chose, by bimodal's name of them."""
        chosen = {"image": self.image_column, "label": self.label_column}
        return {name: column for name, column in chosen.items() if column is not None}

    def __post_init__(self) -> None:
        from bimodal.data.labels import parse_labels  # loads pandas, which --help does without

        object.__setattr__(self, "labels", parse_labels(self.labels))
        for name in ("root", "votes", "detector"):
            path = getattr(self, name)
            object.__setattr__(self, name, None if path is None else Path(path))
        check_fields(self)
        if (self.val_share or 0) + (self.test_share or 0) >= 1:
            raise InputError(
                "--val-share and --test-share must add up to less than 1, so that pictures are left to train on; "
                f"got {self.val_share or 0:g} and {self.test_share or 0:g}"
            )
        if self.link and self.store == "shards":
            raise InputError("--link leaves the pictures where they are, and --store shards packs them: choose one")
        if self.link and self.align:
            raise InputError("--link keeps the pictures as they are, and --align makes new ones: choose one")
