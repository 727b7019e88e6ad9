"""`bimodal publish`: a run to a folder, or a repository of the hub, that anybody's `bimodal.load` reads."""

import shutil
from pathlib import Path

import yaml

from bimodal.errors import InputError
from bimodal.files import staged_folder
from bimodal.inference.hub import PUBLISHED
from bimodal.inference.torch_network import info_of, load_run
from bimodal.model_files.info import INFO_FILE
from bimodal.runs.run import FINISHED, Run


def publish(folder: Path, out: Path, overwrite: bool = False) -> Path:
    """Write the folder of a network that others may load: weights, settings, description, model card.

    Nothing of the faces goes into it: no picture, no name of one, and no path of this machine.

    Args:
        folder: of a finished run.
        out: the folder to write.
        overwrite: replace a folder that was published before.

    Returns:
        `out`; `bimodal.load` has read it.

    Raises:
        InputError: the run is unfinished or damaged, or `out` holds something else.
    """
    run = Run.open(folder)
    load_run(folder, "cpu")  # what cannot be read is not published
    config = {key: value for key, value in run.config.items() if key not in ("weights", "data")}
    config |= {"data": "", "weights": None}
    card = run.path / "README.md"
    with staged_folder(out, overwrite, ours=PUBLISHED, marks=(INFO_FILE, FINISHED)) as stage:
        shutil.copyfile(run.path / FINISHED, stage / FINISHED)
        (stage / INFO_FILE).write_text(info_of(run).to_json(), encoding="utf-8")
        (stage / "config.yaml").write_text(
            yaml.safe_dump(config, sort_keys=False, allow_unicode=True), encoding="utf-8"
        )
        (stage / "README.md").write_text(
            _card(run, card.read_text(encoding="utf-8") if card.is_file() else ""), encoding="utf-8"
        )
        load_run(stage, "cpu")
    return out


def push(folder: Path, repository: str, private: bool = False) -> str:
    """Upload a published folder to the hub, and return its address.

    Args:
        folder: from `publish`.
        repository: `owner/name`; made if it is not there.
        private: whether only its owner sees it.

    Raises:
        InputError: the hub cannot be reached, or refuses.
    """
    from huggingface_hub import HfApi

    try:
        api = HfApi()
        api.create_repo(repository, private=private, exist_ok=True)
        return str(api.upload_folder(repo_id=repository, folder_path=folder, allow_patterns=list(PUBLISHED)).commit_url)
    except Exception as error:  # the client's own kinds differ from release to release
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"the hub did not take {repository} ({reason}); HF_TOKEN must hold a token that may write there. "
            f"The folder is at {folder}"
        ) from error


def _card(run: Run, card: str) -> str:
    """Return the run's model card under the header that the hub reads."""
    header = {
        "library_name": "bimodal",
        "pipeline_tag": "image-classification",
        "tags": ["facial-expression-recognition", "emotion"],
    }
    use = f"""
## Use

```python
import bimodal

network = bimodal.load("this folder, or owner/name on the hub")
table = bimodal.predict("photo.jpg", model=network)
```

Probabilities are calibrated with the temperature in `{INFO_FILE}`, fitted on the validation faces. Weights are plain
safetensors; nothing in this folder runs code.
"""
    return f"---\n{yaml.safe_dump(header, sort_keys=False)}---\n\n{card.strip() or '# ' + run.name}\n{use}"
