"""The options of a study."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from bimodal.data.views import percent_of
from bimodal.errors import InputError
from bimodal.experiments.paper_table.methods import METHODS, Method, choose
from bimodal.experiments.paper_table.protocol import Protocol
from bimodal.settings import check_choice, check_range

SEEDS, EXPENSIVE_SEEDS = 5, 3
_NEEDED = {"larger": "a larger set of faces, such as FER2013", "unaligned": "the faces before alignment"}


@dataclass(frozen=True)
class StudyOptions:
    """Which methods to run, with how many seeds, on which data.

    Attributes:
        methods: names of methods; None: all whose data are given.
        seeds: runs of each method, with the seeds 0, 1, ...; None: 3 for methods with deep networks, 5 for the others.
        noise: shares of the training labels to make wrong, 0 to 0.9; each share gives a table.
        protocol: how the faces are split.
        quick: train small networks on small pictures.
        larger: data folder of a larger set, for the methods with two stages.
        unaligned: data folder of the same faces before alignment.
        features: files of descriptors from another program, by kind: `{"lpq": file, "phog": file}`.
        weights: files of pretrained weights by network, in place of those from the Hugging Face hub.
        loggers: where the learning curves of the deep networks go, see `bimodal.train`.
        address: of a Ray cluster, `auto` or `host:port`.

    Raises:
        InputError: a method or protocol is unknown, or a number is out of range.
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
    loggers: tuple[str, ...] = ("tensorboard",)

    def __post_init__(self) -> None:
        check_choice("protocol", self.protocol, get_args(Protocol))
        if self.seeds is not None:
            check_range("seeds", self.seeds, 1, 100, whole=True)
        for share in self.noise:
            check_range("noise", share, 0, 0.9)
        if len({percent_of(share) for share in self.noise}) < len(self.noise) or not self.noise:
            raise InputError(f"--noise expects different shares of wrong labels, such as 0,0.1,0.2, got {self.noise}")
        if self.quick and self.weights:
            raise InputError("--weights are for the networks at full size; leave out --weights or --quick")
        if not self.chosen:
            raise InputError(f"--methods expects names, separated by commas; known names: {', '.join(METHODS)}")
        for method in self.chosen:
            if method.runner.needs and getattr(self, method.runner.needs) is None:
                raise InputError(
                    f"{method.name} needs --{method.runner.needs} DATA: {_NEEDED[method.runner.needs]}, made by bimodal prepare"
                )

    @property
    def chosen(self) -> list[Method]:
        """The methods to run, in the order of the table."""
        if self.methods is not None:
            return choose(self.methods)
        return [method for method in METHODS.values() if self._why_not(method) is None]

    @property
    def left_out(self) -> list[str]:
        """One sentence for each method that is not run although no methods were named."""
        if self.methods is not None:
            return []
        reasons = {method.name: self._why_not(method) for method in METHODS.values()}
        return [f"{name} was left out: {why}." for name, why in reasons.items() if why is not None]

    def seeds_of(self, method: Method) -> range:
        """Return the seeds of a method."""
        return range(self.seeds or (EXPENSIVE_SEEDS if method.runner.expensive else SEEDS))

    def _why_not(self, method: Method) -> str | None:
        if method.runner.needs and getattr(self, method.runner.needs) is None:
            return f"it needs --{method.runner.needs}"
        if self.quick and method.quick_twin:
            return f"at the quick sizes it is the same as {method.quick_twin}"
        return None
