"""The data folders of a study: read, or prepared from a source, and remembered in `study.yaml`."""

from pathlib import Path

from bimodal.data.manifest import FILE, Manifest
from bimodal.data.prepare import prepare
from bimodal.errors import InputError
from bimodal.experiments.paper_table.classical_runners import DESCRIPTORS
from bimodal.experiments.paper_table.options import StudyOptions
from bimodal.experiments.study_folder import IDENTITY, read_identity, write_identity
from bimodal.files import sha256_of
from bimodal.model_files.packaged import FACE, WEIGHTS, packaged_file
from bimodal.progress import inform
from bimodal.version import __version__

PREPARED = {"data": "prepared", "larger": "prepared-larger", "unaligned": "prepared-unaligned"}
"""Subfolders of a study for data folders that it prepares itself, by option."""
_OPTIONAL = ("larger", "unaligned", "face-s")
"""Parts of the identity that a later call may add."""
_WORDS = {"fingerprint": "faces", "lpq": "LPQ features", "phog": "PHOG features", "face-s": "weights in bimodal/face-s"}


def read_or_prepare(given: Path, prepared: Path) -> Manifest:
    """Read a data folder, or prepare one from a source.

    Args:
        given: a data folder, or a source that `bimodal prepare` takes.
        prepared: where to prepare it; a folder that an earlier call prepared from the same source is used again.

    Raises:
        InputError: `given` does not exist or cannot be prepared, or `prepared` was made from another source.
    """
    given = given.absolute()
    if (given / FILE).is_file():
        return Manifest.read(given)
    if not given.exists():
        raise InputError(f"expected a data folder, but {given} does not exist; make one: bimodal prepare SOURCE DATA")
    if not prepared.exists():
        inform(f"preparing {given}, as bimodal prepare does without options")
        prepare(given, prepared)
    manifest = Manifest.read(prepared)
    if manifest.source_info.source != str(given):
        raise InputError(f"{prepared} was prepared from {manifest.source_info.source}; choose another --out")
    return manifest


def check_identity(
    out: Path, manifest: Manifest, options: StudyOptions, larger: Manifest | None, unaligned: Manifest | None
) -> None:
    """Check that the folder holds this study, or none yet, and write `study.yaml`.

    Raises:
        InputError: the folder holds a study of other data, or with other settings.
    """
    uses_packaged = any(method.runner.uses_pretrained_faces for method in options.chosen)
    identity = {
        "bimodal": __version__,
        "data": str(manifest.root),
        "fingerprint": manifest.fingerprint,
        "protocol": options.protocol,
        "quick": options.quick,
        **{kind: sha256_of(options.features[kind]) if kind in options.features else "ours" for kind in DESCRIPTORS},
        "weights": {name: sha256_of(Path(path)) for name, path in sorted(options.weights.items())},
        "larger": larger.fingerprint if larger else None,
        "unaligned": unaligned.fingerprint if unaligned else None,
        "face-s": sha256_of(packaged_file(FACE, WEIGHTS)) if uses_packaged else None,
    }
    old = read_identity(out)
    if old:
        if not identity.keys() <= old.keys():
            raise InputError(f"{out / IDENTITY} is damaged; choose another --out")
        added = {key for key in _OPTIONAL if None in (identity[key], old[key])}
        differing = [
            _WORDS.get(key, key) for key in identity.keys() - {"bimodal", "data", *added} if identity[key] != old[key]
        ]
        if differing:
            raise InputError(f"{out} holds a study with other {', '.join(sorted(differing))}; choose another --out")
        if old["larger"] and unaligned and not old["unaligned"]:
            raise InputError(
                f"{out} has a first stage that may contain faces of --unaligned, which was not given then; choose another "
                "--out, and give --larger and --unaligned together"
            )
        identity |= {key: old[key] for key in _OPTIONAL if identity[key] is None}
    write_identity(out, identity)
