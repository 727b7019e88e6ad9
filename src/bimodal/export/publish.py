"""Publish a trained network: a folder, or a Hugging Face repository, that `bimodal.load` reads."""

import shutil
from pathlib import Path

import yaml

from bimodal.errors import InputError
from bimodal.files import staged_folder, write_text
from bimodal.inference.load import PUBLISHED
from bimodal.inference.torch_network import load_run
from bimodal.model_files.info import INFO_FILE, ModelInfo
from bimodal.runs.run import FINISHED, Run
from bimodal.text import first_line


def publish(folder: str | Path, out: str | Path, overwrite: bool = False) -> Path:
    """Write a folder that others can load: weights, settings, description and model card; return `out`.

    The folder holds no image, no name of an image, and no path of this machine. `overwrite` replaces a folder that was
    published before.

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
        write_text(stage / INFO_FILE, ModelInfo.read(run.path / INFO_FILE).to_json())
        write_text(stage / "config.yaml", yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
        card_text = card.read_text(encoding="utf-8") if card.is_file() else ""
        write_text(stage / "README.md", _model_card(run.name, card_text))
        load_run(stage, "cpu")
    return out


def push(folder: str | Path, repository: str, private: bool = False) -> str:
    """Upload a published folder to the Hugging Face repository `owner/name`, made if missing; return its address.

    Raises:
        InputError: the hub cannot be reached, or refuses the upload.
    """
    from huggingface_hub import HfApi

    try:
        api = HfApi()
        api.create_repo(repository, private=private, exist_ok=True)
        return str(api.upload_folder(repo_id=repository, folder_path=folder, allow_patterns=list(PUBLISHED)).commit_url)
    except Exception as error:  # the client's error types differ from release to release
        failure = f"{folder} cannot be uploaded to {repository} ({first_line(error)})"
        raise InputError(f"{failure}; HF_TOKEN must hold a token with write access") from error


def _model_card(name: str, card: str) -> str:
    """Return the run's model card with the header that the hub reads."""
    header: dict[str, object] = {"library_name": "bimodal", "pipeline_tag": "image-classification"}
    header |= {"tags": ["facial-expression-recognition", "emotion"]}
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
