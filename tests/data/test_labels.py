from pathlib import Path

import pytest

from bimodal.data.labels import parse_labels, translate
from bimodal.errors import InputError


def test_files_and_pairs_give_the_same_labels(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("Freude: Happiness\nwut: angry\n3: drop\n")
    (tmp_path / "own.csv").write_text("name,emotion\nFreude,happy\nwut,angry\n3,drop\n")
    expected = {"Freude": "happy", "wut": "angry", "3": "drop"}
    assert parse_labels("Freude = happy,wut=ANGRY,3=drop") == expected
    assert parse_labels(str(tmp_path / "own.yaml")) == expected
    assert parse_labels(str(tmp_path / "own.csv")) == expected


@pytest.mark.parametrize("text", ["", "freude", "freude=glad", "none.yaml", "none.csv", "a=happy,b"])
def test_refuses_other_text(text: str) -> None:
    with pytest.raises(InputError):
        parse_labels(text)


@pytest.mark.parametrize("content", ["- a\n- b\n", "{", "", "!!python/object:os.system {}"])
def test_refuses_other_yaml(tmp_path: Path, content: str) -> None:
    (tmp_path / "own.yml").write_text(content)
    with pytest.raises(InputError, match="--labels"):
        parse_labels(str(tmp_path / "own.yml"))


def test_translate() -> None:
    assert translate(" SADNESS ", {}) == 5
    assert translate("Wut", {"wut": "angry"}) == 0
    assert translate("happy", {"HAPPY": "drop"}) is None
    assert translate("contempt", {"contempt": "disgust"}) == 1
    with pytest.raises(InputError, match="contempt=drop"):
        translate("Contempt", {})
    with pytest.raises(InputError, match="--labels foo=drop"):
        translate("foo", {})
    assert translate("3", {"3": "fear"}) == 2
    with pytest.raises(InputError, match="the label 3 is a number, which means another emotion in each data set"):
        translate("3", {"4": "fear"})
    with pytest.raises(InputError, match="unknown label '3': expected one of angry"):
        parse_labels("glad=3")
