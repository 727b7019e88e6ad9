"""The model card of the packaged network, with the figures of the run that made it."""

from collections.abc import Mapping
from dataclasses import asdict

from bimodal.emotions import NAMES
from bimodal.evaluation.metrics import Measures
from bimodal.evaluation.statistics import Estimate
from bimodal.experiments.pretrain.recipe import EMOTIONS, Recipe
from bimodal.model_files.packaged import FACE, ONNX, TRAINING_DIGESTS, WEIGHTS
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
    """Return the card as Markdown.

    Args:
        measures: on the test faces: `votes`, `own`, and the same with mirrored faces averaged, `votes_flip`, `own_flip`.
        calibration: of the votes' head, see `bimodal.experiments.pretrain.pretrain.calibration`.
        counts: faces by split.
        recipe: of the training.
        temperature: of the votes' head.
        size: of the weights, in bytes.
    """
    votes, own = measures["votes"], measures["own"]
    return f"""# {FACE}

A small network for faces of {SIZE} pixels, pretrained on FER2013 by `bimodal pretrain` (bimodal {__version__}), from random weights.
One backbone carries two heads:

- `votes`: what ten taggers would say (FERPlus; {", ".join(EMOTIONS)}). `bimodal predict` uses it.
- `own`: FER2013's own labels ({", ".join(NAMES)}), on which the literature reports. They disagree with the
  taggers on a third of the faces.

`{WEIGHTS}` ({size / 1e6:.2f} MB, half precision) is what `bimodal train --preset face` starts from; `{ONNX}` is the same with the votes' head.
`{TRAINING_DIGESTS}` has eight bytes of a digest of each picture that it was trained or chosen on, so that nobody tests it on those.
`SHA256SUMS` has their checksums, `log.csv` the course of the training, `measures.json` the figures below and the
confusions, `config.yaml` the recipe. To make them again:

    bimodal prepare fer2013.csv fer2013 --votes fer2013new.csv
    bimodal pretrain fer2013 --out face-s{_options(recipe)}

## Accuracy

On {counts["test"]:,} test faces (PublicTest; a `fer2013.csv` that has PrivateTest adds those) of which no identical copy is in
training; nothing was chosen by them. Training: {counts["train"]:,} faces of FER2013's Training; {counts["val"]:,} more of it served for
choices and for the temperature.

| head | measured on | faces | accuracy, % (95 %) | with mirrored faces averaged |
|---|---|---:|---:|---:|
| votes | one of eight emotions has more than half of the votes | {votes.n:,} | {_percent(votes.accuracy)} | {_percent(measures["votes_flip"].accuracy)} |
| own | FER2013's own labels, all faces | {own.n:,} | {_percent(own.accuracy)} | {_percent(measures["own_flip"].accuracy)} |

By emotion, head of the votes:

| emotion | faces | recall | precision |
|---|---:|---:|---:|
{_classes(votes, EMOTIONS)}

Probabilities estimate the share of the taggers who would choose an emotion (softmax of the logits divided by {temperature:.2f}, fitted on
validation): on average the top emotion is given {100 * calibration["probability"]:.1f} %, and has {100 * calibration["votes"]:.1f} % of the votes; expected calibration
error {calibration["error"]:.3f}.

## What it must not be used for

A face does not prove a feeling. The network says what ten people would have called a picture, no more: not what somebody
feels, thinks or intends. Do not use it to judge, hire, police, teach or treat people, nor to watch them at work; in the European
Union some of these are forbidden.

## Limits

- The faces were found by a web search for words of emotion in 2013: posed, pressed, mostly young, mostly light-skinned,
  Western; how it does on other faces has not been measured. Expect it to do worse.
- Rare emotions (disgust, contempt, fear) have few faces, see the table; what it says of them is least to be trusted.
- It knows faces seen from the front, in a square of {SIZE} pixels; small, blurred, covered or turned faces are read worse.
- Two people who look at a face disagree often; so do the taggers. Probabilities are of their votes.

## Data, and doubts about them

FER2013 (Goodfellow et al., 2013) has pictures that a search engine found, without a clear licence, and without the consent
of those who are shown; it is used for research. None of its pictures is in this package. FERPlus's votes (Barsoum et al.,
2016) are under MIT. Whether weights inherit the terms of the pictures is not settled: judge for yourself before you sell what is
built on them.

## Recipe

{recipe.epochs} epochs from random weights with faces of {recipe.first_size} to {recipe.last_size} pixels{_again(recipe)}.
Batches of {recipe.batch_size}, AdamW (learning rate {recipe.lr:g} at the highest, weight decay {recipe.weight_decay:g}), running average of the
weights ({recipe.average:g} a step), loss: {1 - recipe.own_share:g} of the votes' cross entropy and {recipe.own_share:g} of that of the own labels
(smoothed by {recipe.smoothing:g}), seed {recipe.seed}. In use faces have {SIZE} pixels.
"""


def _options(recipe: Recipe) -> str:
    """Return what the command line must say for this recipe, beyond its defaults."""
    default = asdict(Recipe())
    changed = {name: value for name, value in asdict(recipe).items() if value != default[name]}
    return "".join(f" --{name.replace('_', '-')} {value}" for name, value in changed.items())


def _again(recipe: Recipe) -> str:
    if not recipe.again:
        return ""
    return f"""; then {recipe.again} more, up to {recipe.again_size} pixels, learning rate {recipe.again_lr:g}, in
which what the network said after the first course has {recipe.again_opinions:g} of the targets, and the own labels {recipe.again_own_share:g} of the loss (Furlanello et al., Born again neural networks, 2018)"""


def _percent(estimate: Estimate) -> str:
    return f"{100 * estimate.value:.1f} ({100 * estimate.low:.1f} to {100 * estimate.high:.1f})"


def _classes(measures: Measures, names: tuple[str, ...]) -> str:
    def share(estimate: Estimate | None) -> str:
        return "" if estimate is None else f"{100 * estimate.value:.0f} %"

    return "\n".join(
        f"| {names[one.code]} | {one.support:,} | {share(one.recall)} | {share(one.precision)} |"
        for one in measures.classes
    )
