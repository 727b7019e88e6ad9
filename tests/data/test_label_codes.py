from pathlib import Path

import pandas as pd
import pytest

from bimodal.data.label_codes import CODE_TABLES, words_of_numbers
from bimodal.data.prepare import prepare
from bimodal.emotions import NAMES, code_of
from bimodal.errors import InputError
from tests.data.conftest import Noise

RAF = dict(zip("1234567", ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral"), strict=True))
ORDERS = {  # as the authors of each data set print them
    "bimodal": dict(enumerate(NAMES)),
    "fer2013": dict(enumerate(("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"))),
    "raf-db": {int(number): name for number, name in RAF.items()},
    "affectnet": dict(enumerate(("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry"))),
    "ckplus": {0: "neutral", 1: "angry", 3: "disgust", 4: "fear", 5: "happy", 6: "sad", 7: "surprise"},
    "expw": dict(enumerate(("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"))),
}


def numbered(folder: Path, noise: Noise, labels: dict[str, str], of_each: int = 3) -> Path:
    """Write pictures with numbers as labels, as a CSV whose column `is` has the right emotion."""
    rows = []
    for number, emotion in labels.items():
        for each in range(of_each):
            name = f"{number}-{each}-{emotion}.png"
            noise(folder / name, 1000 + int(float(number)) * 10 + each)
            rows.append((name, number))
    pd.DataFrame(rows, columns=["image", "label"]).to_csv(folder / "faces.csv", index=False)
    return folder / "faces.csv"


def labels_of(data: Path) -> dict[str, tuple[str, str]]:
    """Return the label and the original label of each picture, by its old name."""
    table = pd.read_csv(data / "manifest.csv", dtype=str, na_filter=False)
    names = pd.read_csv(data / "origins.csv", dtype=str, na_filter=False)["origin"]
    return dict(zip(names, zip(table["label"], table["original_label"], strict=True), strict=True))


@pytest.mark.parametrize("codes", ORDERS)
def test_each_table_gives_the_emotions_of_its_data_set(tmp_path: Path, noise: Noise, codes: str) -> None:
    order = {str(number): name for number, name in ORDERS[codes].items()}
    source = numbered(tmp_path / "faces", noise, order)
    prepare(source, tmp_path / "data", codes=codes)
    found = labels_of(tmp_path / "data")
    assert len(found) == 21
    for name, (label, original) in found.items():
        number, _, emotion = name.removesuffix(".png").split("-")
        assert (label, original) == (emotion, number)


def test_numbers_without_a_meaning_are_refused_with_counts_and_tables(tmp_path: Path, noise: Noise) -> None:
    source = numbered(tmp_path / "faces", noise, RAF)
    with pytest.raises(InputError) as error:
        prepare(source, tmp_path / "data")
    text = str(error.value)
    assert "the labels are numbers, which mean other emotions in each data set: 1 (3), 2 (3), 3 (3), 4 (3)," in text
    assert (
        "--codes raf-db (1 surprise, 2 fear, 3 disgust, 4 happiness, 5 sadness, 6 anger, 7 neutral); --codes ckplus"
        in text
    )
    assert "fer2013" not in text, "it has no 7"
    assert not (tmp_path / "data").exists()


def test_a_partial_list_is_refused_and_a_whole_one_is_taken(tmp_path: Path, noise: Noise) -> None:
    source = numbered(tmp_path / "faces", noise, RAF)
    with pytest.raises(
        InputError, match="--labels explains some labels that are numbers, but not 1, 2, 3, 4, 5, 6; the"
    ):
        prepare(source, tmp_path / "data", labels="7=neutral")
    prepare(source, tmp_path / "data", labels=RAF)
    assert labels_of(tmp_path / "data")["4-0-happy.png"] == ("happy", "4")


def test_folders_of_numbers_get_the_same_treatment(tmp_path: Path, noise: Noise) -> None:
    for number, emotion in RAF.items():
        for each in range(2):
            noise(tmp_path / "r" / number / f"{emotion}{each}.png", 100 + 10 * int(number) + each)
    with pytest.raises(InputError, match=r"1 \(2\), 2 \(2\), .* --codes raf-db"):
        prepare(tmp_path / "r", tmp_path / "a")
    with pytest.raises(InputError, match="not 1, 2, 3, 4, 5, 6"):
        prepare(tmp_path / "r", tmp_path / "a", labels="7=neutral")
    prepare(tmp_path / "r", tmp_path / "a", codes="raf-db")
    assert labels_of(tmp_path / "a")["4/happy0.png"] == ("happy", "4")


def test_labels_take_precedence_over_the_table(tmp_path: Path, noise: Noise) -> None:
    order = {**{str(number): name for number, name in ORDERS["fer2013"].items()}, "7": "contempt"}
    source = numbered(tmp_path / "faces", noise, order)
    with pytest.raises(
        InputError, match=r"--codes fer2013 has no meaning for the label 7; the labels are 0 \(3\), 1 \(3\)"
    ):
        prepare(source, tmp_path / "data", codes="fer2013")
    prepare(source, tmp_path / "data", codes="fer2013", labels="7=drop,6=sad")
    found = labels_of(tmp_path / "data")
    assert len(found) == 21
    assert found["6-1-neutral.png"] == ("sad", "6")
    assert found["0-1-angry.png"] == ("angry", "0")


def test_contempt_and_pictures_without_an_emotion(tmp_path: Path, noise: Noise) -> None:
    order = {
        **{str(number): name for number, name in ORDERS["affectnet"].items()},
        "7": "contempt",
        "8": "x",
        "10": "x",
    }
    source = numbered(tmp_path / "faces", noise, order)
    with pytest.raises(
        InputError, match="contempt is none of the seven emotions; leave it out with --labels contempt=drop"
    ):
        prepare(source, tmp_path / "data", codes="affectnet")
    prepare(source, tmp_path / "data", codes="affectnet", labels="contempt=disgust")
    found = labels_of(tmp_path / "data")
    assert found["7-0-contempt.png"] == ("disgust", "7")
    assert len(found) == 24
    problems = pd.read_csv(tmp_path / "data" / "problems.csv")
    assert (problems["problem"] == "label-dropped").sum() == 6


def test_numbers_as_pandas_writes_them(tmp_path: Path, noise: Noise) -> None:
    source = numbered(tmp_path / "faces", noise, {f"{number}.0": name for number, name in RAF.items()})
    prepare(source, tmp_path / "data", codes="raf-db")
    assert labels_of(tmp_path / "data")["4.0-0-happy.png"] == ("happy", "4.0")


def test_our_own_label_files_are_read_with_codes(tmp_path: Path, class_folders: Path) -> None:
    prepare(class_folders, tmp_path / "data")
    source = tmp_path / "data" / "train_labels.csv"
    with pytest.raises(InputError, match=r"3 \(14\), 5 \(14\)"):
        prepare(source, tmp_path / "again")
    prepare(source, tmp_path / "again", codes="bimodal")
    found = labels_of(tmp_path / "again")
    assert all(label == name.split("/")[2] for name, (label, _) in found.items())
    assert {original for _, original in found.values()} == {"3", "5"}


def test_a_number_is_no_emotion() -> None:
    with pytest.raises(InputError, match="unknown label '3'"):
        code_of("3")


@pytest.mark.parametrize("label", ["9" * 6000, "-1", "99"])
def test_any_number_is_refused_in_a_short_line(label: str) -> None:
    with pytest.raises(InputError, match="the labels are numbers") as error:
        words_of_numbers({label: 1}, (), None)
    assert len(str(error.value)) <= 1100


def test_tables_hold_only_known_words() -> None:
    for table in CODE_TABLES.values():
        unknown = {word for word in table.values() if word not in ("contempt", "none", "uncertain", "no-face")}
        assert {code_of(word) for word in unknown} == set(range(7))


def test_unused_codes_are_told_and_unknown_ones_refused(
    tmp_path: Path, class_folders: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "bimodal"):
        prepare(class_folders, tmp_path / "data", codes="fer2013")
    assert "--codes fer2013 is not used" in caplog.text
    with pytest.raises(InputError, match="--codes must be one of bimodal, fer2013, raf-db"):
        prepare(class_folders, tmp_path / "data", codes="raf")
