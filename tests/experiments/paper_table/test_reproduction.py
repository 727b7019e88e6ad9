"""The whole study: its runs and rows, what stays, what is refused, and how it resumes."""

import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bimodal.emotions import NAMES
from bimodal.errors import InputError
from bimodal.evaluation.metrics import measure
from bimodal.experiments.jobs import scheduler
from bimodal.experiments.jobs.pools import open_pool
from bimodal.experiments.paper_table.classical_runners import SvmRunner
from bimodal.experiments.paper_table.methods import METHODS, Method
from bimodal.experiments.paper_table.options import StudyOptions
from bimodal.experiments.paper_table.plan import Cell
from bimodal.experiments.paper_table.reproduction import Reproduced, reproduce
from bimodal.experiments.study_folder import exclusive_folder
from bimodal.model_files.packaged import FACE
from bimodal.runs.tables import PROBABILITIES
from tests.conftest import Outcome, fails_with_one_line, write_data
from tests.experiments.this_process import this_process

CHEAP = (
    "majority",
    "random",
    "svm-lpq",
    "svm-phog",
    "svm-lpq-phog",
    "simple-nn",
    "simple-nn-bdr",
    "deep-nn-bn-dropout",
)


@pytest.fixture(autouse=True)
def _one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the jobs in this process; the tests of the jobs compare the pools, and the last test uses a real one."""
    monkeypatch.setattr(scheduler, "open_pool", this_process)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("study-data"), {"train": 140, "val": 35, "test": 35})


@pytest.fixture(scope="module")
def cheap(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Reproduced:
    out = tmp_path_factory.mktemp("study") / "study"
    options = StudyOptions(methods=CHEAP, seeds=2, noise=(0.0, 0.2), quick=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scheduler, "open_pool", this_process)
        return reproduce(data, out, options)


def test_every_cheap_method_has_its_row(cheap: Reproduced) -> None:
    assert [(row.method.name, row.noise) for row in cheap.study.rows] == [(n, s) for s in (0.0, 0.2) for n in CHEAP]
    for row in cheap.study.rows:
        assert row.seeds == (0, 1), row.failures
        assert row.predicted.shape == (2, 35)
    rows = {(row.method.name, row.noise): row for row in cheap.study.rows}
    assert rows["majority", 0.0].accuracy.value == pytest.approx(1 / 7)
    assert rows["svm-lpq", 0.0].accuracy.value > 0.5
    removing = rows["simple-nn-bdr", 0.2].numbers
    assert removing["removed"].max() > 0
    assert rows["simple-nn", 0.2].numbers["removed"].tolist() == [0, 0]
    assert (removing["removed_known_wrong"] >= 0).all()
    assert (removing["removed_known_wrong"] <= removing["removed"]).all()
    assert rows["simple-nn-bdr", 0.0].numbers["removed_known_wrong"].isna().all()  # no true labels are known


def test_a_row_holds_the_predictions_of_its_runs(cheap: Reproduced) -> None:
    row = next(row for row in cheap.study.rows if row.method.name == "svm-phog" and row.noise == 0.2)
    for seed, (run,) in enumerate(row.runs):
        table = pd.read_csv(run / "predictions_test.csv")
        assert row.accuracies[seed] == pytest.approx((table["label"] == table["predicted"]).mean())
        labels = np.array([NAMES.index(label) for label in table["label"]])
        measures = measure(labels, table[PROBABILITIES].to_numpy())
        assert row.numbers["macro_f1"][seed] == pytest.approx(measures.macro_f1.value)
        assert (table["label"].to_numpy() == np.array(NAMES)[row.labels]).all()


def test_wrong_labels_are_the_same_for_every_method_and_in_training_only(cheap: Reproduced, data: Path) -> None:
    clean = pd.read_csv(data / "manifest.csv", keep_default_na=False)
    for seed in (0, 1):
        view = pd.read_csv(cheap.study.folder / f"data/own-wrong-20-seed-{seed}/manifest.csv", keep_default_na=False)
        changed = view["label"] != clean["label"]
        assert changed.sum() == 28
        assert set(view.loc[changed, "split"]) == {"train"}
    for row in cheap.study.rows:
        for runs in row.runs:
            assert (runs[0] / "environment.json").is_file()
            assert json.loads((runs[0] / "result.json").read_text())["settings"]["seed"] in (0, 1)


def test_finished_runs_are_not_repeated_and_more_may_be_added(
    cheap: Reproduced, data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    study = tmp_path / "study"
    shutil.copytree(cheap.study.folder, study, symlinks=True)
    for name in ("lpq", "phog"):  # no unfinished run needs them
        (study / f"features/{name}.npz").unlink()

    def ran() -> list[str]:
        """The jobs that have ended since the last call."""
        ended = [match[1] for line in caplog.messages if (match := re.fullmatch(r"(.*): \d+ s", line))]
        caplog.clear()
        return sorted(ended)

    with caplog.at_level(logging.INFO, "bimodal"):
        done = reproduce(data, study, StudyOptions(methods=CHEAP, seeds=2, noise=(0.0, 0.2), quick=True))
        assert ran() == []
        for old, new in zip(cheap.study.rows, done.study.rows, strict=True):
            np.testing.assert_array_equal(old.predicted, new.predicted)
        options = StudyOptions(methods=("majority", "svm-lpq"), seeds=3, noise=(0.0, 0.2), quick=True)
        done = reproduce(data, study, options)
        wrong = ("", ", 20 % wrong labels")
        added = [f"{name}{share}, own, seed 2" for name in ("majority", "svm-lpq") for share in wrong]
        assert ran() == sorted(["lpq", *added])
    for row in done.study.rows:
        assert row.seeds == ((0, 1, 2) if row.method.name in ("majority", "svm-lpq") else (0, 1))


def test_the_table_holds_what_earlier_calls_ran(cheap: Reproduced, data: Path, tmp_path: Path) -> None:
    study = tmp_path / "study"
    shutil.copytree(cheap.study.folder, study, symlinks=True)
    done = reproduce(data, study, StudyOptions(methods=("random",), seeds=1, quick=True))
    assert [row.name for row in done.study.rows] == [row.name for row in cheap.study.rows]
    assert all(row.seeds == (0, 1) for row in done.study.rows)


def test_a_damaged_run_is_a_failure_in_its_row(cheap: Reproduced, data: Path, tmp_path: Path) -> None:
    study = tmp_path / "study"
    shutil.copytree(cheap.study.folder, study, symlinks=True)
    runs = study / "runs"
    (runs / "svm-lpq/own/seed-0/result.json").write_text('{"network": "x", "seconds": null, "removed": 0}')
    table = pd.read_csv(runs / "svm-phog/own/seed-1/predictions_test.csv")
    table.iloc[:-5].to_csv(runs / "svm-phog/own/seed-1/predictions_test.csv", index=False)
    (runs / "simple-nn/own/seed-0/predictions_val.csv").write_text("image,row\n")
    rows = {row.name: row for row in reproduce(data, study, StudyOptions(methods=("majority",), quick=True)).study.rows}
    assert rows["svm-lpq"].seeds == rows["simple-nn"].seeds == (1,)
    assert rows["svm-phog"].seeds == (0,)
    assert "result.json is damaged" in rows["svm-lpq"].failures[0]
    assert "not tested on the same faces" in rows["svm-phog"].failures[0]
    assert "predictions_val.csv" in rows["simple-nn"].failures[0]


def test_an_ensemble_is_finished_only_after_its_members(data: Path, tmp_path: Path) -> None:
    cell = Cell(METHODS["ensemble"], 0.0, "own", 0)
    for one in [*cell.members, cell]:
        one.folder(tmp_path).mkdir(parents=True)
        (one.folder(tmp_path) / "result.json").write_text("{}")
    assert cell.is_finished(tmp_path)
    os.utime(cell.folder(tmp_path) / "result.json", (1, 1))  # a member was repeated
    assert not cell.is_finished(tmp_path)
    os.utime(cell.folder(tmp_path) / "result.json")
    shutil.rmtree(cell.members[1].folder(tmp_path))
    assert not cell.is_finished(tmp_path)


@pytest.mark.slow
def test_deep_methods_their_ensembles_and_two_stages(data: Path, tmp_path: Path) -> None:
    larger = write_data(tmp_path / "larger", {"train": 210, "val": 35}, seed=5)
    options = StudyOptions(
        methods=("majority", "resnet50", "two-stage", "two-stage-face-s-bdr"),
        seeds=1,
        quick=True,
        larger=larger,
    )
    done = reproduce(data, tmp_path / "study", options)
    rows = {row.method.name: row for row in done.study.rows}
    assert all(row.seeds == (0,) for row in rows.values()), [row.failures for row in rows.values()]
    assert rows["resnet50"].network == "test_resnet, 64 px, from random weights"
    assert rows["two-stage"].network == "test_resnet, 64 px, from the larger set"
    assert rows["two-stage-face-s-bdr"].network == f"{FACE}, 48 px, pretrained"
    assert rows["resnet50"].numbers["removed"].tolist() == [0]
    assert "trains on 210 faces of larger" in " ".join(done.study.notes)
    courses = [pd.read_csv(rows[name].runs[0][0] / "metrics.csv") for name in ("resnet50", "two-stage")]
    assert courses[0]["train_loss"].iloc[0] > courses[1]["train_loss"].iloc[0]  # it has trained on such faces
    assert done.page.is_file()


def test_a_new_method_is_one_entry(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    method = Method("svm-both", "an SVM on both descriptors", SvmRunner(descriptors=("lpq", "phog")))
    monkeypatch.setitem(METHODS, method.name, method)
    done = reproduce(data, tmp_path / "study", StudyOptions(methods=("svm-lpq-phog", "svm-both"), seeds=1, quick=True))
    known, new = done.study.rows
    assert (new.name, new.network, new.failures) == ("svm-both", known.network, ())
    np.testing.assert_array_equal(new.predicted, known.predicted)


def test_two_folds_test_every_face_once(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", {"train": 140, "val": 35, "test": 35})
    table = pd.read_csv(data / "manifest.csv", keep_default_na=False)
    table["group"] = [f"person {number // 7}" for number in range(len(table))]
    table.to_csv(data / "manifest.csv", index=False)
    options = StudyOptions(methods=("majority", "svm-lpq"), seeds=2, protocol="person-independent", quick=True)
    done = reproduce(data, tmp_path / "study", options)
    for row in done.study.rows:
        assert len(row.labels) == 210
        assert np.shape(row.runs) == (2, 2)
        tested = pd.concat([pd.read_csv(run / "predictions_test.csv") for run in row.runs[0]])
        assert sorted(tested["row"]) == list(range(210))
    assert [sum(counts) for counts in done.study.counts] == [210, 210]


def test_accuracy_is_given_with_and_without_blank_pictures(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", {"train": 70, "val": 21, "test": 21})
    table = pd.read_csv(data / "manifest.csv", keep_default_na=False)
    test = table.index[table["split"] == "test"]
    table.loc[test[:3], "flag"] = "blank"
    table.loc[test[5:7], "flag"] = "no-face"
    table.to_csv(data / "manifest.csv", index=False)
    (data / "problems.csv").write_text("image,split,problem,detail,action\nx.png,test,unreadable,damaged,left out\n")
    done = reproduce(data, tmp_path / "study", StudyOptions(methods=("majority",), seeds=1, quick=True))
    notes = " ".join(done.study.notes)
    assert "3 of the 21 test faces are of a single colour" in notes
    assert "On 2 of the 21 test pictures no face was found" in notes
    assert "could not be read and are in no split: 1." in notes
    (row,) = done.study.rows
    told = pd.read_csv(tmp_path / "study/table.csv")["accuracy_without_blank"].item()
    assert told == pytest.approx(row.correct[0, 3:].mean(), abs=1e-5)
    assert told != row.accuracies[0]
    assert "without blank" in (tmp_path / "study/table.md").read_text()


def test_a_failed_run_gives_its_reason_in_the_row(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "open_pool", open_pool)  # a worker, whose log holds the traceback
    monkeypatch.setitem(sys.modules, "ray", None)
    place = tmp_path / "study/runs/svm-phog/own"
    options = StudyOptions(methods=("majority", "svm-phog"), seeds=2, quick=True)
    reproduce(data, tmp_path / "study", StudyOptions(methods=("majority",), seeds=2, quick=True))
    place.mkdir(parents=True)
    (place / "seed-1").write_text("in the way")
    row = reproduce(data, tmp_path / "study", options).study.rows[1]
    assert row.seeds == (0,)
    (failure,) = row.failures
    assert failure.startswith("svm-phog, own, seed 1: ")
    assert "exists" in failure
    assert "Traceback" in (tmp_path / "study/logs/svm-phog/own/seed-1.log").read_text()
    (place / "seed-1").unlink()
    row = reproduce(data, tmp_path / "study", options).study.rows[1]  # it is repeated
    assert (row.seeds, row.failures) == ((0, 1), ())


def test_features_of_another_program(data: Path, tmp_path: Path, cli: Callable[..., Outcome]) -> None:
    table = pd.read_csv(data / "manifest.csv")
    images = table["image"].to_numpy(dtype=str)[::-1]
    given = np.eye(7)[table["label"].map(NAMES.index).to_numpy()][::-1]  # features that give the label away
    np.savez(tmp_path / "lpq.npz", image=images, features=given)
    options = StudyOptions(methods=("svm-lpq",), seeds=1, quick=True, features={"lpq": tmp_path / "lpq.npz"})
    (row,) = reproduce(data, tmp_path / "study", options).study.rows
    assert row.accuracies == (1.0,)
    np.savez(tmp_path / "lpq.npz", image=images[3:], features=given[3:])
    result = cli("reproduce", data, "--out", tmp_path / "other", "--lpq", tmp_path / "lpq.npz")
    fails_with_one_line(result, "lacks 3 of its 210 pictures")


def sfew(folder: Path) -> Path:
    """Pictures in SFEW's layout: a film in Val is in both of the paper's halves."""
    rng = np.random.default_rng(0)
    for split, count in (("Train", 70), ("Val", 70)):
        for number in range(count):
            label = number % 7
            picture = rng.normal(110, 25, (181, 143, 3))
            picture[20 + 20 * label : 40 + 20 * label] += 60
            place = folder / split / NAMES[label].capitalize()
            place.mkdir(parents=True, exist_ok=True)
            name = f"{split}_Film{number // 7 % 5}_{number:09d}_{number:08d}.png"
            Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(place / name)
    return folder


def test_sfew_is_prepared_and_split_by_each_protocol(tmp_path: Path) -> None:
    source = sfew(tmp_path / "SFEW")
    notes = {}
    for protocol in ("paper", "group-disjoint", "person-independent"):
        options = StudyOptions(methods=("majority",), seeds=1, protocol=protocol, quick=True)
        done = reproduce(source, tmp_path / protocol, options)
        assert done.study.rows[0].seeds == (0,)
        notes[protocol] = " ".join(done.study.notes)
    assert "This leaks: " in notes["paper"]
    assert "val, test were divided again" in notes["group-disjoint"]
    assert "Two folds" in notes["person-independent"]


def test_other_faces_protocols_or_sizes_need_another_folder(cheap: Reproduced, data: Path, tmp_path: Path) -> None:
    folder = cheap.study.folder
    with pytest.raises(InputError, match="study with other quick"):
        reproduce(data, folder, StudyOptions(methods=("majority",)))
    with pytest.raises(InputError, match="study with other protocol"):
        reproduce(data, folder, StudyOptions(methods=("majority",), quick=True, protocol="paper"))
    other = write_data(tmp_path / "other", {"train": 70, "val": 21, "test": 21}, seed=3)
    with pytest.raises(InputError, match="study with other faces"):
        reproduce(other, folder, StudyOptions(methods=("majority",), quick=True))


def test_other_features_need_another_folder(cheap: Reproduced, data: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", image=pd.read_csv(data / "manifest.csv")["image"].to_numpy(str), features=np.eye(210))
    options = StudyOptions(methods=("svm-lpq",), quick=True, features={"lpq": tmp_path / "f.npz"})
    with pytest.raises(InputError, match="study with other LPQ features"):
        reproduce(data, cheap.study.folder, options)


def test_another_source_needs_another_folder(tmp_path: Path) -> None:
    options = StudyOptions(methods=("majority",), seeds=1, quick=True)
    one, two = sfew(tmp_path / "one"), sfew(tmp_path / "two")
    done = reproduce(one, tmp_path / "study", options)
    assert done.study.data == "one"
    reproduce(one, tmp_path / "study", options)
    with pytest.raises(InputError, match=r"was prepared from .*one; choose another --out"):
        reproduce(two, tmp_path / "study", options)
    with pytest.raises(InputError, match="does not exist"):
        reproduce(tmp_path / "nowhere", tmp_path / "study", options)


def test_a_study_that_cannot_begin_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        reproduce(tmp_path / "nowhere", tmp_path / "study", StudyOptions(methods=("majority",)))
    assert list(tmp_path.iterdir()) == []


def test_a_second_call_at_the_same_time_is_refused(cheap: Reproduced, data: Path) -> None:
    folder = cheap.study.folder
    before = (folder / "study.yaml").read_text()
    with exclusive_folder(folder), pytest.raises(InputError, match="another call of bimodal works in"):
        reproduce(data, folder, StudyOptions(methods=("majority",), quick=True))
    assert (folder / "study.yaml").read_text() == before


def test_moved_faces_are_the_same_faces(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", {"train": 70, "val": 21, "test": 21})
    options = StudyOptions(methods=("majority", "svm-phog"), seeds=1, quick=True)
    expected = reproduce(str(data), str(tmp_path / "whole"), options).study.rows[1].predicted
    reproduce(data, tmp_path / "study", StudyOptions(methods=("majority",), seeds=1, quick=True))
    data.rename(tmp_path / "moved")
    write_data(tmp_path / "data", {"train": 70, "val": 21, "test": 21}, seed=4)  # other faces at the old place
    found = reproduce(tmp_path / "moved", tmp_path / "study", options).study.rows[1].predicted
    np.testing.assert_array_equal(found, expected)


def test_another_folder_is_left_as_it_is(data: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(InputError, match="holds no study"):
        reproduce(data, tmp_path, StudyOptions(methods=("majority",)))
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--methods", "resnet"], ["unknown method 'resnet'", "resnet50"]),
        (["--methods", "two-stage"], ["two-stage needs --larger"]),
        (["--noise", "a"], ["--noise expects shares"]),
        (["--weights", "resnet"], ["NAME=FILE"]),
        (["--weights", "resnet50=/nowhere.pth"], ["does not exist"]),
        (["--protocol", "person-independent"], ["needs groups", "--group"]),
        (["--larger", "nowhere", "--methods", "two-stage"], ["expected a data folder", "nowhere"]),
    ],
)
def test_bad_input_is_one_line(
    data: Path, tmp_path: Path, cli: Callable[..., Outcome], arguments: list[str], words: list[str]
) -> None:
    fails_with_one_line(cli("reproduce", data, "--out", tmp_path / "study", *arguments), *words)


def test_a_data_folder_without_test_or_without_a_class(tmp_path: Path, cli: Callable[..., Outcome]) -> None:
    data = write_data(tmp_path / "data", {"train": 35, "val": 14})
    fails_with_one_line(cli("reproduce", data, "--out", tmp_path / "study"), "no faces in split test", "--test-share")
    data = write_data(tmp_path / "classes", {"train": 35, "val": 14, "test": 5})
    fails_with_one_line(cli("reproduce", data, "--out", tmp_path / "study"), "no sad face in split test")
    fails_with_one_line(cli("reproduce"), "expected a data folder and --out")


def test_list_starts_each_line_with_a_method(cli: Callable[..., Outcome]) -> None:
    shown = cli("reproduce", "--list")
    assert shown.returncode == 0
    assert [line.split()[0] for line in shown.stdout.splitlines()] == list(METHODS)


@pytest.mark.slow
def test_a_study_resumes_after_ctrl_c(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    # one run is finished, whatever the order in which the interrupted call runs its jobs
    reproduce(data, out, StudyOptions(methods=("majority",), seeds=1, quick=True))
    without_ray = "import sys; sys.modules['ray'] = None; from bimodal.cli.main import run; run()"
    command = [sys.executable, "-c", without_ray, "reproduce", str(data), "--out", str(out), "--quick"]
    command += ["--methods", "majority,resnet50", "--seeds", "1"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    run = out / "runs/resnet50/own/seed-0"
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        while not (run / "last.ckpt").exists() and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        shown, _ = process.communicate()
    assert process.returncode == 130, shown
    assert "1 of 2 runs are finished already" in shown
    assert "the same command resumes the study" in shown
    assert not (run / "result.json").exists()
    epochs = len(pd.read_csv(run / "metrics.csv"))
    assert 0 < epochs < 15
    again = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert again.returncode == 0, again.stderr
    assert "1 of 2 runs are finished already" in again.stdout
    assert (out / "report.html").is_file()
    assert len(pd.read_csv(run / "metrics.csv")) == 15
