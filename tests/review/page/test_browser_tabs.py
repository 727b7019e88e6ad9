"""The tabs Runs, Map and Try in a real browser."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from bimodal.data.manifest import Manifest
from bimodal.label_audit.audit import Audit
from bimodal.synthetic.photograph import draw_face
from tests.conftest import SHARED
from tests.review.test_loss_history import add_epochs
from tests.runs import write_run

pytest.importorskip("playwright.sync_api")

from tests.review.page.test_browser import (
    CHROMIUM,
    DESKTOP,
    PHONE,
    Server,
    browser,  # noqa: F401
    check_access,
    expect,
    open_page,
    pytestmark,  # noqa: F401
    server,  # noqa: F401
    shared,  # noqa: F401
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser

DETECTOR = SHARED / "models/face_detection_yunet_2023mar.onnx"


def face_of(server: Server) -> Path:  # noqa: F811
    """Return a picture; an audit that the server has opened is not opened again."""
    return Manifest.read(json.loads((server.folder / "audit.json").read_text())["data"]).path(0)


def test_runs_are_followed_and_compared_by_keyboard(browser: "Browser", server: Server) -> None:  # noqa: F811
    write_run(server.folder.parent, "plain", accuracy=0.5)
    page, errors = open_page(browser, server.address)
    page.goto(server.address + "runs")
    expect(page.locator("#table tr")).to_have_count(1)
    assert page.locator("#comparison").is_hidden()
    write_run(server.folder.parent, "removing", rule="wang", accuracy=0.9)
    page.reload()
    expect(page.locator("#table tr")).to_have_count(2)
    expect(page.locator("#comparison .verdict")).to_contain_text("removing is")
    assert page.locator("#curves figure").count() >= 3
    lines = page.locator("#curves polyline").count()
    page.locator("#table input").first.focus()
    page.keyboard.press("Space")  # take away a run
    assert page.locator("#curves polyline").count() == lines // 2
    page.locator("#b").focus()
    page.keyboard.press("ArrowUp")
    expect(page.locator("#comparison")).to_contain_text("two different runs")
    assert not errors


def test_faces_are_selected_on_the_map_and_reviewed(browser: "Browser", shared: Server) -> None:  # noqa: F811
    server = shared  # noqa: F811
    page, errors = open_page(browser, server.address)
    page.goto(server.address + "map")
    expect(page.locator("#state")).to_contain_text("training faces")
    expect(page.locator("#legend input")).to_have_count(7)
    box = page.locator("#points").bounding_box()
    assert box is not None
    corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98)]  # a line around all
    page.mouse.move(box["x"] + 0.02 * box["width"], box["y"] + 0.02 * box["height"])
    page.mouse.down()
    for x, y in corners:
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
    page.mouse.up()
    expect(page.locator("#selected")).to_contain_text("210 faces")
    page.locator("#points").focus()
    page.keyboard.press("Escape")
    expect(page.locator("#selected")).to_contain_text("No face")
    for key in ["+", "-", *"]" * 8, "Space"]:
        page.keyboard.press(key)
    expect(page.locator("#selected")).not_to_contain_text("No face")
    selected = int(page.locator("#selected").inner_text().split()[0])
    assert 0 < selected < 210
    page.keyboard.press("Enter")
    page.wait_for_selector("#face:visible")
    expect(page.locator("#total")).to_contain_text(f"{selected} face")
    page.reload()
    page.wait_for_selector("#face:visible")
    expect(page.locator("#total")).to_contain_text(f"{selected} face")
    assert not errors


def test_a_picture_is_tried_and_explained_by_keyboard(browser: "Browser", shared: Server, tmp_path: Path) -> None:  # noqa: F811
    server = shared  # noqa: F811
    drawn = face_of(server)
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    page, errors = open_page(browser, server.address)
    page.goto(server.address + "try")
    page.locator("#cropped").focus()
    page.keyboard.press("Space")
    page.locator("#files").set_input_files([drawn, bad])
    expect(page.locator("#state")).to_contain_text("bad.png: the picture cannot be read")
    expect(page.locator("#results .result")).to_have_count(1)
    assert page.locator("#results tbody tr").count() == 8
    page.locator(".stage img").evaluate("image => image.decode()")  # the browser shows it
    page.locator(".why button").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".heat canvas")).to_have_attribute("aria-label", re.compile("Blurring|No part"))
    page.locator(".why select").select_option("sad")
    expect(page.locator(".heat p")).to_contain_text("speaks for sad")
    assert not errors
    assert not [file for file in server.folder.rglob("*") if "bad" in file.name]


def test_without_permission_the_camera_says_so(browser: "Browser", shared: Server) -> None:  # noqa: F811
    page, errors = open_page(browser, shared.address)
    page.goto(shared.address + "try")
    page.locator("#camera").click()
    expect(page.locator("#state")).to_contain_text(re.compile("camera"))
    assert page.locator("#live").is_hidden()
    assert not errors


WITH_FACE = """(() => {
  const [frame, box] = ["video", ".box"].map((each) => document.querySelector(`#live ${each}`)?.getBoundingClientRect().toJSON());
  return box ? { frame, box, rows: document.querySelectorAll("#live tbody tr").length } : null;
})()"""


def film(file: Path) -> None:
    """Write a video for the browser's camera: two seconds of an empty room, then two of a drawn face; it is repeated."""
    empty = np.full((480, 640, 3), 90, np.uint8)
    face = empty.copy()
    face[120:360, 200:440] = draw_face(3, np.random.default_rng(0), 240)
    frames = [cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420).tobytes() for picture in (empty, face)]
    with file.open("wb") as stream:
        stream.write(b"YUV4MPEG2 W640 H480 F5:1 Ip A1:1 C420jpeg\n")
        for frame in [frames[0]] * 10 + [frames[1]] * 10:
            stream.write(b"FRAME\n" + frame)


@pytest.mark.skipif(not DETECTOR.is_file(), reason="needs the face detector")
def test_a_face_before_the_camera_is_predicted_until_it_is_stopped(
    browser: "Browser",  # noqa: F811
    reviewed: Audit,
    tmp_path: Path,
) -> None:
    video = tmp_path / "camera.y4m"
    film(video)
    server = Server(shutil.copytree(reviewed.out, tmp_path / "audit"), "--detector", str(DETECTOR))  # noqa: F811
    fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    options = ["--no-sandbox", *fake, f"--use-file-for-fake-video-capture={video}"]
    filmed = browser.browser_type.launch(executable_path=CHROMIUM, args=options)
    try:
        page, errors = open_page(filmed, server.address)
        frames: list[int] = []
        page.on("response", lambda response: "camera=true" in response.url and frames.append(response.status))
        page.goto(server.address + "try")
        files = set(tmp_path.rglob("*"))
        page.locator("#camera").click()
        expect(page.locator("#live")).to_contain_text("no face found")
        expect(page.locator("#live")).to_contain_text("ms a frame")
        found = None
        for _ in range(600):  # until the film is at its second part
            found = page.evaluate(WITH_FACE)
            if found is not None:
                break
            page.wait_for_timeout(100)
        assert found is not None, "no box appeared"
        assert found["rows"] == 8
        frame, box = found["frame"], found["box"]  # the face fills the middle of the picture
        assert 0.2 < (box["x"] + box["width"] / 2 - frame["x"]) / frame["width"] < 0.8
        assert 0.2 < box["width"] / frame["width"] < 0.4
        assert set(frames) == {200}
        page.locator("#camera").click()
        expect(page.locator("#live")).to_be_hidden()
        page.wait_for_timeout(500)
        before = len(frames)
        page.wait_for_timeout(1500)
        assert len(frames) == before
        assert set(tmp_path.rglob("*")) == files, "a frame was stored"
        assert not errors
    finally:
        filmed.close()
        server.kill()


@pytest.fixture(scope="module")
def with_runs(reviewed: Audit, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for tests that store nothing, with two runs beside its audit; one has the losses of its faces."""
    folder = tmp_path_factory.mktemp("runs")
    server = Server(shutil.copytree(reviewed.out, folder / "audit"))  # noqa: F811
    run = write_run(folder, "plain")
    add_epochs(run)
    fingerprint = Manifest.read(json.loads((server.folder / "audit.json").read_text())["data"]).fingerprint
    (run / "environment.json").write_text(json.dumps({"data_fingerprint": fingerprint}))
    write_run(folder, "removing", rule="wang")
    yield server
    server.kill()


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_the_further_tabs_are_accessible_and_fit(
    browser: "Browser",  # noqa: F811
    with_runs: Server,
    viewport: dict[str, int],
) -> None:
    page, errors = open_page(browser, with_runs.address, viewport=viewport)
    expect(page.locator("#loss")).to_contain_text("of plain")
    for path, wait in (
        ("", "#loss svg polyline"),
        ("runs", "#comparison .verdict"),
        ("map", "#legend input"),
        ("try", "#results h3"),
    ):
        page.goto(with_runs.address + path)
        if path == "map":
            page.locator("#look").click()
            expect(page.locator("#duplicates-state")).to_contain_text(re.compile("group|No two"))
        if path == "try":
            page.locator("#cropped").check()
            page.locator("#files").set_input_files(face_of(with_runs))
        page.wait_for_selector(wait)
        check_access(page, viewport["width"], path)
    assert not errors
