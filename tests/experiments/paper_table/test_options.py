"""The options of a study, its methods, and the settings of their networks."""

from pathlib import Path
from typing import Any

import pytest

from bimodal.errors import InputError
from bimodal.experiments.paper_table.methods import METHODS, choose
from bimodal.experiments.paper_table.network_runners import STAGE_ONE, NetworkRunner
from bimodal.experiments.paper_table.options import StudyOptions
from bimodal.experiments.paper_table.plan import Cell
from bimodal.model_files.packaged import FACE
from bimodal.training.settings import TrainSettings


def settings_of(name: str, *arguments: Any, **keywords: Any) -> TrainSettings:
    runner = METHODS[name].runner
    assert isinstance(runner, NetworkRunner)
    return runner.settings(*arguments, **keywords)


def test_the_methods_of_the_paper_have_its_accuracies() -> None:
    printed = {name: method.paper for name, method in METHODS.items() if method.paper is not None}
    assert printed == {
        "svm-lpq": 0.4371,
        "svm-phog": 0.4628,
        "simple-nn": 0.252,
        "simple-nn-bdr": 0.273,
        "deep-nn-bn-dropout": 0.371,
        "resnet50": 0.42,
        "resnet50-bdr": 0.46,
        "two-stage": 0.556,
    }
    for method in METHODS.values():
        assert method.without is None or METHODS[method.without].without is None
        assert all(member in METHODS for member in method.runner.members)


def test_quick_trains_no_network_twice() -> None:
    names = {method.name for method in StudyOptions(quick=True).chosen}
    assert "resnet50" in names
    assert "resnet50-scratch" not in names
    assert "resnet50-scratch" in {
        method.name for method in StudyOptions(quick=True, methods=("resnet50-scratch",)).chosen
    }


def test_an_ensemble_adds_its_members() -> None:
    assert [method.name for method in choose(["ensemble"])] == ["resnet50-bdr", "vgg16", "inception-v3", "ensemble"]


def test_by_default_all_methods_run_whose_data_are_given() -> None:
    names = {method.name for method in StudyOptions().chosen}
    assert {"two-stage", "resnet50-unaligned"}.isdisjoint(names)
    assert len(StudyOptions().left_out) == 3
    assert "two-stage was left out: it needs --larger." in StudyOptions().left_out
    assert StudyOptions(methods=("majority",)).left_out == []
    assert "two-stage" in {method.name for method in StudyOptions(larger=Path("fer")).chosen}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"methods": ("resnet",)}, "unknown method 'resnet'; similar names: resnet50"),
        ({"methods": ("xyzzy",)}, "known names: majority"),
        ({"methods": ("two-stage",)}, "two-stage needs --larger"),
        ({"protocol": "own"}, "--protocol must be one of"),
        ({"noise": (0.0, 0.95)}, "--noise must be a number from 0 to 0.9"),
        ({"noise": (0.1, 0.1)}, "different shares"),
        ({"noise": (0.1, 0.10000001)}, "different shares"),
        ({"methods": ()}, "--methods expects names"),
        ({"quick": True, "weights": {"resnet50": "a.pth"}}, "leave out --weights or --quick"),
        ({"seeds": 0}, "--seeds"),
    ],
)
def test_bad_options_are_refused(arguments: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        StudyOptions(**arguments)


def test_full_size_has_the_settings_of_the_paper() -> None:
    plain, removing = (settings_of(name, 3, quick=False) for name in ("resnet50", "resnet50-bdr"))
    assert (plain.backbone, plain.image_size, plain.epochs, plain.batch_size, plain.lr) == (
        "resnet50.tv_in1k",
        224,
        31,
        64,
        1e-4,
    )
    assert (plain.removal.rule, removing.removal.rule, removing.removal.epoch) == ("none", "wang", 6)
    assert plain.seed == removing.seed == 3
    assert settings_of("inception-v3", 0, quick=False).image_size == 299
    assert not settings_of("resnet50-scratch", 0, quick=False).pretrained


def test_the_packaged_network_is_the_same_at_both_sizes() -> None:
    for name in ("face-s-scratch", "two-stage-face-s", "two-stage-face-s-bdr"):
        assert settings_of(name, 1, quick=True) == settings_of(name, 1, quick=False)
        assert settings_of(name, 1, quick=True).backbone == FACE
    scratch, plain, removing = (
        settings_of(name, 1, quick=True, stage_one=Path("/s"))
        for name in ("face-s-scratch", "two-stage-face-s", "two-stage-face-s-bdr")
    )
    assert (scratch.pretrained, plain.pretrained, removing.pretrained) == (False, True, True)
    assert (scratch.removal.rule, plain.removal.rule, removing.removal.rule) == ("none", "none", "wang")
    assert plain.weights is None


def test_weights_are_for_their_network() -> None:
    files = {"resnet50": "/r.pth", "vgg16": "/v.pth"}
    assert settings_of("vgg16", 0, quick=False, weights=files).weights == "/v.pth"
    assert settings_of("resnet50-bdr", 0, quick=False, weights=files).weights == "/r.pth"
    assert STAGE_ONE.settings(0, quick=False, weights=files).weights == "/r.pth"
    assert settings_of("two-stage-bdr", 0, quick=False, weights=files, stage_one=Path("/s")).weights == "/s"
    assert settings_of("resnet50-scratch", 0, quick=False, weights=files).weights is None
    assert settings_of("inception-v3", 0, quick=False, weights=files).weights is None


def test_each_run_has_its_folder() -> None:
    cells = [
        Cell(METHODS[name], noise, fold, seed)
        for name in ("resnet50", "svm-lpq")
        for noise in (0.0, 0.2)
        for fold in ("fold-1", "fold-2")
        for seed in (0, 1)
    ]
    assert len({cell.folder(Path("study")) for cell in cells}) == len({cell.name for cell in cells}) == 16
