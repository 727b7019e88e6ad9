"""A PyTorch network to an ONNX file that says itself how it is fed, checked against the original on the way."""

import contextlib
import importlib.util
import io
import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bimodal.errors import InputError
from bimodal.files import write_atomically
from bimodal.inference.network import Network
from bimodal.inference.onnx_network import KEY, load_onnx
from bimodal.model_files.info import ModelInfo

MOST_APART = 1e-3
"""By so much may logits differ from PyTorch's; an export that differs more is refused."""
INPUT, OUTPUT = "images", "logits"
_HOW = (
    "images: float32 (N,3,S,S), red, green, blue of a face cut out and resized to S x S: (pixel / 255 - mean) / std. "
    "logits: float32 (N,K); probabilities are softmax(logits / temperature). All numbers stand under the key bimodal."
)
_HALF_FROM = 1024  # numbers; smaller tensors are kept whole, they weigh nothing


@dataclass(frozen=True)
class Parity:
    """How far an exported network is from its original.

    Attributes:
        logits: largest difference of a logit.
        probabilities: largest difference of a probability.
        faces: on how many faces it was measured.
    """

    logits: float
    probabilities: float
    faces: int


def write_onnx(model: nn.Module, info: ModelInfo, out: Path, faces: NDArray[np.uint8], half: bool = False) -> Parity:
    """Write a network as ONNX, if it gives the same as PyTorch.

    Args:
        model: normalised pictures (N,3,S,S) to logits (N,K), on the CPU.
        info: goes into the file.
        out: the file.
        faces: uint8 (n,S,S,3), to compare on.
        half: store large weights in half precision, which halves the file; it computes in single precision all the same.

    Raises:
        InputError: the network cannot be exported, or the file's logits differ by more than `MOST_APART` from PyTorch's.
    """
    proto = to_onnx(model, info, half)
    result: list[Parity] = []

    def write(part: Path) -> None:
        part.write_bytes(proto.SerializeToString())
        result.append(compare(model, load_onnx(part), faces))
        if not result[0].logits <= MOST_APART:
            raise InputError(
                f"the exported network differs from the original by up to {result[0].logits:.2g} in its logits, more than "
                f"{MOST_APART:g}; nothing was written"
            )

    write_atomically(out, write)
    return result[0]


def to_onnx(model: nn.Module, info: ModelInfo, half: bool = False) -> Any:
    """Return a network as an ONNX model (`onnx.ModelProto`) with any number of rows, `info` in its metadata.

    Raises:
        InputError: an operation of it has no ONNX form, or the exporter is not installed.
    """
    need("onnx", "onnxscript")
    model = model.eval()
    example = torch.zeros(2, 3, info.image_size, info.image_size)
    try:
        with warnings.catch_warnings(), _quiet():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                _Named(model).eval(),
                (example,),
                dynamo=True,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes={INPUT: {0: torch.export.Dim("batch")}},
                verbose=False,
            )
    except Exception as error:  # the exporter's own kinds
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"this network cannot be exported to ONNX: {reason}") from error
    assert program is not None
    proto = program.model_proto
    if half:
        _halve(proto, {f"model.{name}": value.numpy() for name, value in model.state_dict().items()})
    describe(proto, info)
    return proto


def describe(proto: Any, info: ModelInfo) -> None:
    """Put into a model's metadata how it is fed and read, and nothing else."""
    graph = proto.graph
    # the exporter notes for each node the files and lines that it came from: paths of whoever exports
    for part in (proto, graph, *graph.node, *graph.initializer, *graph.value_info, *graph.input, *graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
    for key, value in {KEY: info.to_json(), "how": _HOW, "temperature": repr(info.temperature)}.items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = key, value
    proto.producer_name, proto.producer_version = "bimodal", info.version
    proto.doc_string = f"{info.name}: faces to emotions ({', '.join(info.emotions)})"


def compare(model: nn.Module, network: Network, faces: NDArray[np.uint8]) -> Parity:
    """Return how far an exported network is from PyTorch's on the same faces, uint8 (n,S,S,3)."""
    inputs = network.normalise(faces)
    with torch.inference_mode():
        original = model.eval()(torch.from_numpy(inputs)).float().numpy()
    other = Network(network.info, lambda _: original)
    apart = np.abs(network.forward(inputs) - original).max(initial=0)
    probabilities = np.abs(network.probabilities(faces) - other.probabilities(faces)).max(initial=0)
    return Parity(float(apart), float(probabilities), len(faces))


def need(*packages: str) -> None:
    """Raise an `InputError` if a package of the extra `export` is missing."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"writing ONNX needs {' and '.join(missing)}; install with: pip install {' '.join(missing)}")


class _Named(nn.Module):
    """Gives the input the name that the file has."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor) -> Any:
        return self.model(images)


def _halve(proto: Any, weights: Mapping[str, NDArray[Any]]) -> None:
    """Store large weights in half precision, each with a cast before its use, which the runtime folds on loading.

    The exporter has folded batch norms into weights. Rounded after that they would not be what the model has, so where a weight is the
    model's own, scaled by channel, that one and the scales are stored.

    Args:
        proto: the exported model, changed in place.
        weights: of the model, by the names that they have there.
    """
    from onnx import TensorProto, helper, numpy_helper

    before, scales = [], []
    for tensor in proto.graph.initializer:
        values, name = numpy_helper.to_array(tensor), tensor.name
        if values.dtype != np.float32 or values.size < _HALF_FROM:
            continue
        own = weights.get(name, values)
        scale = _channel_scale(own, values)
        if scale is None:
            own, scale = values, np.ones(1, np.float32)
        tensor.CopyFrom(numpy_helper.from_array(own.astype(np.float16), f"{name}_half"))
        scales.append(numpy_helper.from_array(scale, f"{name}_scale"))
        before.append(helper.make_node("Cast", [f"{name}_half"], [f"{name}_whole"], to=TensorProto.FLOAT))
        before.append(helper.make_node("Mul", [f"{name}_whole", f"{name}_scale"], [name]))
    proto.graph.initializer.extend(scales)
    nodes = list(proto.graph.node)
    del proto.graph.node[:]
    proto.graph.node.extend([*before, *nodes])
    made = {node.output[0] for node in before}
    kept = [value for value in proto.graph.value_info if value.name not in made]
    del proto.graph.value_info[:]
    proto.graph.value_info.extend(kept)


def _channel_scale(own: NDArray[Any], values: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Return what a weight was multiplied by, a number for each channel of its first axis, or None if it was not."""
    if own.shape != values.shape or not np.array_equal(own.astype(np.float16), own):
        return None
    rest = tuple(range(1, own.ndim))
    squares = np.square(own, dtype=np.float64).sum(axis=rest, keepdims=True)
    scale = (own.astype(np.float64) * values).sum(axis=rest, keepdims=True) / np.where(squares > 0, squares, 1)
    if np.abs(own * scale - values).max() > 1e-6 * np.abs(values).max():
        return None
    return np.asarray(scale, dtype=np.float32)


@contextlib.contextmanager
def _quiet() -> Any:
    """Keep what the exporter says for itself: it reports each step, to the terminal and to the log."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
