"""Small sources in the layouts that docs/data.md lists: each has 3 to 9 faces of each emotion."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from bimodal.emotions import NAMES
from bimodal.vision.formats import is_picture_name

COUNTS = dict(zip(NAMES, range(3, 10), strict=True))  # all different, so that mixed-up codes show
PERSONS = ("ann", "bob", "cem", "dee", "eva", "flo", "gus", "hal", "ida")
Maker = Callable[[], None]
MAKERS: dict[str, Maker] = {}
Face = tuple[int, str, int]  # number of the face, its emotion, and its number among those of its emotion


def maker(*names: str) -> Callable[[Maker], Maker]:
    def register(make: Maker) -> Maker:
        MAKERS.update(dict.fromkeys(names, make))
        return make

    return register


def faces() -> Iterator[Face]:
    number = 0
    for emotion, count in COUNTS.items():
        for of_emotion in range(count):
            yield number, emotion, of_emotion
            number += 1


def pixels(seed: int, size: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)


def picture(name: str, seed: int) -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    known = is_picture_name(name)  # Yale's subject01.happy is a GIF
    Image.fromarray(pixels(seed)).save(path, None if known else "GIF")


def pictures(form: str, labels: str = " ".join(NAMES)) -> None:
    """Write each face to a path; `form` may use label, number, k (its number among those of its emotion) and split."""
    label_of = dict(zip(NAMES, labels.split(), strict=True))
    for number, emotion, k in faces():
        picture(form.format(label=label_of[emotion], number=number, k=k, split="test" if k == 0 else "train"), number)


def table(path: str, header: str, rows: list[list[object]]) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header.split(",")] * bool(header) + rows)


@maker("folders of emotions")
def own_folders() -> None:
    pictures("faces/{label}/{number}.png", "Anger 1_disgust fear HAPPY neutral sadness surprised")


@maker("folders with splits")
def own_splits() -> None:
    pictures("faces/{split}/{label}/{number}.jpg")


@maker("other names of emotions")
def own_labels() -> None:
    pictures("faces/{label}/{number}.png", "wut disgust fear freude neutral sad surprise")
    picture("faces/langeweile/1.png", 99)


@maker("numbers as names")
def own_numbers() -> None:
    pictures("faces/{label}/{number}.png", "0 1 2 3 4 5 6")


@maker("an unpacked archive", "FER2013 as pictures")
def archive() -> None:
    pictures("archive/archive/{split}/{label}/{number}.jpg")
    picture("archive/__MACOSX/happy/._1.jpg", 99)


@maker("folders of persons")
def persons() -> None:
    pictures("faces/P{k:02d}/{label}/{number}.png")


@maker("labels in file names")
def names() -> None:
    for number, emotion, k in faces():
        picture(f"faces/{PERSONS[k]}_{number}_{emotion}.jpg", number)


@maker("a table")
def own_table() -> None:
    pictures("faces/{number}.png")
    table("faces.csv", "image,label", [[f"{number}.png", emotion] for number, emotion, _ in faces()])


@maker("a table from Excel")
def table_of_excel() -> None:
    pictures("faces/{number}.jpg")
    rows = "".join(f"{number}.jpg;{emotion.title()}\r\n" for number, emotion, _ in faces())
    Path("faces.csv").write_bytes(f"Filename;Emotion\r\n{rows};\r\n".encode("utf-8-sig"))


@maker("a table with boxes")
def boxes() -> None:
    Path("photos").mkdir()
    rows: list[list[object]] = []
    every = list(faces())
    for first, second in zip(every[::2], every[1::2], strict=True):
        Image.fromarray(np.hstack([pixels(first[0]), pixels(second[0])])).save(f"photos/{first[0]}.png")
        rows += [[f"{first[0]}.png", first[1], 0, 0, 16, 16], [f"{first[0]}.png", second[1], 16, 0, 16, 16]]
    table("boxes.csv", "image,label,x,y,width,height", rows)


@maker("a list without a header")
def text_list() -> None:
    pictures("faces/{number}.jpg")
    Path("train.txt").write_text("".join(f"{number}.jpg {emotion}\n" for number, emotion, _ in faces()))


@maker("a data set for YOLO")
def yolo() -> None:
    pictures("yolo/train/images/{number}.jpg")
    Path("yolo/train/labels").mkdir()
    for number, emotion, _ in faces():
        Path(f"yolo/train/labels/{number}.txt").write_text(f"{6 - NAMES.index(emotion)} 0.5 0.5 1 1\n")
    Path("yolo/data.yaml").write_text(f"names: [{', '.join(reversed(NAMES))}]\n")


@maker("a data folder of bimodal")
def data_folder() -> None:
    pictures("OLD/images/{number}.png")
    rows = [[f"images/{number}.png", emotion, "test" if k == 0 else "train"] for number, emotion, k in faces()]
    table("OLD/manifest.csv", "image,label,split", [list(row) for row in rows])


@maker("SFEW 2.0")
def sfew() -> None:
    for number, emotion, k in faces():
        split = "Val" if k < 2 else "Train"
        picture(f"SFEW/{split}_Aligned_Faces/{emotion.title()}/Film_{k}_{number:09d}_00000001.png", number)


@maker("FER2013", "FERPlus")
def fer2013() -> None:
    order = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    votes = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear")
    rows, plus = [], []
    for number, emotion, k in faces():
        values = np.random.default_rng(number).integers(0, 256, 48 * 48)
        usage = "PrivateTest" if k == 0 else "Training"
        rows.append([order.index(emotion), " ".join(map(str, values)), usage])
        plus.append([usage, f"fer{number:07d}.png", *(8 if name == emotion else 0 for name in votes), 0, 2, 0])
    table("fer2013.csv", "emotion,pixels,Usage", rows)
    header = "neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    table("fer2013new.csv", f"Usage,Image name,{header}", plus)


@maker("FERPlus as pictures")
def ferplus() -> None:
    votes = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear")
    rows: dict[str, list[list[object]]] = {}
    for number, emotion, k in faces():
        folder = f"FERPlus/FER2013{'Valid' if k == 0 else 'Test' if k == 1 else 'Train'}"
        picture(f"{folder}/fer{number:07d}.png", number)
        counts = (7 if name == emotion else 1 for name in votes)
        rows.setdefault(folder, []).append([f"fer{number:07d}.png", "(0, 0, 48, 48)", *counts, 0, 0, 0])
    for folder, lines in rows.items():
        table(f"{folder}/label.csv", "", lines)


RAF_CODES = {"surprise": 1, "fear": 2, "disgust": 3, "happy": 4, "sad": 5, "angry": 6, "neutral": 7}


@maker("RAF-DB")
def raf_db() -> None:
    lines = []
    for number, emotion, k in faces():
        name = f"test_{number:04d}" if k == 0 else f"train_{number:05d}"
        picture(f"RAF-DB/basic/Image/aligned/{name}_aligned.jpg", number)
        lines.append(f"{name}.jpg {RAF_CODES[emotion]}\n")
    Path("RAF-DB/basic/EmoLabel").mkdir()
    Path("RAF-DB/basic/EmoLabel/list_patition_label.txt").write_text("".join(lines))


@maker("RAF-DB, from Kaggle")
def raf_db_of_kaggle() -> None:
    for number, emotion, k in faces():
        name = (
            f"test/{RAF_CODES[emotion]}/test_{number:04d}"
            if k == 0
            else f"train/{RAF_CODES[emotion]}/train_{number:05d}"
        )
        picture(f"archive/DATASET/{name}_aligned.jpg", number)
    table("archive/train_labels.csv", "image,label", [["train_00001_aligned.jpg", 5]])


@maker("AffectNet")
def affectnet() -> None:
    codes = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry")
    every = [(number, str(codes.index(emotion)), k) for number, emotion, k in faces()]
    for number, code, k in [*every, (98, "7", 5), (99, "8", 5)]:
        folder = f"AffectNet/{'val' if k < 2 else 'train'}_set"
        picture(f"{folder}/images/{number}.jpg", number)
        Path(folder, "annotations").mkdir(exist_ok=True)
        np.save(f"{folder}/annotations/{number}_exp.npy", np.array(code))


@maker("AffectNet, as tables")
def affectnet_table() -> None:
    codes = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry")
    rows: list[list[object]] = []
    for number, emotion, k in [*faces(), (99, "contempt", 1)]:
        picture(f"Manually_Annotated_Images/{k}/{number}.jpg", number)
        code = codes.index(emotion) if emotion in codes else 7
        rows.append([f"{k}/{number}.jpg", 0, 0, 16, 16, "1;2;3;4", code, -0.5, 0.25])
    header = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
    table("training.csv", header, rows)


@maker("ExpW")
def expw() -> None:
    codes = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    pictures("ExpW/image/origin/{number}.jpg")
    lines = [f"{number}.jpg 0 0 0 16 16 99.5 {codes.index(emotion)}\n" for number, emotion, _ in faces()]
    Path("ExpW/label.lst").write_text("".join(lines))


@maker("CK+")
def ckplus() -> None:
    codes = ("neutral", "angry", "contempt", "disgust", "fear", "happy", "sad", "surprise")
    for number, emotion, k in [*faces(), (90, "contempt", 0)]:
        sequence = f"S{k:03d}/{codes.index(emotion):03d}/S{k:03d}_{codes.index(emotion):03d}_00000009"
        picture(f"CK+/cohn-kanade-images/{sequence}.png", number)
        Path(f"CK+/Emotion/{sequence}").parent.mkdir(parents=True)
        Path(f"CK+/Emotion/{sequence}_emotion.txt").write_text(f"   {codes.index(emotion):.7e}\n")


@maker("CK+48")
def ck48() -> None:
    pictures("CK+48/{label}/S{k:03d}_001_{number:08d}.png", "anger disgust fear happy neutral sadness surprise")
    picture("CK+48/contempt/S001_001_00000099.png", 99)


@maker("KDEF")
def kdef() -> None:
    pictures("KDEF/AF{k:02d}/AF{k:02d}{label}S.JPG", "AN DI AF HA NE SA SU")


@maker("JAFFE")
def jaffe() -> None:
    codes = dict(zip(NAMES, ["AN", "DI", "FE", "HA", "NE", "SA", "SU"], strict=True))
    for number, emotion, k in faces():
        picture(f"jaffe/K{'ABCDEFGHI'[k]}.{codes[emotion]}1.{number}.tiff", number)


@maker("RaFD")
def rafd() -> None:
    pictures(
        "RaFD/Rafd090_{k:02d}_Caucasian_female_{label}_frontal.jpg",
        "angry disgusted fearful happy neutral sad surprised",
    )
    picture("RaFD/Rafd090_01_Caucasian_female_contemptuous_frontal.jpg", 99)


@maker("FACES")
def max_planck_faces() -> None:
    codes = dict(zip(NAMES, ["a", "d", "f", "h", "n", "s"], strict=False))
    for number, emotion, k in faces():
        if emotion in codes:
            picture(f"FACES/{k:03d}_o_m_{codes[emotion]}_a.jpg", number)


@maker("NimStim")
def nimstim() -> None:
    pictures("NimStim/{k:02d}F_{label}_C.BMP", "AN DI FE HA NE SA SP")


@maker("Chicago Face Database")
def chicago() -> None:
    codes = {"angry": "A", "fear": "F", "neutral": "N"}
    for number, emotion, k in faces():
        if emotion in codes or emotion == "happy":
            code = codes.get(emotion, "HC" if k % 2 else "HO")
            picture(f"CFD/CFD-WM-{k:03d}-{number:03d}-{code}.jpg", number)


@maker("Yale faces")
def yale() -> None:
    codes = {"happy": "happy", "neutral": "normal", "sad": "sad", "surprise": "surprised"}
    for number, emotion, k in faces():
        if emotion in codes:
            picture(f"yalefaces/subject{k:02d}.{codes[emotion]}", number)
    picture("yalefaces/subject01.wink", 99)


@maker("frames of RAVDESS")
def ravdess() -> None:
    pictures("frames/01-01-{label}-01-01-01-{k:02d}_0001.png", "05 07 06 03 01 04 08")
    picture("frames/01-01-02-01-01-01-01_0001.png", 99)


@maker("frames of CREMA-D")
def crema_d() -> None:
    codes = dict(zip(NAMES, ["ANG", "DIS", "FEA", "HAP", "NEU", "SAD"], strict=False))
    for number, emotion, k in faces():
        if emotion in codes:
            picture(f"frames/10{k:02d}_IEO_{codes[emotion]}_HI_0001.png", number)


@maker("Oulu-CASIA")
def oulu() -> None:
    names = "Anger Disgust Fear Happiness Neutral Sadness Surprise"
    pictures("Oulu/VL_Acropped/Strong/P{k:03d}/{label}/000.jpeg", names)


@maker("Aff-Wild2")
def aff_wild2() -> None:
    names = ("neutral", "angry", "disgust", "fear", "happy", "sad", "surprise")
    header = "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other"
    codes: dict[int, list[int]] = {}
    for number, emotion, k in faces():
        codes.setdefault(k, []).append(names.index(emotion))
        picture(f"Aff-Wild2/cropped_aligned/video{k}/{len(codes[k]):05d}.jpg", number)
    for k, lines in codes.items():
        split = "Validation_Set" if k < 2 else "Train_Set"
        Path(f"Aff-Wild2/EXPR/{split}").mkdir(parents=True, exist_ok=True)
        Path(f"Aff-Wild2/EXPR/{split}/video{k}.txt").write_text("\n".join([header, *map(str, lines)]))


@maker("facial_expressions")
def legend() -> None:
    pictures("images/{number}.jpg")
    rows: list[list[object]] = [[628, f"{number}.jpg", emotion.upper()] for number, emotion, _ in faces()]
    picture("images/99.jpg", 99)
    table("data/legend.csv", "user.id,image,emotion", [*rows, [628, "99.jpg", "contempt"]])


@maker("CAER-S")
def caer_s() -> None:
    pictures("CAER-S/{split}/{label}/{number}.png", "Anger Disgust Fear Happy Neutral Sad Surprise")


ABSENT = {  # emotions that a data set does not have
    "FACES": ["surprise"],
    "Chicago Face Database": ["disgust", "sad", "surprise"],
    "Yale faces": ["angry", "disgust", "fear"],
    "frames of CREMA-D": ["surprise"],
}
