import csv
import json
from pathlib import Path
from typing import Any

import pytest

from bimodal.data.prepare import prepare
from bimodal.errors import InputError
from tests.data.sources.formats.conftest import Read, by, pictures, why, write_json


def choice(*labels: str, name: str = "emotion") -> dict[str, Any]:
    return {"id": "c", "from_name": name, "to_name": "image", "type": "choices", "value": {"choices": list(labels)}}


def rectangle(label: str, x: float, y: float, width: float, height: float, turn: float = 0) -> dict[str, Any]:
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": turn, "rectanglelabels": [label]}
    size = {"original_width": 200, "original_height": 100}
    return {"id": f"{x}", "from_name": "face", "type": "rectanglelabels", "value": value, **size}


def task(image: str, *results: list[dict[str, Any]], number: int = 1, **fields: Any) -> dict[str, Any]:
    annotations = [
        {"id": i, "completed_by": i, "was_cancelled": False, "result": result} for i, result in enumerate(results)
    ]
    return {"id": number, "data": {"image": image}, "annotations": annotations, **fields}


def test_majority_of_several_annotators(tmp_path: Path, read: Read) -> None:
    pictures(tmp_path, "1.png", "2.png", "3.png")
    tasks = [
        task("1.png", [choice("Sad")], [choice("Happy")], [choice("Happy")]),
        task("2.png", [choice("Sad")], number=2),
        task("3.png", [choice("Sad")], [choice("Fear")], number=3),
    ]
    source = read(write_json(tmp_path / "all.json", tasks))
    assert source.kind == "label-studio"
    assert by(source, "name", "label", "second_opinion", "votes") == [
        ("1.png", "Happy", "Sad", "Happy:2 Sad:1"),
        ("2.png", "Sad", "", ""),
    ]
    assert why(source) == [("3.png", "undecided", "Sad:1 Fear:1")]


def test_ground_truth_decides(tmp_path: Path, read: Read) -> None:
    pictures(tmp_path, "1.png")
    one = task("1.png", [choice("Sad")], [choice("Happy")], [choice("Happy")])
    one["annotations"][0]["ground_truth"] = True
    assert by(read(write_json(tmp_path / "all.json", [one])), "label", "second_opinion") == [("Sad", "Happy")]


def test_skipped_and_empty_tasks_are_problems(tmp_path: Path, read: Read) -> None:
    pictures(tmp_path, "1.png", "2.png", "3.png", "4.png")
    tasks = [task(f"{n}.png", [choice("Sad")], number=n) for n in (1, 2)] + [task("3.png"), task("4.png", [])]
    tasks[1]["annotations"][0]["was_cancelled"] = True
    tasks.append({"id": 9, "data": {"text": "no picture"}, "annotations": []})
    source = read(write_json(tmp_path / "all.json", tasks))
    assert by(source, "name") == [("1.png",)]
    assert why(source) == [
        ("2.png", "ignored", "skipped by the annotator"),
        ("3.png", "ignored", "no label"),
        ("4.png", "ignored", "no label"),
        ("task 9", "ignored", "its data names no picture"),
    ]


def test_rectangles_in_percent_become_boxes_in_pixels(tmp_path: Path, read: Read) -> None:
    pictures(tmp_path, "1.png")
    first = [rectangle("happy", 10, 20, 20, 50), rectangle("sad", 60, 20, 20, 50)]
    second = [rectangle("fear", 61, 20, 20, 50), rectangle("happy", 10, 21, 20, 50)]
    third = [rectangle("sad", 60, 22, 20, 50)]
    source = read(write_json(tmp_path / "all.json", [task("1.png", first, second, third)]))
    assert by(source, "label", "box", "votes") == [
        ("happy", (20, 20, 40, 50), "happy:2"),
        ("sad", (120, 20, 40, 50), "sad:2 fear:1"),
    ]


def test_a_turned_rectangle_has_the_box_around_it(tmp_path: Path, read: Read) -> None:
    pictures(tmp_path, "1.png")
    turned = task("1.png", [rectangle("happy", 50, 20, 10, 40, turn=90)])
    ((box,),) = by(read(write_json(tmp_path / "all.json", [turned])), "box")
    assert box == pytest.approx((60, 20, 40, 20))  # 20 x 40 pixels, turned about (100, 20)


def test_choices_for_rectangles(tmp_path: Path, read: Read) -> None:
    pictures(tmp_path, "1.png")
    face = rectangle("Face", 10, 20, 20, 50)
    chosen = {**face, "type": "choices", "from_name": "emotion", "value": {**face["value"], "choices": ["Happy"]}}
    chosen["value"].pop("rectanglelabels")
    source = read(write_json(tmp_path / "all.json", [task("1.png", [face, chosen])]))
    assert by(source, "label", "box") == [("Happy", (20, 20, 40, 50))]


def test_controls_that_ask_for_other_things_are_ignored(tmp_path: Path, read: Read) -> None:
    pictures(tmp_path, "1.png")
    results = [choice("blurred", name="quality"), choice("Freude", name="gefuehl")]
    table = write_json(tmp_path / "all.json", [task("1.png", results)])
    assert by(read(table, labels="freude=happy"), "label") == [("Freude",)]
    with pytest.raises(InputError, match=r"without choices of emotions; found quality \(blurred\), gefuehl \(Freude\)"):
        read(table)


@pytest.mark.parametrize(
    ("address", "file"),
    [
        ("/data/upload/3/0a1b2c3d-1.png", "3/0a1b2c3d-1.png"),
        ("/data/upload/3/0a1b2c3d-1.png", "1.png"),
        ("http://host:8080/data/upload/3/0a1b2c3d-1.png?token=x", "0a1b2c3d-1.png"),
        ("/data/local-files/?d=my%20faces/in/1.png", "my faces/in/1.png"),
        ("/data/local-files/?d=my%20faces/in/1.png", "in/1.png"),
        ("/data/local-files/?d=faces\\in\\1.png", "in/1.png"),
        ("s3://bucket/faces/1.png", "faces/1.png"),
    ],
)
def test_addresses_are_found_below_the_root(tmp_path: Path, read: Read, address: str, file: str) -> None:
    pictures(tmp_path / "faces", file)
    table = write_json(tmp_path / "exports/all.json", [task(address, [choice("sad")])])
    source = read(table, root=tmp_path / "faces")
    assert by(source, "name", "content") == [(file, tmp_path / "faces" / file)]


def test_addresses_cannot_leave_the_root_or_be_mixed_up(tmp_path: Path, read: Read) -> None:
    pictures(tmp_path, "secret.png", "faces/1.png")
    for address in (
        "../secret.png",
        "/data/local-files/?d=../secret.png",
        "a\0.png",
        "http://host/%2e%2e/secret.png",
        "/",
    ):
        table = write_json(tmp_path / "all.json", [task(address, [choice("sad")])])
        with pytest.raises(InputError, match="leads to no file below"):
            read(table, root=tmp_path / "faces")
    tasks = [task(f"{folder}/1.png", [choice("sad")], number=number) for number, folder in enumerate("ab")]
    with pytest.raises(InputError, match=r"'a/1\.png' and 'b/1\.png' would both be .*faces/1\.png"):
        read(write_json(tmp_path / "all.json", tasks), root=tmp_path / "faces")


def test_csv_and_json_min_give_the_same(tmp_path: Path, read: Read) -> None:
    pictures(tmp_path, "1.png", "2.png")
    face = [{**rectangle("fear", 10, 20, 20, 50)["value"], "original_width": 200, "original_height": 100}]
    common = {"lead_time": 3.2, "created_at": "2024", "updated_at": "2024"}
    rows: list[dict[str, Any]] = [
        {"image": "/data/upload/1/00000000-1.png", "id": 1, "choice": "happy", "annotator": 1, "annotation_id": 1},
        {"image": "/data/upload/1/00000000-1.png", "id": 1, "choice": "sad", "annotator": 2, "annotation_id": 2},
        {"image": "/data/upload/1/00000000-1.png", "id": 1, "choice": "happy", "annotator": 3, "annotation_id": 3},
        {"image": "/data/upload/1/00000000-2.png", "id": 2, "label": face, "annotator": 1, "annotation_id": 4},
    ]
    rows = [{**row, **common} for row in rows]
    expected = [("1.png", "happy", "sad", None), ("2.png", "fear", "", (20, 20, 40, 50))]
    table = write_json(tmp_path / "min.json", rows)
    assert by(read(table), "name", "label", "second_opinion", "box") == expected
    with (tmp_path / "all.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["annotation_id", "annotator", "choice", "label", "id", "image", *common])
        writer.writeheader()
        writer.writerows({k: json.dumps(v) if isinstance(v, list) else v for k, v in row.items()} for row in rows)
    assert by(read(tmp_path / "all.csv"), "name", "label", "second_opinion", "box") == expected


def test_prepare_records_the_votes(tmp_path: Path) -> None:
    names = [f"{n}.png" for n in range(40)]
    pictures(tmp_path, *names)
    tasks = [
        task(name, [choice(("happy", "sad")[n % 2])], [choice("fear")], [choice(("happy", "sad")[n % 2])], number=n)
        for n, name in enumerate(names)
    ]
    prepared = prepare(write_json(tmp_path / "export.json", tasks), tmp_path / "out")
    assert int(prepared.counts.loc["happy"].sum()) == int(prepared.counts.loc["sad"].sum()) == 20
    origins = list(csv.DictReader((tmp_path / "out/origins.csv").open()))
    assert {(row["second_opinion"], row["votes"]) for row in origins} == {
        ("fear", "happy:2 fear:1"),
        ("fear", "sad:2 fear:1"),
    }


@pytest.mark.parametrize(
    "result",
    [
        [7, None, "x"],
        [{"value": []}, {"value": {"choices": 7}}, {"value": {"choices": [None, {}]}}],
        {"value": 3},
        None,
    ],
)
def test_wrong_types(tmp_path: Path, read: Read, result: Any) -> None:
    pictures(tmp_path, "1.png", "2.png")
    tasks = [task("1.png", result), task("2.png", [choice("sad")], number=2)]
    source = read(write_json(tmp_path / "all.json", tasks))
    assert by(source, "name") == [("2.png",)]
    assert why(source) == [("1.png", "ignored", "no label")]


def test_a_rectangle_needs_the_size_of_the_picture(tmp_path: Path, read: Read) -> None:
    pictures(tmp_path, "1.png")
    bad = rectangle("sad", 1, 1, 9, 9)
    del bad["original_width"]
    source = read(write_json(tmp_path / "all.json", [task("1.png", [bad, rectangle("happy", 50, 1, 9, 9)])]))
    detail = "a rectangle in percent without original_width and original_height, the size of the picture"
    assert why(source) == [("1.png", "impossible-box", detail)]


@pytest.mark.parametrize("wrong", [{"x": "a"}, {"width": 0}, {"height": 1e999}, {"x": None}])
def test_impossible_rectangles(tmp_path: Path, read: Read, wrong: dict[str, Any]) -> None:
    pictures(tmp_path, "1.png")
    bad = rectangle("sad", 1, 1, 9, 9)
    bad["value"].update({key: 10**400 if value == 1e999 else value for key, value in wrong.items()})
    source = read(write_json(tmp_path / "all.json", [task("1.png", [bad, rectangle("happy", 50, 1, 9, 9)])]))
    assert by(source, "label") == [("happy",)]
    assert [(image, problem) for image, problem, _ in why(source)] == [("1.png", "impossible-box")]
