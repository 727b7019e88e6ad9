"""The votes of FERPlus's ten taggers for each face of FER2013."""

import numpy as np
from numpy.typing import NDArray

from bimodal.data.manifest import Manifest
from bimodal.data.sources.fer2013 import VOTES, read_votes
from bimodal.data.tables import read_table
from bimodal.emotions import NAMES, code_of
from bimodal.errors import InputError

EMOTIONS = (*NAMES, "contempt")
"""The emotions that the taggers could choose; FER2013's labels are the first seven."""
ANSWERS = (*EMOTIONS, "unknown", "NF")
"""All answers that the taggers could give; `NF` is "no face"."""


def read_vote_counts(manifest: Manifest) -> NDArray[np.int64]:
    """Return the number of votes for each of `ANSWERS` by row of the manifest, (n,10); zeros for a face without votes.

    Raises:
        InputError: the data folder has no votes.
    """
    file = manifest.root / "origins.csv"
    origins = read_table(file, ("image",)) if file.is_file() else None
    if origins is None or "votes" not in origins or not origins["votes"].any():
        raise InputError(
            f"{manifest.root} has no votes; prepare FER2013 with the votes of FERPlus: "
            "bimodal prepare fer2013.csv DATA --votes fer2013new.csv"
        )
    by_image = dict(zip(origins["image"], origins["votes"], strict=True))
    counts = np.zeros((len(manifest), len(ANSWERS)), dtype=np.int64)
    for row, image in enumerate(manifest.table["image"]):
        for name, count in read_votes(by_image.get(image, "")).items():
            counts[row, _PLACES[name]] = count
    return counts


_PLACES = {name: ANSWERS.index(name) if name in ANSWERS else code_of(name) for name in VOTES}
