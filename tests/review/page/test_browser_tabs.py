"""The tabs Runs, Map and Try in a real browser."""

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bimodal.data.manifest import Manifest
from bimodal.label_audit.audit import Audit
from tests.conftest import SHARED
from tests.runs import write_run

pytest.importorskip("playwright.sync_api")

from tests.review.page.test_browser import (
    CHROMIUM,
    DESKTOP,
    PHONE,
    Server,
    browser,  # noqa: F401
    expect,
    open_page,
    pytestmark,  # noqa: F401
    server,  # noqa: F401
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


def test_faces_are_selected_on_the_map_and_reviewed(browser: "Browser", server: Server) -> None:  # noqa: F811
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


def test_a_picture_is_tried_and_explained_by_keyboard(browser: "Browser", server: Server, tmp_path: Path) -> None:  # noqa: F811
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


def test_without_permission_the_camera_says_so(browser: "Browser", server: Server) -> None:  # noqa: F811
    page, errors = open_page(browser, server.address)
    page.goto(server.address + "try")
    page.locator("#camera").click()
    expect(page.locator("#state")).to_contain_text(re.compile("camera"))
    assert page.locator("#live").is_hidden()
    assert not errors


@pytest.mark.skipif(not DETECTOR.is_file(), reason="needs the face detector")
def test_the_camera_sends_frames_until_it_is_stopped(browser: "Browser", reviewed: Audit, tmp_path: Path) -> None:  # noqa: F811
    server = Server(shutil.copytree(reviewed.out, tmp_path / "audit"), "--detector", str(DETECTOR))  # noqa: F811
    fake = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    filmed = browser.browser_type.launch(executable_path=CHROMIUM, args=fake)
    try:
        page, errors = open_page(filmed, server.address)
        frames: list[int] = []
        page.on("response", lambda response: "camera=true" in response.url and frames.append(response.status))
        page.goto(server.address + "try")
        page.locator("#camera").click()
        expect(page.locator("#live")).to_contain_text("no face found")
        expect(page.locator("#live")).to_contain_text("ms a frame")
        page.wait_for_timeout(2000)
        assert len(frames) >= 2
        assert set(frames) == {200}
        page.locator("#camera").click()
        expect(page.locator("#live")).to_be_hidden()
        page.wait_for_timeout(500)
        before = len(frames)
        page.wait_for_timeout(1500)
        assert len(frames) == before
        assert not errors
    finally:
        filmed.close()
        server.kill()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_the_further_tabs_are_accessible_and_fit(
    browser: "Browser",  # noqa: F811
    server: Server,  # noqa: F811
    viewport: dict[str, int],
    scheme: str,
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    write_run(server.folder.parent, "plain")
    write_run(server.folder.parent, "removing", rule="wang")
    page, errors = open_page(browser, server.address, viewport=viewport, color_scheme=scheme)
    for path, wait in (("runs", "#comparison .verdict"), ("map", "#legend input"), ("try", "#results h3")):
        page.goto(server.address + path)
        if path == "map":
            page.locator("#look").click()
            expect(page.locator("#duplicates-state")).to_contain_text(re.compile("group|No two"))
        if path == "try":
            page.locator("#cropped").check()
            page.locator("#files").set_input_files(face_of(server))
        page.wait_for_selector(wait)
        violations = Axe().run(page).response["violations"]
        serious = [each for each in violations if each["impact"] in ("serious", "critical")]
        assert not [(each["id"], [node["html"][:160] for node in each["nodes"]][:3]) for each in serious], path
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"], path
    assert not errors
