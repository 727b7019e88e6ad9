"""Weights of a backbone: download them (`fetch`), read them from a file without running code in it, and load them.

By itself, timm keeps random values for tensors that are missing from a file, without a warning.
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
"""Prefixes of all names that DataParallel, torch.compile and an enclosing module add."""

MAX_EXTRA_SHARE = 0.1
"""Largest share of additional tensors in a file (an auxiliary head); the file of a deeper variant has more."""


def read(path: Path) -> dict[str, Tensor]:
    """Read a state dict from a `.safetensors` file, or from a `.pth`, `.pt` or `.bin` file without running code in it.

    The state dict may be nested under `state_dict`, `model_state_dict`, `model_state` or `model`. A prefix `module.`,
    `_orig_mod.` or `model.` of all names is removed. If names start with `backbone.`, as in a run of bimodal, only these tensors
    are returned, without that prefix.

    Raises:
        InputError: the file is missing, damaged, of another kind or above 8 GiB, or its pickle holds more than plain data.

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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about other pickle protocols, which load nevertheless
            content: Any = load_file(path) if suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except InputError:
        raise
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path} is not a plain file of tensors: it is damaged, or its pickle would run code, which is never done; "
            "save only the state dict, preferably as .safetensors"
        ) from error
    except Exception as error:  # torch, zipfile and safetensors raise many types for unknown bytes
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise InputError(
            f"{path} is damaged, or is not a {suffix} file of weights ({first_sentence(error)})"
        ) from error
    state = _unwrap(content)
    if not state or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items()):
        raise InputError(f"expected a state dict (tensors by name) in {path}, got something else")
    # a tensor with strides of 0 can have terabytes of elements in a small file
    _refuse_large(path, sum(tensor.numel() * tensor.element_size() for tensor in state.values()))
    return {name: tensor.detach() for name, tensor in _plain_names(state).items()}


def load_into(module: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Load weights into a timm backbone that was built with `num_classes=0`: all of its tensors, or none.

    The tensors of a classifier are ignored. Tensors that timm renames or resizes for an architecture (such as the position
    embeddings of a vision transformer at another image size) are renamed and resized.

    `source` names the weights in error messages: a path or a model name.

    Raises:
        InputError: a tensor is missing or has another shape, or many tensors are left over, because the file belongs to
            another architecture; the backbone is unchanged.

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
    given = {k: v for k, v in _adapted(module, state).items() if k in own or not k.startswith(heads)}
    # the counter of a batch norm may be missing: PyTorch before 0.4.1 had none, and it is used without momentum only
    needed = [name for name in own if not name.endswith(".num_batches_tracked")]
    missing = [name for name in needed if name not in given]
    misfits = [name for name in needed if name in given and not _alike(given[name], own[name])]
    extra = [name for name in given if name not in own]
    if missing or misfits or len(extra) > MAX_EXTRA_SHARE * len(own):
        faults = {"are missing": missing, "have another shape or kind": misfits, "are left over": extra}
        listed = [
            f"{len(names)} {what} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
            for what, names in faults.items()
            if names
        ]
        fit = f"of its {len(needed)} tensors {len(needed) - len(missing) - len(misfits)} fit"
        raise InputError(
            f"{source} does not fit {cfg.get('architecture', type(module).__name__)}: {', '.join([fit, *listed])}; it seems "
            "to belong to another architecture: choose that with --backbone, or give the right file with --weights"
        )
    module.load_state_dict({name: tensor for name, tensor in given.items() if name in own}, strict=False)


def _unpacked_size(path: Path) -> int:
    """Return the size in memory: a `.pth` file is a zip archive, whose content may be far larger than the file."""
    if path.suffix.lower() != ".safetensors" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return sum(entry.file_size for entry in archive.infolist())
    return path.stat().st_size


def _refuse_large(path: Path, size: int) -> None:
    if size > LARGEST:
        raise InputError(f"{path} holds {size} bytes of weights; at most {LARGEST} are accepted")


def _unwrap(content: Any) -> dict[Any, Any]:
    """Return the nested state dict, at most four levels down, because a pickled dict may contain itself."""
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


def _adapted(module: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename and resize the tensors as timm does for the architecture, if it has a function for that which accepts them."""
    adapt = getattr(sys.modules[type(module).__module__], "checkpoint_filter_fn", None)
    try:
        return dict(adapt(dict(state), module)) if adapt else dict(state)
    except Exception:  # a file of another architecture; `load_into` then lists what does not fit
        return dict(state)


def _alike(given: Tensor, own: Tensor) -> bool:
    return given.shape == own.shape and given.is_floating_point() == own.is_floating_point()
