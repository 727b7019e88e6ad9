"""Experiment trackers: the learning curves, settings and removals of a run in TensorBoard, Weights & Biases or MLflow."""

import json
import logging
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from bimodal.errors import InputError
from bimodal.files import write_text
from bimodal.progress import warn
from bimodal.removal import Remover
from bimodal.runs.run import Run
from bimodal.runs.writer import TRACKERS
from bimodal.untrusted import plain_json, read_small_text

NAMES = ("tensorboard", "wandb", "mlflow", "none")
DEFAULT = ("tensorboard",)
_PROJECT = "bimodal"
_STORE_VARIABLE = "MLFLOW_TRACKING_URI"
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def chosen(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names of trackers that were given, each once; a name may be a list with commas, `none` stands alone.

    Raises:
        InputError: a name is unknown, or `none` stands beside another.

    >>> chosen(["tensorboard,wandb", "wandb"]), chosen(["none"])
    (('tensorboard', 'wandb'), ())
    """
    found = list(dict.fromkeys(name.strip() for text in names for name in text.split(",") if name.strip()))
    unknown = [name for name in found if name not in NAMES]
    if unknown or not found:
        raise InputError(f"--logger must be some of {', '.join(NAMES)}, got {unknown[0] if unknown else 'no name'!r}")
    if "none" in found and len(found) > 1:
        raise InputError("--logger none excludes other loggers; leave it out")
    return tuple(name for name in found if name != "none")


def check_loggers(names: Sequence[str]) -> None:
    """Check that the trackers can be used, before anything is written.

    Raises:
        InputError: a package is missing, W&B has no key, or MLflow's store cannot be opened.
    """
    for name in ("wandb", "mlflow"):
        if name in names and find_spec(name) is None:
            raise InputError(
                f"--logger {name} needs the package {name}; install it with: pip install 'bimodal[{name}]'"
            )
    if "wandb" in names:
        _check_key()
    if "mlflow" in names:
        _open_store()


@contextmanager
def opened_loggers(names: Sequence[str], out: Path, settings: Mapping[str, Any]) -> Iterator[list[Logger]]:
    """Lend the loggers of a run, which have its settings already; those of a resumed run continue its records.

    W&B and MLflow send the settings, the measures by step and by epoch, and the numbers of each removal; never a picture, nor
    the name of one.

    Args:
        names: of the trackers, see `chosen`.
        out: the run folder, which exists.
        settings: of the run, plain values.
    """
    loggers: list[Logger] = []
    succeeded = False
    try:
        for name, logger in _open(names, out):
            loggers.append(logger)
            logger.log_hyperparams(_flat(settings))
            if name != "tensorboard":
                _write_id(out, name, str(logger.version))
        yield loggers
        succeeded = True
    finally:
        for logger in loggers:
            logger.finalize("success" if succeeded else "failed")
            if isinstance(logger, WandbLogger):  # or the next run of this process would become part of this one
                logger.experiment.finish(exit_code=0 if succeeded else 1)


def _open(names: Iterable[str], out: Path) -> Iterator[tuple[str, Logger]]:
    begun = _read_ids(out)
    for name in names:
        if name == "tensorboard":
            yield name, TensorBoardLogger(out, name="", version="tensorboard", default_hp_metric=False)
        elif name == "wandb":
            project = os.environ.get("WANDB_PROJECT", _PROJECT)
            yield name, WandbLogger(name=_title(out), project=project, save_dir=out, id=begun.get(name))
        else:
            experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", _PROJECT)
            run_id = _known_in_mlflow(begun.get(name))
            yield name, MLFlowLogger(experiment, _title(out), os.environ[_STORE_VARIABLE], run_id=run_id)


def _title(out: Path) -> str:
    """Return the name of a run: that of its folder, after those around it if it only counts.

    >>> _title(Path("/studies/sfew/runs/resnet50-bdr/split/seed-0"))
    'resnet50-bdr/split/seed-0'
    """
    parts = out.resolve().parts
    depth = 3 if parts[-1].startswith("seed-") else 2 if parts[-1].startswith("fold-") else 1
    return "/".join(parts[-depth:])


def _write_id(out: Path, name: str, record: str) -> None:
    ids = _read_ids(out)
    if ids.get(name) != record:
        write_text(out / TRACKERS, json.dumps(ids | {name: record}, indent=1) + "\n")


def log_removals(loggers: Iterable[Logger], remover: Remover, epoch: int, step: int) -> None:
    """Log the removals after an epoch: how many faces, the threshold, and the other numbers of the rule."""
    total = 0
    for removal in remover.steps:
        total += len(removal.rows)
        if removal.epoch != epoch:
            continue
        numbers = {
            "removed": len(removal.rows),
            "removed_in_all": total,
            "kept_by_limits": removal.kept_by_limits,
            **{name: getattr(removal, name) for name in ("threshold", "m1", "m2", "std2")},
        }
        known = {f"removal/{name}": float(value) for name, value in numbers.items() if _is_finite(value)}
        for logger in loggers:
            logger.log_metrics(known | {"epoch": epoch - 1}, step)  # Lightning counts epochs from 0


def log_finished(loggers: Iterable[Logger], run: Run, remover: Remover) -> None:
    """Log a run that was trained without epochs of Lightning: its measures and removals."""
    loggers = list(loggers)
    for row in run.metrics.to_dict("records"):
        measures = {str(name): float(value) for name, value in row.items() if name != "step" and _is_finite(value)}
        for logger in loggers:
            logger.log_metrics(measures | {"epoch": int(row["epoch"]) - 1}, int(row["step"]))
        log_removals(loggers, remover, int(row["epoch"]), int(row["step"]))


def _read_ids(out: Path) -> dict[str, str]:
    """Return the ids of the run's records by tracker, as far as they are known."""
    with suppress(OSError, ValueError):
        content = plain_json(read_small_text(out / TRACKERS))
        if isinstance(content, dict):
            return {name: text for name, text in content.items() if isinstance(text, str) and _ID.fullmatch(text)}
    return {}


def _check_key() -> None:
    """Check that W&B may send, if it is to send."""
    import wandb

    try:
        setup = wandb.setup()
        if not setup.settings._offline and not setup.settings._noop and not wandb.api.api_key:
            raise InputError(
                "--logger wandb has no key to send with; give one with: wandb login; or keep the records here, to be sent later: "
                "WANDB_MODE=offline"
            )
    except (wandb.errors.UsageError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"--logger wandb: {error}") from error
    logging.getLogger("wandb").setLevel(logging.ERROR)


def _open_store() -> None:
    """Open MLflow's store: several runs that make one at once would fail."""
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    address = os.environ.setdefault(_STORE_VARIABLE, f"sqlite:///{Path.cwd() / 'mlflow.db'}")
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", _PROJECT)
    try:
        client = MlflowClient(address)
        found = client.get_experiment_by_name(name)
        if found is None:
            with suppress(MlflowException):  # another process has just made it
                client.create_experiment(name)
        elif found.lifecycle_stage == "deleted":
            raise InputError(
                f"--logger mlflow: the experiment {name} is deleted; restore it, or set MLFLOW_EXPERIMENT_NAME"
            )
    except MlflowException as error:
        reason = str(error).splitlines()[0][:300]
        raise InputError(f"--logger mlflow cannot open {_STORE_VARIABLE}={address}: {reason}") from error


def _known_in_mlflow(run_id: str | None) -> str | None:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    if run_id is None:
        return None
    try:
        MlflowClient(os.environ[_STORE_VARIABLE]).get_run(run_id)
    except MlflowException:
        warn(f"MLflow has no record {run_id} of this run in {os.environ[_STORE_VARIABLE]}: a new one begins")
        return None
    return run_id


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings as one mapping, by names such as `removal/k`."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}/")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _is_finite(value: Any) -> bool:
    return value is not None and math.isfinite(float(value))
