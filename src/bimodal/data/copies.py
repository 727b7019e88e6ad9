"""Which pictures of a data folder are the same, by their pixels."""

from collections.abc import Sequence

from bimodal.data.inspect_pictures import in_threads
from bimodal.data.manifest import Manifest
from bimodal.errors import InputError
from bimodal.vision.pictures import UnreadableError, decode, pixel_hash, quiet_about_size


def pixel_hashes(manifest: Manifest, rows: Sequence[int] | None = None) -> Sequence[bytes]:
    """Return a digest of the pixels of each picture, or of those of some rows, whatever its format.

    Raises:
        InputError: a picture cannot be read.
    """

    def look(row: int) -> bytes:
        try:
            return pixel_hash(decode(manifest.path(row)))
        except UnreadableError as error:
            raise InputError(f"{manifest.path(row)} cannot be read ({error}); prepare the data anew") from error

    with quiet_about_size():
        hashes: list[bytes] = in_threads(
            look, list(range(len(manifest)) if rows is None else rows), "comparing pictures"
        )
    return hashes
