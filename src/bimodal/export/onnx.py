"""Write a PyTorch network as an ONNX file that describes its own input, and compare it with the original."""

import contextlib
import importlib.util
import io
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bimodal.errors import InputError
from bimodal.files import write_atomically
from bimodal.model_files.info import ModelInfo
from bimodal.model_files.network import Network
from bimodal.model_files.onnx_network import FEATURES, LOGITS, METADATA_KEY, load_onnx
from bimodal.text import first_line

MAX_LOGIT_DIFFERENCE = 1e-3
"""An export whose logits differ by more than this from PyTorch's is refused."""
INPUT = "images"
_USAGE = (
    "images: float32 (N,3,S,S), red, green and blue of a cropped face resized to S x S: (pixel / 255 - mean) / std. "
    "logits: float32 (N,K); probabilities are softmax(logits / temperature), where mirror is true of the mean of the logits of the "
    "face and its mirror image. features: float32 (N,F), the pooled features. The key bimodal holds all numbers as JSON."
)
_MIN_HALF_SIZE = 1024  # numbers; smaller tensors stay in single precision


@dataclass(frozen=True)
class Parity:
    """The largest differences of a logit and of a probability between an exported network and its original on some faces."""

    logits: float
    probabilities: float
    faces: int


def write_onnx(model: nn.Module, info: ModelInfo, out: Path, faces: NDArray[np.uint8], half: bool = False) -> Parity:
    """Write a network as ONNX, after checking that it gives the same logits as PyTorch on faces uint8 (n,S,S,3).

    Args:
        model: from normalised images (N,3,S,S) to logits (N,K), on the CPU; if it has a method `embed`, which returns
            pooled features (N,F) and the logits, the file gives the features, too.
        half: store large weights in half precision, which halves the file; the computation stays in single precision.

    Raises:
        InputError: the network cannot be exported, or the logits differ by more than `MAX_LOGIT_DIFFERENCE`.
    """
    content = to_onnx(model, info, half).SerializeToString()
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / "trial.onnx"
        trial.write_bytes(content)
        parity = measure_parity(model, load_onnx(trial), faces)
    if not parity.logits <= MAX_LOGIT_DIFFERENCE:
        limits = f"by up to {parity.logits:.2g}, over {MAX_LOGIT_DIFFERENCE:g}"
        raise InputError(f"the logits of the exported network differ from the original {limits}; nothing was written")
    write_atomically(out, lambda part: part.write_bytes(content))
    return parity


def to_onnx(model: nn.Module, info: ModelInfo, half: bool = False) -> Any:
    """Return a network as an `onnx.ModelProto` for any batch size, with `info` in its metadata.

    Raises:
        InputError: an operation of the network has no ONNX form, or a package is not installed.
    """
    require_packages("onnx", "onnxscript")
    model = model.eval()
    example = torch.zeros(2, 3, info.image_size, info.image_size)
    try:
        with warnings.catch_warnings(), quiet("torch.onnx", logging.CRITICAL):
            warnings.simplefilter("ignore")
            program: Any = torch.onnx.export(
                _Named(model).eval(),
                (example,),
                dynamo=True,
                input_names=[INPUT],
                output_names=[LOGITS, FEATURES] if hasattr(model, "embed") else [LOGITS],
                dynamic_shapes={INPUT: {0: torch.export.Dim("batch")}},
                verbose=False,
            )
    except Exception as error:  # the exporter has an error type for each step
        raise InputError(f"the network cannot be exported to ONNX: {first_line(error)}") from error
    proto = program.model_proto
    if half:
        _halve(proto, {f"model.{name}": value.numpy() for name, value in model.state_dict().items()})
    describe(proto, info)
    return proto


def describe(proto: Any, info: ModelInfo) -> None:
    """Replace a model's metadata with the description of the network."""
    graph = proto.graph
    # the exporter writes source paths of this machine into the metadata of each node
    for part in (proto, graph, *graph.node, *graph.initializer, *graph.value_info, *graph.input, *graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
    for key, value in {METADATA_KEY: info.to_json(), "usage": _USAGE, "temperature": repr(info.temperature)}.items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = key, value
    proto.producer_name, proto.producer_version = "bimodal", info.version
    proto.doc_string = f"{info.name}: emotions of faces ({', '.join(info.emotions)})"


def measure_parity(model: nn.Module, network: Network, faces: NDArray[np.uint8]) -> Parity:
    """Return the difference between an exported network and its original on the same faces, uint8 (n,S,S,3)."""

    @torch.inference_mode()
    def original(inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(model.eval()(torch.from_numpy(inputs)).float().numpy())

    inputs = network.normalise(faces)
    expected = Network(network.info, original).probabilities(faces)
    logits = np.abs(network.forward(inputs) - original(inputs)).max(initial=0)
    probabilities = np.abs(network.probabilities(faces) - expected).max(initial=0)
    return Parity(float(logits), float(probabilities), len(faces))


def require_packages(*packages: str) -> None:
    """Raise an `InputError` if a package is not installed; the extra `export` installs them."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"writing ONNX needs {' and '.join(missing)}; install with: pip install {' '.join(missing)}")


class _Named(nn.Module):
    """Names the argument, which becomes the name of the ONNX input."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor) -> Any:
        embed: Any = getattr(self.model, "embed", None)
        if embed is None:
            return self.model(images)
        features, logits = embed(images)
        return logits, features


def _halve(proto: Any, weights: Mapping[str, NDArray[Any]]) -> None:
    """Store large weights in half precision, each with a cast to single precision, which the runtime folds on loading.

    The exporter folds batch norms into the weights: the product would lose digits in half precision. So where a weight
    is one of the model's, scaled by channel, the weight and its scales are stored instead.

    `proto` is changed in place; `weights` are the model's by their names in it.
    """
    from onnx import TensorProto, helper, numpy_helper

    casts, scales = [], []
    for tensor in proto.graph.initializer:
        values, name = numpy_helper.to_array(tensor), tensor.name
        if values.dtype != np.float32 or values.size < _MIN_HALF_SIZE:
            continue
        stored = weights.get(name, values)
        scale = _channel_scale(stored, values)
        if scale is None:
            stored, scale = values, np.ones(1, np.float32)
        tensor.CopyFrom(numpy_helper.from_array(stored.astype(np.float16), f"{name}_half"))
        scales.append(numpy_helper.from_array(scale, f"{name}_scale"))
        casts.append(helper.make_node("Cast", [f"{name}_half"], [f"{name}_whole"], to=TensorProto.FLOAT))
        casts.append(helper.make_node("Mul", [f"{name}_whole", f"{name}_scale"], [name]))
    proto.graph.initializer.extend(scales)
    nodes = list(proto.graph.node)
    del proto.graph.node[:]
    proto.graph.node.extend([*casts, *nodes])
    made = {node.output[0] for node in casts}
    kept = [value for value in proto.graph.value_info if value.name not in made]
    del proto.graph.value_info[:]
    proto.graph.value_info.extend(kept)


def _channel_scale(weight: NDArray[Any], scaled: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Return the factor of each channel (first axis) from a weight to a scaled one; None if there is no such factor."""
    if weight.shape != scaled.shape or not np.array_equal(weight.astype(np.float16), weight):
        return None
    rest = tuple(range(1, weight.ndim))
    squares = np.square(weight, dtype=np.float64).sum(axis=rest, keepdims=True)
    scale = (weight.astype(np.float64) * scaled).sum(axis=rest, keepdims=True) / np.where(squares > 0, squares, 1)
    if np.abs(weight * scale - scaled).max() > 1e-6 * np.abs(scaled).max():
        return None
    return np.asarray(scale, dtype=np.float32)


@contextlib.contextmanager
def quiet(logger_name: str, least: int) -> Iterator[None]:
    """Hide what is printed, and what a logger logs below the level `least`."""
    logger = logging.getLogger(logger_name)
    level = logger.level
    logger.setLevel(least)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
