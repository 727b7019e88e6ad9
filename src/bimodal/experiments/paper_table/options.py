"""What a study may be told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from bimodal.data.views import percent_of
from bimodal.errors import InputError
from bimodal.experiments.paper_table.methods import METHODS, Method, choose
from bimodal.experiments.paper_table.protocol import Protocol
from bimodal.settings import check_choice, check_range

SEEDS, SEEDS_OF_DEAR = 5, 3


@dataclass(frozen=True)
class StudyOptions:
    """Which methods, how often, on what; each field is an option of the command line.

    Attributes:
        methods: names; None: all for which everything is given.
        seeds: runs of each method, seeds 0, 1, ...; None: 5 of what is cheap, 3 of deep networks.
        noise: shares of the training labels to make wrong, from 0 to 0.9; each is a table of its own.
        protocol: how the faces are divided.
        quick: small networks on small pictures.
        larger: data folder of a larger set of faces, for the methods of two stages.
        unaligned: data folder of the same faces before alignment.
        features: ready-made descriptors in place of ours, by kind: `{"lpq": file, "phog": file}`.
        weights: files of pretrained weights in place of the hub's, by method.
        address: of a Ray cluster.

    Raises:
        InputError: for an unknown method, protocol or number.
    """

    methods: tuple[str, ...] | None = None
    seeds: int | None = None
    noise: tuple[float, ...] = (0.0,)
    protocol: Protocol = "group-disjoint"
    quick: bool = False
    larger: Path | None = None
    unaligned: Path | None = None
    features: Mapping[str, Path] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)
    address: str | None = None

    def __post_init__(self) -> None:
        check_choice("protocol", self.protocol, get_args(Protocol))
        if self.seeds is not None:
            check_range("seeds", self.seeds, 1, 100, whole=True)
        for share in self.noise:
            check_range("noise", share, 0, 0.9)
        if len({percent_of(share) for share in self.noise}) < len(self.noise) or not self.noise:
            raise InputError(f"--noise expects different shares of wrong labels, such as 0,0.1,0.2, got {self.noise}")
        if self.quick and self.weights:
            raise InputError(
                "--weights are of the networks at full size, and --quick takes others; leave one of them out"
            )
        if not self.chosen:
            raise InputError(f"--methods expects names, separated by commas; known: {', '.join(METHODS)}")
        for method in self.chosen:
            if method.needs and self.methods is not None and getattr(self, method.needs) is None:
                what = {"larger": "a larger set of faces, such as FER2013", "unaligned": "the faces before alignment"}
                raise InputError(
                    f"{method.name} needs --{method.needs} DATA: {what[method.needs]}, made by bimodal prepare"
                )

    @property
    def chosen(self) -> list[Method]:
        """The methods, in the order of the table; without names, those for which everything is given."""
        if self.methods is not None:
            return choose(self.methods)
        return [method for method in METHODS.values() if self._why_not(method) is None]

    @property
    def left_out(self) -> list[str]:
        """Why methods that were not named do not run, a sentence each."""
        if self.methods is not None:
            return []
        reasons = {method.name: self._why_not(method) for method in METHODS.values()}
        return [f"{name} was left out: {why}." for name, why in reasons.items() if why is not None]

    def _why_not(self, method: Method) -> str | None:
        if method.needs and getattr(self, method.needs) is None:
            return f"it needs --{method.needs}"
        if self.quick and method.name == "resnet50-scratch":
            return "at quick sizes resnet50 starts from random weights, too"
        return None

    def seeds_of(self, method: Method) -> range:
        """Return the seeds of a method."""
        return range(self.seeds or (SEEDS_OF_DEAR if method.dear else SEEDS))
