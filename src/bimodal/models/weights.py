"""Weights of a backbone: from the hub (`fetch`), out of a file without running pickle, and into the network.

timm alone leaves at random values, without a word, whatever a file does not hold.
"""

import pickle
import sys
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from bimodal.errors import InputError
from bimodal.models.hub import LARGEST, fetch, first_sentence

__all__ = ["fetch", "load_into", "read"]

PICKLED = (".pth", ".pt", ".bin")
NESTS = ("state_dict", "model_state_dict", "model_state", "model")
WRAPPERS = ("module.", "_orig_mod.", "model.")
"""What DataParallel, torch.compile and a surrounding module put before every name."""

SPARE = 0.1
"""Share of tensors that a file may hold beyond the backbone's own (an auxiliary head); a deeper sibling has more."""


def read(path: Path) -> dict[str, Tensor]:
    """Read a state dict from a `.safetensors` file, or from a `.pth`, `.pt` or `.bin` file without running pickle.

    A state dict below `state_dict`, `model_state_dict`, `model_state` or `model` is found, and `module.`, `_orig_mod.`
    or `model.` before every name is taken off. Where names begin with `backbone.`, as in a run of ours, only those
    are kept, without it.

    Args:
        path: the file, at most 8 GiB.

    Returns:
        Tensors by name, on the CPU.

    Raises:
        InputError: for a missing, foreign or damaged file, and for a pickle that holds more than plain data.

    >>> import tempfile
    >>> from safetensors.torch import save_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "weights.safetensors"
    ...     save_file({"module.conv.weight": torch.ones(2, 3)}, file)
    ...     {name: tuple(tensor.shape) for name, tensor in read(file).items()}
    {'conv.weight': (2, 3)}
    """
    suffix = path.suffix.lower()
    if not path.exists():
        raise InputError(f"the weights file {path} does not exist")
    if not path.is_file():
        raise InputError(f"expected a file of weights, but {path} is a folder or a device")
    if suffix not in (".safetensors", *PICKLED):
        raise InputError(f"expected a file of weights (.safetensors, {', '.join(PICKLED)}), got {path}")
    try:
        _refuse_large(path, _unpacked_size(path))
        content: Any = load_file(path) if suffix == ".safetensors" else _load_pickled(path)
    except InputError:
        raise
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path} is no plain file of tensors: it is damaged, or its pickle asks for code to be run, which is never "
            "done; save the state dict alone, best as .safetensors"
        ) from error
    except Exception as error:  # torch, zipfile and safetensors raise a dozen kinds for bytes that they do not know
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise InputError(f"{path} is damaged, or no {suffix} file of weights ({first_sentence(error)})") from error
    state = _unwrap(content)
    if not state or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items()):
        raise InputError(f"expected a state dict (tensors by name) in {path}, found something else")
    # a tensor whose strides are 0 claims terabytes with a few bytes
    _refuse_large(path, sum(tensor.numel() * tensor.element_size() for tensor in state.values()))
    return {name: tensor.detach() for name, tensor in _plain_names(state).items()}


def load_into(module: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Load weights into a timm backbone that was built with `num_classes=0`: all of its tensors, or none.

    The classifier is left out, and what timm itself renames or resizes for the architecture (positions of a vision
    transformer at another image size) is renamed and resized.

    Args:
        module: the backbone.
        state: tensors by name, as `read` returns them.
        source: what the error calls the weights: a path or a name.

    Raises:
        InputError: if a tensor is missing or of another shape, or many are left over, as with a file of another
            architecture; the backbone is unchanged.

    >>> import timm
    >>> backbone = timm.create_model("resnet10t", num_classes=0)
    >>> load_into(backbone, timm.create_model("resnet10t").state_dict(), "here")
    >>> load_into(backbone, {"fc.weight": torch.ones(7, 512)}, "there")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    bimodal.errors.InputError: there does not fit resnet10t: of its 70 tensors 0 fit, 70 are missing (conv1.0.weight, ...
    """
    cfg: dict[str, Any] = getattr(module, "pretrained_cfg", None) or {}
    classifier = cfg.get("classifier") or ()
    heads = tuple(f"{head}." for head in ([classifier] if isinstance(classifier, str) else classifier))
    own = module.state_dict()
    given = {k: v for k, v in _in_terms_of(module, state).items() if k in own or not k.startswith(heads)}
    # a batch norm's counter may be missing: PyTorch before 0.4.1 had none, and it matters without momentum only
    needed = [name for name in own if not name.endswith(".num_batches_tracked")]
    missing = [name for name in needed if name not in given]
    misfits = [name for name in needed if name in given and not _alike(given[name], own[name])]
    spare = [name for name in given if name not in own]
    if missing or misfits or len(spare) > SPARE * len(own):
        faults = {"are missing": missing, "have another shape or kind": misfits, "are left over": spare}
        fit = len(needed) - len(missing) - len(misfits)
        raise InputError(
            f"{source} does not fit {cfg.get('architecture', type(module).__name__)}: "
            f"of its {len(needed)} tensors {fit} fit, "
            + ", ".join(f"{len(names)} {what} ({_few(names)})" for what, names in faults.items() if names)
            + "; it seems to belong to another architecture: name that one with --backbone, "
            "or give its own file with --weights"
        )
    module.load_state_dict({name: tensor for name, tensor in given.items() if name in own}, strict=False)


def _unpacked_size(path: Path) -> int:
    """Return the bytes that reading takes: a `.pth` file is a zip archive, and may be a small one of much."""
    if path.suffix.lower() != ".safetensors" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return sum(entry.file_size for entry in archive.infolist())
    return path.stat().st_size


def _refuse_large(path: Path, size: int) -> None:
    if size > LARGEST:
        raise InputError(f"{path} holds {size} bytes of weights, more than the {LARGEST} that are read")


def _load_pickled(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other pickle protocols, which load nevertheless
        return torch.load(path, map_location="cpu", weights_only=True)


def _unwrap(content: Any) -> dict[Any, Any]:
    """Go down to the state dict; at most four levels, since a pickled dict may hold itself."""
    for _ in range(4):
        if not isinstance(content, dict) or any(isinstance(value, Tensor) for value in content.values()):
            break
        content = next((content[nest] for nest in NESTS if isinstance(content.get(nest), dict)), None)
    return content if isinstance(content, dict) else {}


def _plain_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    while wrapper := next((w for w in WRAPPERS if all(name.startswith(w) for name in state)), None):
        state = {name.removeprefix(wrapper): tensor for name, tensor in state.items()}
    inner = {name.removeprefix("backbone."): t for name, t in state.items() if name.startswith("backbone.")}
    return inner or state


def _in_terms_of(module: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Apply timm's own renaming and resizing for the module's family, where it has one and the file bears it."""
    adapt = getattr(sys.modules[type(module).__module__], "checkpoint_filter_fn", None)
    try:
        return dict(adapt(dict(state), module)) if adapt else dict(state)
    except Exception:  # it trips over a foreign file; the comparison then says what does not fit
        return dict(state)


def _alike(given: Tensor, own: Tensor) -> bool:
    return given.shape == own.shape and given.is_floating_point() == own.is_floating_point()


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
