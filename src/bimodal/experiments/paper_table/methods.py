"""The methods of the paper's table. A new method is one entry here."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from bimodal.classical.net_settings import DEEP, SIMPLE
from bimodal.errors import InputError
from bimodal.experiments.paper_table.classical_runners import DESCRIPTORS, BaselineRunner, SmallNetRunner, SvmRunner
from bimodal.experiments.paper_table.network_runners import EnsembleRunner, NetworkRunner
from bimodal.experiments.paper_table.runner import Runner


@dataclass(frozen=True)
class Method:
    """A row of the table.

    Attributes:
        name: its name on the command line.
        summary: one line that says what it is.
        runner: runs it; holds its settings.
        paper: the accuracy that the paper prints for it, measured on the paper's own set and protocol; None if none.
        without: name of the same method without removal, for a method with removal.
        quick_twin: name of the method that trains the same network at the quick sizes; the study then leaves this one out.
    """

    name: str
    summary: str
    runner: Runner
    paper: float | None = None
    without: str | None = None
    quick_twin: str | None = None


_PCA = "5 principal components each of LPQ and PHOG"
_PACKAGED = "the packaged network, pretrained on FER2013"
_SVM = "RBF support vector machine on"
_MEMBERS = ("resnet50-bdr", "vgg16", "inception-v3")
_AVERAGE = f"average of {', '.join(_MEMBERS)}"

_ALL = (
    Method("majority", "baseline: always the most frequent training label", BaselineRunner()),
    Method("random", "baseline: each emotion with the same probability", BaselineRunner(uniform=True)),
    Method("svm-lpq", f"{_SVM} local phase quantisation (LPQ)", SvmRunner(descriptors=("lpq",)), 0.4371),
    Method("svm-phog", f"{_SVM} PHOG descriptors", SvmRunner(descriptors=("phog",)), 0.4628),
    Method("svm-lpq-phog", f"{_SVM} LPQ and PHOG", SvmRunner(descriptors=DESCRIPTORS)),
    Method("simple-nn", f"one hidden layer on {_PCA}", SmallNetRunner(SIMPLE), 0.252),
    Method("simple-nn-bdr", f"simple-nn with removal, on {_PCA}", SmallNetRunner(SIMPLE, "wang"), 0.273, "simple-nn"),
    Method("deep-nn-bn-dropout", f"three hidden layers, batch norm and dropout on {_PCA}", SmallNetRunner(DEEP), 0.371),
    Method("resnet50", "the paper's network, without removal", NetworkRunner(), 0.42),
    Method("resnet50-bdr", "the paper's network, with removal", NetworkRunner(rule="wang"), 0.46, "resnet50"),
    Method(
        "resnet50-scratch",
        "the paper's network from random weights, without removal",
        NetworkRunner(start="random"),
        quick_twin="resnet50",
    ),
    Method("resnet50-unaligned", "resnet50 on the faces before alignment", NetworkRunner(unaligned=True)),
    Method("two-stage", "resnet50, trained on a larger set first", NetworkRunner(start="larger"), 0.556),
    Method(
        "two-stage-bdr",
        "resnet50, trained on a larger set first, with removal",
        NetworkRunner(start="larger", rule="wang"),
        without="two-stage",
    ),
    Method("face-s-scratch", "the packaged network from random weights", NetworkRunner("face-s", "random", epochs=30)),
    Method("two-stage-face-s", f"{_PACKAGED}, without removal", NetworkRunner("face-s")),
    Method(
        "two-stage-face-s-bdr",
        f"{_PACKAGED}, with removal",
        NetworkRunner("face-s", rule="wang"),
        without="two-stage-face-s",
    ),
    Method("vgg16", "VGG16 with the paper's head, without removal", NetworkRunner("vgg16")),
    Method("inception-v3", "Inception v3 with the paper's head, without removal", NetworkRunner("inception-v3")),
    Method("ensemble", f"{_AVERAGE}, equal weights", EnsembleRunner(members=_MEMBERS)),
    Method("ensemble-weighted", f"{_AVERAGE}, weights fitted on validation", EnsembleRunner(True, members=_MEMBERS)),
)
METHODS = {method.name: method for method in _ALL}
"""The methods by name, in the order of the table."""


def choose(names: Sequence[str]) -> list[Method]:
    """Return the methods with these names in the order of the table; the members of an ensemble are added.

    Raises:
        InputError: a name is unknown; the message lists similar ones.

    >>> [method.name for method in choose(["simple-nn-bdr", "majority"])]
    ['majority', 'simple-nn-bdr']
    """
    wanted = set(names)
    for name in names:
        if name not in METHODS:
            similar = get_close_matches(name, METHODS, n=3, cutoff=0.4)
            hint = f"similar names: {', '.join(similar)}" if similar else f"known names: {', '.join(METHODS)}"
            raise InputError(f"--methods: unknown method {name!r}; {hint}")
        wanted.update(METHODS[name].runner.members)
    return [method for method in METHODS.values() if method.name in wanted]
