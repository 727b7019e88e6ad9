"""`bimodal.load`: load a trained network by its path or its name."""

from contextlib import suppress
from pathlib import Path

from bimodal.errors import InputError
from bimodal.model_files.info import INFO_FILE
from bimodal.model_files.network import Network
from bimodal.model_files.packaged import FACE, FACE_INT8, PACKAGED_PREFIX, packaged_onnx
from bimodal.text import first_line

PUBLISHED = ("model.safetensors", "config.yaml", INFO_FILE, "README.md")
"""The files of a published network; no other file of a repository is downloaded."""
_MAX_BYTES = 8 * 2**30
_TIMEOUT_S = 10


def load(model: str | Path | None = None) -> Network:
    """Load a trained network for prediction.

    Args:
        model: a run folder; a folder that `bimodal publish` wrote; an `.onnx` file that `bimodal export` wrote; a
            Hugging Face repository, `owner/name` or `owner/name@revision`, that `bimodal publish` wrote; or
            `bimodal/face-s`, the packaged network, the default, or `bimodal/face-s-int8`, the same with 8 bits. The packaged
            network and ONNX files need no PyTorch.

    Returns:
        A `Network`: `network.probabilities(faces)` classifies cropped faces, `network.info` describes the network.

    Raises:
        InputError: there is no such model, or it is damaged, of another program, or of a newer bimodal.

    >>> load().info.emotions
    ('angry', 'disgust', 'fear', 'happy', 'neutral', 'sad', 'surprise', 'contempt')
    """
    from bimodal.model_files.onnx_network import load_onnx

    name = str(model) if model is not None else FACE
    path = Path(name)
    if path.suffix.casefold() == ".onnx":
        return load_onnx(path)
    if path.is_dir():
        from bimodal.inference.torch_network import load_run

        return load_run(path)
    if name.startswith(PACKAGED_PREFIX):
        return load_onnx(packaged_onnx(name))
    may_be_repository = isinstance(model, str) and name.count("/") == 1 and not name.startswith((".", "/", "~"))
    if may_be_repository and not path.exists() and not path.parent.is_dir():
        from bimodal.inference.torch_network import load_run

        return load_run(fetch_published(name))
    what = f"{path} is not a model" if path.exists() else f"no model at {path}"
    raise InputError(
        f"{what}; expected a run folder, an .onnx file, a Hugging Face repository owner/name, {FACE} or {FACE_INT8}"
    )


def fetch_published(repository: str) -> Path:
    """Return the folder of a published network, `owner/name` or `owner/name@revision`, in the cache of Hugging Face.

    Raises:
        InputError: the hub cannot be reached and the cache has no copy, or the repository holds no network of bimodal.
    """
    from huggingface_hub import HfApi, snapshot_download

    name, _, revision = repository.partition("@")
    try:
        try:
            listing = HfApi().model_info(name, revision=revision or None, files_metadata=True, timeout=_TIMEOUT_S)
        except Exception as error:  # without a connection the cache may still have it
            with suppress(Exception):
                return Path(snapshot_download(name, revision=revision or None, local_files_only=True))
            raise error
        sizes = {file.rfilename: file.size or 0 for file in listing.siblings or []}
        missing = [file for file in PUBLISHED[:3] if file not in sizes]
        if missing:
            raise InputError(f"{name} on Hugging Face is not a network of bimodal: it lacks {', '.join(missing)}")
        if sum(sizes[file] for file in PUBLISHED if file in sizes) > _MAX_BYTES:
            raise InputError(f"{name} on Hugging Face is larger than {_MAX_BYTES >> 30} GiB")
        return Path(snapshot_download(name, revision=listing.sha, allow_patterns=list(PUBLISHED)))
    except InputError:
        raise
    except Exception as error:  # the client's error types differ from release to release
        reason = first_line(error)
        expected = "a run folder, an .onnx file, or a Hugging Face repository owner/name"
        raise InputError(f"no model at {repository} or on Hugging Face ({reason}); expected {expected}") from error
