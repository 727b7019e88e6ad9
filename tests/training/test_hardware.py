"""The choice of precision and the checks of devices and worker processes."""

import pytest

from bimodal.errors import InputError
from bimodal.training.hardware import Hardware, choose_precision


@pytest.mark.parametrize(("has", "precision"), [({"avx512_bf16": True}, "bf16-mixed"), ({"avx2": True}, "32-true")])
def test_auto_is_bf16_where_the_processor_computes_it_natively(
    has: dict[str, bool], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: has, raising=False)
    assert choose_precision("auto", cuda=False) == precision
    assert choose_precision("32", cuda=False) == "32-true"
    assert choose_precision("bf16", cuda=False) == "bf16-mixed"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"accelerator": "tpu"}, "--accelerator must be one of auto, cpu, cuda, got 'tpu'"),
        ({"devices": 0}, "--devices must be a whole number of at least 1, got 0"),
        ({"num_nodes": 0}, "--num-nodes must be a whole number of at least 1, got 0"),
        ({"workers": 257}, "--workers must be a whole number from 0 to 256, got 257"),
    ],
)
def test_bad_values_are_named(values: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Hardware(**{"accelerator": "cpu", **values})
