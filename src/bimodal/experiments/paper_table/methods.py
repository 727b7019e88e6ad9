"""The methods of the paper's table, and the floor under them."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from bimodal.errors import InputError


@dataclass(frozen=True)
class Method:
    """A row of the table.

    Attributes:
        name: as the command line takes it.
        summary: one line on what it is.
        paper: the accuracy that the paper prints for it, on its own set with its own protocol; None if it prints none.
        dear: whether it trains a deep network: by default it is run with fewer seeds.
        without: the name of the same method without removal, if this one removes.
        needs: what must be given for it: `larger` (a second, larger data folder), `unaligned` (the same faces as they
            were before alignment), or nothing.
        in_advance: whether its network has seen faces already, which may not be those of the study.
        members: the methods whose predictions it averages, for an ensemble.
    """

    name: str
    summary: str
    paper: float | None = None
    dear: bool = False
    without: str | None = None
    needs: str | None = None
    in_advance: bool = False
    members: tuple[str, ...] = ()


_COMMITTEE = ("resnet50-bdr", "vgg16", "inception-v3")

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("majority", "always the most frequent training label: the floor"),
        Method("random", "each emotion with the same chance"),
        Method("svm-lpq", "RBF support vector machine on local phase quantisation", paper=0.4371),
        Method("svm-phog", "RBF support vector machine on pyramids of oriented gradients", paper=0.4628),
        Method("svm-lpq-phog", "RBF support vector machine on both together"),
        Method("simple-nn", "one hidden layer on 5 + 5 principal components of LPQ and PHOG", paper=0.252),
        Method("simple-nn-bdr", "the same with removal", paper=0.273, without="simple-nn"),
        Method("deep-nn-bn-dropout", "several layers with batch norm and dropout, on the same", paper=0.371),
        Method("resnet50", "the paper's network, without removal", paper=0.42, dear=True),
        Method("resnet50-bdr", "the paper's network with removal", paper=0.46, dear=True, without="resnet50"),
        Method("resnet50-scratch", "the paper's network from random weights, without removal", dear=True),
        Method(
            "resnet50-unaligned",
            "the paper's network on the pictures before alignment, without removal",
            dear=True,
            needs="unaligned",
        ),
        Method(
            "two-stage",
            "trained on a larger set of faces first, then on these, without removal",
            paper=0.556,
            dear=True,
            needs="larger",
        ),
        Method("two-stage-bdr", "the same with removal", dear=True, without="two-stage", needs="larger"),
        Method(
            "face-s-scratch", "the network that comes with bimodal, from random weights, without removal", dear=True
        ),
        Method(
            "two-stage-face-s",
            "the network that comes with bimodal, which has learnt from FER2013, trained on; without removal",
            dear=True,
            in_advance=True,
        ),
        Method("two-stage-face-s-bdr", "the same with removal", dear=True, without="two-stage-face-s", in_advance=True),
        Method("vgg16", "VGG16 under the same head, without removal", dear=True),
        Method("inception-v3", "Inception v3 under the same head, without removal", dear=True),
        Method("ensemble", f"average of the probabilities of {', '.join(_COMMITTEE)}", dear=True, members=_COMMITTEE),
        Method("ensemble-weighted", "the same with weights fitted on validation", dear=True, members=_COMMITTEE),
    )
}
"""By name, in the order of the table."""


def choose(names: Sequence[str]) -> list[Method]:
    """Return the methods of these names, in the order of the table; an ensemble brings its members.

    Raises:
        InputError: for an unknown name; the near ones are named.

    >>> [method.name for method in choose(["simple-nn-bdr", "majority"])]
    ['majority', 'simple-nn-bdr']
    """
    wanted = set(names)
    for name in names:
        if name not in METHODS:
            near = get_close_matches(name, METHODS, n=3, cutoff=0.4)
            hint = f"near it: {', '.join(near)}" if near else f"known: {', '.join(METHODS)}"
            raise InputError(f"--methods: unknown method {name!r}; {hint}")
        wanted.update(METHODS[name].members)
    return [method for method in METHODS.values() if method.name in wanted]
