"""Publish a trained network: a folder, or a Hugging Face repository, that `bimodal.load` reads."""

import shutil
from pathlib import Path

import yaml

from bimodal.errors import InputError
from bimodal.files import staged_folder
from bimodal.inference.load import PUBLISHED
from bimodal.inference.torch_network import load_run
from bimodal.model_files.info import INFO_FILE, ModelInfo
from bimodal.runs.run import FINISHED, Run


def publish(folder: str | Path, out: str | Path, overwrite: bool = False) -> Path:
    """Write a folder that others can load: weights, settings, description and model card.

    The folder holds no image, no name of an image, and no path of this machine.

    Args:
        folder: the folder of a finished run.
        out: the folder to write.
        overwrite: replace a folder that was published before.

    Returns:
        `out`, which `bimodal.load` has read.

    Raises:
        InputError: the run is unfinished or damaged, or `out` holds something else.
    """
    folder, out = Path(folder), Path(out)
    run = Run.open(folder)
    load_run(folder, "cpu")  # raises an error if the run cannot be loaded
    config = run.config | {"data": "", "weights": None}
    card = run.path / "README.md"
    with staged_folder(out, overwrite, content=PUBLISHED, marks=(INFO_FILE, FINISHED)) as stage:
        shutil.copyfile(run.path / FINISHED, stage / FINISHED)
        (stage / INFO_FILE).write_text(ModelInfo.read(run.path / INFO_FILE).to_json(), encoding="utf-8")
        text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
        (stage / "config.yaml").write_text(text, encoding="utf-8")
        text = _model_card(run.name, card.read_text(encoding="utf-8") if card.is_file() else "")
        (stage / "README.md").write_text(text, encoding="utf-8")
        load_run(stage, "cpu")
    return out


def push(folder: str | Path, repository: str, private: bool = False) -> str:
    """Upload a published folder to Hugging Face, and return its address.

    Args:
        folder: the folder that `publish` wrote.
        repository: `owner/name`; created if it does not exist.
        private: make the repository private.

    Raises:
        InputError: the hub cannot be reached, or refuses the upload.
    """
    from huggingface_hub import HfApi

    try:
        api = HfApi()
        api.create_repo(repository, private=private, exist_ok=True)
        return str(api.upload_folder(repo_id=repository, folder_path=folder, allow_patterns=list(PUBLISHED)).commit_url)
    except Exception as error:  # the client's error types differ from release to release
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{folder} cannot be uploaded to {repository} ({reason}); HF_TOKEN must hold a token with write access"
        ) from error


def _model_card(name: str, card: str) -> str:
    """Return the run's model card with the header that the hub reads."""
    header = {
        "library_name": "bimodal",
        "pipeline_tag": "image-classification",
        "tags": ["facial-expression-recognition", "emotion"],
    }
    use = f"""
## Use

```python
import bimodal

network = bimodal.load("this folder, or owner/name on Hugging Face")
table = bimodal.predict("photo.jpg", model=network)
```

Probabilities are calibrated with the temperature in `{INFO_FILE}`, which was fitted on the validation faces. The weights
are safetensors; loading them runs no code.
"""
    return f"---\n{yaml.safe_dump(header, sort_keys=False)}---\n\n{card.strip() or '# ' + name}\n{use}"
