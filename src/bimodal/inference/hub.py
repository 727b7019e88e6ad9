"""A network that somebody published on the hub, fetched once."""

from contextlib import suppress
from pathlib import Path

from huggingface_hub import HfApi, snapshot_download

from bimodal.errors import InputError
from bimodal.model_files.info import INFO_FILE

PUBLISHED = ("model.safetensors", "config.yaml", INFO_FILE, "README.md")
"""The files of a published network; nothing else of a repository is fetched."""
_LARGEST = 8 * 2**30
_TIMEOUT_S = 10


def fetch_published(repository: str) -> Path:
    """Return the folder of a published network in the hub's cache, fetched if it is not there.

    Args:
        repository: `owner/name`, or `owner/name@revision`.

    Raises:
        InputError: the hub cannot be reached and nothing is cached, or the repository holds no network of ours.
    """
    name, _, revision = repository.partition("@")
    try:
        try:
            stated = HfApi().model_info(name, revision=revision or None, files_metadata=True, timeout=_TIMEOUT_S)
        except Exception as error:  # no network: the cache may have it
            with suppress(Exception):
                return Path(snapshot_download(name, revision=revision or None, local_files_only=True))
            raise error
        sizes = {file.rfilename: file.size or 0 for file in stated.siblings or []}
        missing = [file for file in PUBLISHED[:3] if file not in sizes]
        if missing:
            raise InputError(f"{name} on the hub is no network of bimodal's: it lacks {', '.join(missing)}")
        if sum(sizes[file] for file in PUBLISHED if file in sizes) > _LARGEST:
            raise InputError(f"{name} on the hub is larger than {_LARGEST >> 30} GiB")
        return Path(snapshot_download(name, revision=stated.sha, allow_patterns=list(PUBLISHED)))
    except InputError:
        raise
    except Exception as error:  # the client's own kinds differ from release to release
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"no model at {repository}, and the hub has none or cannot be reached ({reason}); expected a run folder, "
            "an .onnx file, or a hub repository owner/name"
        ) from error
