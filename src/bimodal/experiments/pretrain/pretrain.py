"""Pretrain the packaged network from a data folder of FER2013."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import yaml

from bimodal.data.manifest import Manifest
from bimodal.errors import InputError
from bimodal.experiments.pretrain.faces import read_faces
from bimodal.experiments.pretrain.outputs import CHECKSUMS, write_outputs
from bimodal.experiments.pretrain.recipe import Recipe
from bimodal.experiments.pretrain.stages import train_stages
from bimodal.export.onnx import require_packages
from bimodal.files import write_text
from bimodal.locks import locked
from bimodal.progress import inform
from bimodal.settings import plain_yaml
from bimodal.training.environment import environment_of
from bimodal.training.hardware import Hardware
from bimodal.training.loggers import check_loggers, chosen, opened_loggers
from bimodal.untrusted import read_small_text
from bimodal.version import __version__

CONFIG = "config.yaml"


def pretrain(
    data: str | Path,
    out: str | Path,
    recipe: Recipe | None = None,
    *,
    accelerator: str = "auto",
    resume: bool = False,
    loggers: Sequence[str] = (),
) -> Path:
    """Train the packaged network, or resume its training, and write its files; return their folder.

    The test faces are predicted once, after the last epoch.

    Args:
        data: data folder of FER2013, prepared with the votes of FERPlus.
        out: the folder to write: weights in half precision, ONNX, description, model card, log, checksums.
        recipe: the settings; None: the defaults or, with `resume`, those that the training began with.
        accelerator: `auto`, `cpu` or `cuda`.
        resume: resume after the last finished epoch.
        loggers: where learning curves and settings go, see `bimodal.train`.

    Raises:
        InputError: the data cannot be used, `out` holds something else, or began with other data or settings.
    """
    require_packages("onnx", "onnxscript")
    out, hardware, loggers = Path(out), Hardware(accelerator), chosen(loggers or ["none"])
    check_loggers(loggers)
    manifest, faces = read_faces(data)
    for split, split_faces in faces.items():
        if len(split_faces) < 2:
            raise InputError(
                f"expected faces in split {split} of {data}, got {len(split_faces)}; prepare FER2013 again"
            )
    with locked(out):
        recipe = _begin(out, manifest, recipe, resume)
        if (out / CHECKSUMS).is_file():
            inform(f"{out} is finished already")
            return out
        with opened_loggers(loggers, out, asdict(recipe)) as opened:
            model = train_stages(faces, out, recipe, hardware.uses_cuda, opened)
        inform("measuring on the test faces")
        write_outputs(model, faces, manifest, out, recipe)
    return out


def read_recipe(out: str | Path) -> tuple[Recipe, str]:
    """Return the settings that a pretraining began with, and the fingerprint of its data.

    Raises:
        InputError: the folder holds no pretraining.
    """
    try:
        config = plain_yaml(read_small_text(Path(out) / CONFIG))
        return Recipe(**config["recipe"]), str(config["data_fingerprint"])
    except (OSError, ValueError, yaml.YAMLError, TypeError, KeyError) as error:
        raise InputError(f"{out} holds no pretraining to resume; start one without --resume") from error


def _begin(out: Path, manifest: Manifest, recipe: Recipe | None, resume: bool) -> Recipe:
    """Make the folder, or check that it belongs to this pretraining; return the settings."""
    if resume:
        begun, fingerprint = read_recipe(out)
        if fingerprint != manifest.fingerprint or recipe not in (None, begun):
            raise InputError(f"{out} began with another recipe or other faces; choose another --out")
        return begun
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} exists; choose another --out, or resume with --resume")
    recipe = recipe or Recipe()
    out.mkdir(parents=True, exist_ok=True)
    config = {"bimodal": __version__, "data_fingerprint": manifest.fingerprint, "recipe": asdict(recipe)}
    write_text(out / "environment.json", json.dumps(environment_of(manifest, recipe.seed), indent=1))
    write_text(out / CONFIG, yaml.safe_dump(config, sort_keys=False))
    return recipe
