"""A study's folder: what it is a study of, whose turn it is, and the sources that were prepared in it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import yaml

from bimodal.data.manifest import FILE, Manifest
from bimodal.data.origin import origin_of
from bimodal.data.prepare import prepare
from bimodal.errors import InputError
from bimodal.experiments.paper_table.options import StudyOptions
from bimodal.experiments.paper_table.plan import DESCRIPTORS
from bimodal.files import LOCK, locked, sha256_of, write_atomically
from bimodal.model_files.packaged import FACE, WEIGHTS, packaged_file
from bimodal.progress import inform
from bimodal.settings import plain_yaml
from bimodal.version import __version__

IDENTITY = "study.yaml"
PREPARED = {"data": "prepared", "larger": "prepared-larger", "unaligned": "prepared-unaligned"}
"""Where sources are prepared that were given in place of data folders."""
_MAY_COME_LATER = ("larger", "unaligned", "face-s")
_SAID = {"fingerprint": "faces", "lpq": "LPQ features", "phog": "PHOG features", "face-s": "weights in bimodal/face-s"}


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """Keep every other call away from a study's folder, which is made if need be.

    The lock goes with the process, however it ends. A folder that holds nothing else in the end goes, too.

    Raises:
        InputError: the folder holds anything but a study, or another call works on it.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"--out must be a folder, but {out} is a file; choose another")
    ours = {LOCK, *PREPARED.values()}
    if out.exists() and not (out / IDENTITY).is_file():
        others = [name for name in os.listdir(out) if name not in ours and not name.startswith(".bimodal-")]
        if others:
            raise InputError(f"{out} is not empty and no earlier study; choose another --out")
    out.mkdir(parents=True, exist_ok=True)
    with locked(out):
        try:
            yield
        finally:
            if os.listdir(out) == [LOCK]:
                with suppress(OSError):
                    (out / LOCK).unlink()
                    out.rmdir()


def read_or_prepare(given: Path, place: Path) -> Manifest:
    """Read a data folder, or prepare one from a source.

    Args:
        given: a data folder, or what `bimodal prepare` takes.
        place: where to prepare it; what was prepared there before stays.

    Raises:
        InputError: there is nothing, it cannot be prepared, or something else was prepared there before.
    """
    given = given.absolute()
    if (given / FILE).is_file():
        return Manifest.read(given)
    if not given.exists():
        raise InputError(f"expected a data folder, but there is none at {given}; make one: bimodal prepare SOURCE DATA")
    if not place.exists():
        inform(f"{given} is not prepared yet: preparing it, as bimodal prepare does without options")
        prepare(given, place)
    elif origin_of(place).get("source") != str(given):
        raise InputError(f"{place} was prepared from {origin_of(place).get('source')}; choose another --out")
    return Manifest.read(place)


def begin(
    out: Path, manifest: Manifest, options: StudyOptions, larger: Manifest | None, unaligned: Manifest | None
) -> None:
    """Note what the study is of, or see that it is this one; other sets may be given later.

    Raises:
        InputError: the folder holds a study of something else.
    """
    file = out / IDENTITY
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
        "face-s": sha256_of(packaged_file(FACE, WEIGHTS))
        if any(method.in_advance for method in options.chosen)
        else None,
    }
    if file.is_file():
        try:
            old = {"face-s": None, **plain_yaml(file.read_text(encoding="utf-8"))}  # older studies knew none
            compared = {key: old[key] for key in identity if key not in ("bimodal", "data")}
        except (yaml.YAMLError, UnicodeError, TypeError, ValueError, KeyError) as error:
            raise InputError(f"{file} is damaged; choose another --out") from error
        given = {key for key in compared if key not in _MAY_COME_LATER or None not in (identity[key], old[key])}
        differing = [_SAID.get(key, key) for key in compared if key in given and identity[key] != old[key]]
        if differing:
            raise InputError(f"{out} holds a study with other {', '.join(differing)}; choose another --out")
        if old["larger"] and unaligned and not old["unaligned"]:
            raise InputError(
                f"{out} has a first stage that was chosen without knowing --unaligned, and may hold such faces; choose "
                "another --out, and give both from the start"
            )
        identity |= {key: old[key] for key in _MAY_COME_LATER if identity[key] is None}
    text = yaml.safe_dump(identity, sort_keys=False, allow_unicode=True)
    write_atomically(file, lambda part: part.write_text(text, encoding="utf-8"))
