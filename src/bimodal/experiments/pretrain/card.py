"""The model card of the packaged network, with the results of its pretraining."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from bimodal.emotions import NAMES
from bimodal.evaluation.metrics import Measures
from bimodal.evaluation.statistics import Estimate
from bimodal.experiments.pretrain.recipe import Recipe
from bimodal.experiments.votes import EMOTIONS
from bimodal.model_files.packaged import FACE, FACE_INT8, ONNX, ONNX_INT8, TRAINING_DIGESTS, WEIGHTS
from bimodal.models.face_net import SIZE
from bimodal.version import __version__


def model_card(
    measures: Mapping[str, Measures],
    calibration: Mapping[str, float],
    counts: Mapping[str, int],
    recipe: Recipe,
    temperature: float,
    size: int,
) -> str:
    """Return the model card as Markdown.

    Args:
        measures: on the test faces, of both heads: `votes` and `own`, and `votes_flip` and `own_flip`, for which the
            predictions of mirrored faces are averaged in; `votes_int8`: of the head `votes` with 8 bits.
        calibration: of the head `votes`, see `bimodal.experiments.pretrain.outputs.calibration`.
        counts: number of faces by split.
        recipe: the settings of the pretraining.
        temperature: of the head `votes`.
        size: of the weights file, in bytes.
    """
    votes, own, int8 = measures["votes"], measures["own"], measures["votes_int8"]
    return f"""# {FACE}

A small network that classifies facial emotion, for faces of {SIZE} pixels. `bimodal pretrain` (bimodal {__version__}) trained it on FER2013
from random weights. One backbone has two heads:

- `votes` predicts the votes of ten taggers (FERPlus: {", ".join(EMOTIONS)}). `bimodal predict` uses it.
- `own` predicts the labels that FER2013 came with ({", ".join(NAMES)}), which the literature reports
  on. These labels disagree with the taggers on a third of the faces.

| file | content |
|---|---|
| `{WEIGHTS}` | the weights of both heads, {size / 1e6:.2f} MB, half precision; `bimodal train --preset face` starts from them |
| `{ONNX}` | the network with the head `votes` |
| `{ONNX_INT8}` | the same with weights and activations of 8 bits: `bimodal predict --model {FACE_INT8}`, faster and slightly less accurate |
| `{TRAINING_DIGESTS}` | eight bytes of the digest of each training and validation picture, so that evaluations can leave these pictures out |
| `SHA256SUMS` | the checksums of the four files above |
| `log.csv` | loss and validation accuracy of each epoch |
| `measures.json` | the results below, and the confusion matrices |
| `config.yaml` | the settings of the pretraining |

These commands make the files again:

    bimodal prepare fer2013.csv fer2013 --votes fer2013new.csv
    bimodal pretrain fer2013 --out face-s{_changed_options(recipe)}

## Accuracy

The network is tested on {counts["test"]:,} faces of PublicTest (and of PrivateTest, if `fer2013.csv` has it) that have no identical copy in
training. No setting was chosen on the test faces. It is trained on {counts["train"]:,} faces of FER2013's Training; {counts["val"]:,} more of them serve for
validation and for the temperature.

| head | tested on | faces | accuracy, % (95 % interval) | averaged with mirrored faces, % |
|---|---|---:|---:|---:|
| votes | faces on which one of eight emotions has more than half of the votes | {votes.n:,} | {_percent(votes.accuracy)} | {_percent(measures["votes_flip"].accuracy)} |
| votes, with 8 bits | the same faces | {int8.n:,} | {_percent(int8.accuracy)} | |
| own | FER2013's labels, all faces | {own.n:,} | {_percent(own.accuracy)} | {_percent(measures["own_flip"].accuracy)} |

The head `votes`, by emotion:

| emotion | faces | recall | precision |
|---|---:|---:|---:|
{_rows_by_emotion(votes, EMOTIONS)}

The probabilities estimate the share of the taggers who choose an emotion (softmax of the logits divided by {temperature:.2f}, a temperature
fitted on validation). The mean of the highest probability is {100 * calibration["probability"]:.1f} %; that emotion has {100 * calibration["votes"]:.1f} % of the votes on
average. The expected calibration error is {calibration["error"]:.3f}.

## What it must not be used for

A face does not prove a feeling. The network estimates what ten people would call a picture. It does not know what a
person feels, thinks or intends. Do not use it to judge, hire, police, teach or treat people, or to watch them at work. The
European Union forbids some of these uses.

## Limits

- A web search for words of emotion found the faces in 2013. Most are posed or press photographs of young, light-skinned,
  Western people. The accuracy on other faces was not measured; expect it to be lower.
- Rare emotions (disgust, contempt, fear) have few faces in the table above; their predictions are the least reliable.
- The network is made for faces seen from the front, in a square of {SIZE} pixels. It is less accurate on small, blurred, covered
  or turned faces.
- Two people who look at a face often disagree, and so do the taggers. The probabilities are those of their votes.

## Data and licences

The pictures of FER2013 (Goodfellow et al., 2013) come from a search engine. They have no clear licence, and the people in them
did not consent; FER2013 is used for research. This package contains none of the pictures. FERPlus's votes (Barsoum et al.,
2016) are under the MIT licence. It is not settled whether weights inherit the terms of the pictures: check this before you
sell a product that contains them.

## Training

The first stage has {recipe.epochs} epochs from random weights, with faces that grow from {recipe.first_size} to {recipe.last_size} pixels.{_second_stage(recipe)}
Batches have {recipe.batch_size} faces. The optimiser is AdamW (highest learning rate {recipe.lr:g}, weight decay {recipe.weight_decay:g}), with a running
average of the weights ({recipe.average:g} a step). The loss is {1 - recipe.label_share:g} of the cross-entropy with the votes and {recipe.label_share:g} of the
cross-entropy with FER2013's labels (label smoothing {recipe.smoothing:g}). The random seed is {recipe.seed}.
"""


def _changed_options(recipe: Recipe) -> str:
    """Return the command-line options that differ from their defaults."""
    default = asdict(Recipe())
    changed = {name: value for name, value in asdict(recipe).items() if value != default[name]}
    return "".join(f" --{name.replace('_', '-')} {value}" for name, value in changed.items())


def _second_stage(recipe: Recipe) -> str:
    if not recipe.distill_epochs:
        return ""
    return f""" The second stage has
{recipe.distill_epochs} more epochs, with faces of up to {recipe.distill_size} pixels and a highest learning rate of {recipe.distill_lr:g}. The predictions of the first
stage have a share of {recipe.distill_share:g} in its targets, and FER2013's labels a share of {recipe.distill_label_share:g} in its loss (Furlanello et al., Born again neural
networks, 2018)."""


def _percent(estimate: Estimate) -> str:
    return f"{100 * estimate.value:.1f} ({100 * estimate.low:.1f} to {100 * estimate.high:.1f})"


def _rows_by_emotion(measures: Measures, names: Sequence[str]) -> str:
    def share(estimate: Estimate | None) -> str:
        return "" if estimate is None else f"{100 * estimate.value:.0f} %"

    return "\n".join(
        f"| {names[one.code]} | {one.support:,} | {share(one.recall)} | {share(one.precision)} |"
        for one in measures.classes
    )
