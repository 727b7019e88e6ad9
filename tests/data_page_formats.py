"""Small sources in the annotation formats that docs/data.md lists; each registers itself beside the layouts."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from bimodal.emotions import CODES, NAMES
from tests.data_page_sources import faces, maker, picture, pictures, table


def write(path: str, content: object) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(content), encoding="utf-8")


@maker("Hugging Face's imagefolder")
def imagefolder() -> None:
    pictures("faces/{split}/{number}.png")
    for split in ("train", "test"):
        rows = [[f"{number}.png", emotion] for number, emotion, k in faces() if (k == 0) == (split == "test")]
        table(f"faces/{split}/metadata.csv", "file_name,emotion", rows)


@maker("Parquet files of Hugging Face")
def packed() -> None:
    names = [*reversed(NAMES)]  # in another order than ours
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": names}}
    images: list[dict[str, Any]] = []
    for number, _, _ in faces():
        picture("one.png", number)
        images.append({"bytes": Path("one.png").read_bytes(), "path": f"{number}.png"})
    content = pa.table({"image": images, "label": [names.index(emotion) for _, emotion, _ in faces()]})
    content = content.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    Path("faces/data").mkdir(parents=True)
    for shard, start in enumerate((0, 20)):
        part = content.slice(start, 20 if shard == 0 else None)
        parquet.write_table(part, f"faces/data/train-0000{shard}-of-00002.parquet")


@maker("JSON Lines")
def json_lines() -> None:
    pictures("faces/{number}.png")
    rows = [json.dumps({"image": f"{number}.png", "label": emotion}) for number, emotion, _ in faces()]
    Path("faces.jsonl").write_text("\n".join(rows))


@maker("Label Studio, CSV")
def label_studio_csv() -> None:
    pictures("media/upload/7/0a1b2c3d-{number}.png")
    rows: list[list[object]] = [
        [number, annotator, emotion.title(), annotator, f"/data/upload/7/0a1b2c3d-{number}.png", 2.5]
        for number, emotion, _ in faces()
        for annotator in (1, 2)
    ]
    table("project-1.csv", "id,annotation_id,choice,annotator,image,lead_time", rows)


@maker("shards of WebDataset")
def webdataset() -> None:
    pictures("pictures/{number}.png")
    for split in ("train", "test"):
        Path("faces").mkdir(exist_ok=True)
        with tarfile.open(f"faces/{split}-00000.tar", "w") as tar:
            for number, emotion, k in faces():
                if (k == 0) == (split == "test"):
                    label = tarfile.TarInfo(f"{number}.cls")
                    label.size = len(emotion)
                    tar.addfile(label, io.BytesIO(emotion.encode()))
                    tar.add(f"pictures/{number}.png", f"{number}.png")


@maker("Label Studio, JSON")
def label_studio_json() -> None:
    pictures("media/{number}.png")
    tasks = []
    for number, emotion, _ in faces():
        value = {"x": 5, "y": 5, "width": 90, "height": 90, "rotation": 0, "rectanglelabels": [emotion]}
        region = {"type": "rectanglelabels", "from_name": "label", "value": value}
        region |= {"original_width": 16, "original_height": 16}
        address = f"/data/local-files/?d=far/away/media/{number}.png"
        tasks.append({"id": number, "data": {"image": address}, "annotations": [{"result": [region]}]})
    write("project-1.json", tasks)


def coco(names: dict[int, str]) -> dict[str, object]:
    return {
        "images": [{"id": number, "file_name": name, "width": 16, "height": 16} for number, name in names.items()],
        "categories": [{"id": 10 - code, "name": emotion} for emotion, code in CODES.items()],
        "annotations": [
            {"id": number, "image_id": number, "category_id": 10 - CODES[emotion], "bbox": [1, 1, 14, 14]}
            for number, emotion, _ in faces()
            if number in names
        ],
    }


@maker("COCO")
def coco_file() -> None:
    pictures("coco/images/{number}.png")
    write("coco/annotations/faces.json", coco({number: f"{number}.png" for number, _, _ in faces()}))


@maker("COCO from Roboflow")
def roboflow() -> None:
    pictures("export/{split}/{number}.png")
    for split in ("train", "test"):
        names = {number: f"{number}.png" for number, _, k in faces() if (k == 0) == (split == "test")}
        write(f"export/{split}/_annotations.coco.json", coco(names))
