"""What the packaged network knows of a data folder's faces before anything is trained on them."""

from collections.abc import Sequence

from bimodal.data.copies import pixel_hashes
from bimodal.data.manifest import Manifest
from bimodal.data.origin import origin_of, was_aligned
from bimodal.model_files.packaged import FACE, in_pretraining


def pretraining_overlap(manifest: Manifest, rows: Sequence[int] | None = None) -> str:
    """Say in a clause that the packaged network has learnt from these faces; empty if none of them is known.

    Pictures are known by their pixels. Faces that `prepare` cut out of FER2013 have others, and are known by where they are
    from.

    Args:
        manifest: of the faces.
        rows: which of them; None: all.

    Raises:
        InputError: a picture cannot be read.
    """
    if origin_of(manifest.root).get("kind") == "fer2013" and was_aligned(manifest.root):
        return f"{FACE} has learnt from FER2013, from which these faces were cut out"
    known = in_pretraining(pixel_hashes(manifest, rows))
    return f"{FACE} has learnt from {int(known.sum())} of these {len(known)} pictures" if known.any() else ""
