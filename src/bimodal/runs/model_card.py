"""The model card of a run, its README.md."""

from collections.abc import Mapping
from pathlib import Path

from bimodal.emotions import NAMES
from bimodal.model_files.packaged import FACE
from bimodal.runs.run import Run
from bimodal.version import __version__


def model_card(run: Run, epoch: int, counts: Mapping[str, int]) -> str:
    """Return the model card of a run as Markdown; `epoch` (from 1) is that of the kept weights, `counts` the faces by split."""
    config = run.config
    accuracy = run.metrics.loc[run.metrics["epoch"] == epoch, "val_accuracy"].iloc[0]
    start, licence = "random", ""
    if config["weights"]:
        start = Path(config["weights"]).name
    elif config["pretrained"]:
        start = f"{config['backbone']}, pretrained"
        if config["backbone"] == FACE:
            licence = f" {FACE} was pretrained on FER2013, whose images have no clear licence."
    size, head = config["image_size"], "two layers with SELU and dropout" if config["hidden"] else "a linear layer"
    return f"""# {run.name}

A classifier of facial emotion (`{", ".join(NAMES)}`), trained with bimodal {__version__}.

| | |
|---|---|
| network | `{config["backbone"]}` under {head}, {size}×{size} pixels |
| initial weights | {start} |
| training | {config["epochs"]} epochs, batches of {config["batch_size"]}, Adam, learning rate {config["lr"]:g}, seed {config["seed"]} |
| faces | {counts.get("train", 0)} train, {counts.get("val", 0)} val, {counts.get("test", 0)} test |
| removal | {config["removal"]["rule"]}: {len(run.removed)} faces removed from training (`removed.csv`) |
| kept weights | epoch {epoch}: validation accuracy {accuracy:.3f} |

The validation accuracy is optimistic, because it was used to choose the weights. Measure the accuracy on the test faces:
`bimodal evaluate {run.name} --split test`.

**Limitations.** The labels say what annotators saw in an image; a face does not prove a feeling. Do not use this model to
judge people. It was trained on one kind of faces and may fail on others. The licences of its training images apply.{licence}
"""
