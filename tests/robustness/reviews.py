"""What the local page does with the files of a review, as commands that end."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bimodal.errors import InputError
from bimodal.review.cleaned import write_cleaned_set
from bimodal.review.exchange import decisions_table, import_decisions
from bimodal.review.workspace import Review, Workspace


def _opened(audit: str, use: Callable[[Review], object]) -> int:
    with closing(Workspace(Path(audit))) as workspace:
        workspace.prepare()
        if workspace.work.state == "failed":  # the command ends with this line
            raise InputError(workspace.work.what)
        use(workspace.review)
    return 0


def read_review(audit: str, standalone_mode: bool = False) -> int:
    """Open a review, read and undo its decisions, take another one, and write the cleaned set."""

    def use(review: Review) -> None:
        store, manifest = review.store, review.opened.manifest
        image = str(manifest.table.loc[manifest.rows("train")[0], "image"])
        decisions_table(store, manifest)
        store.disagreements(), store.history(image), store.undo("Ann")
        store.add("Bob", image, "keep")
        assert review.board.count == store.count
        write_cleaned_set(review.opened, store)

    return _opened(audit, use)


def import_into_review(audit: str, file: str, standalone_mode: bool = False) -> int:
    """Add the decisions of a CSV to a review."""
    return _opened(audit, lambda review: import_decisions(review.store, review.opened.manifest, Path(file)))


READERS: dict[str, Callable[..., int]] = {"read-review": read_review, "import-into-review": import_into_review}
"""By the name that stands in place of a command."""
