"""`bimodal.load`: a network by whatever names it."""

from pathlib import Path

from bimodal.errors import InputError
from bimodal.inference.network import Network
from bimodal.model_files.packaged import FACE, ONNX, PACKAGED_PREFIX, packaged_file


def load(model: str | Path | None = None) -> Network:
    """Load a trained network for prediction.

    Args:
        model: a run folder; a folder that `bimodal publish` wrote; an `.onnx` file that `bimodal export` wrote; a
            repository of the hub, `owner/name`, where `bimodal publish` put one; `bimodal/face-s` or None: the network
            that comes with bimodal. For it and for ONNX files PyTorch is not loaded.

    Returns:
        A `Network`: `probabilities(faces)` of cut-out faces, and `info`, which says how it was calibrated.

    Raises:
        InputError: there is no such model, or it is damaged, foreign, or newer than this program.
    """
    from bimodal.inference.onnx_network import load_onnx

    name = str(model) if model is not None else FACE
    path = Path(name)
    if path.suffix.casefold() == ".onnx":
        return load_onnx(path)
    if path.is_dir():
        from bimodal.inference.torch_network import load_run

        return load_run(path)
    if name.startswith(PACKAGED_PREFIX):
        return load_onnx(packaged_file(name, ONNX))
    if path.exists():
        raise InputError(f"{path} is no model: expected a run folder, an .onnx file, or {FACE}")
    if (
        isinstance(model, str)
        and name.count("/") == 1
        and not name.startswith((".", "/", "~"))
        and not path.parent.is_dir()
    ):
        from bimodal.inference.hub import fetch_published
        from bimodal.inference.torch_network import load_run

        return load_run(fetch_published(name))
    raise InputError(f"no model at {path}: expected a run folder, an .onnx file, a hub repository, or {FACE}")
