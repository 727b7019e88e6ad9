"""The page in a real browser: review by keyboard alone, a killed server, the threshold, small screens, axe-core."""

import json
import os
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bimodal.label_audit.audit import Audit
from bimodal.review.exchange import import_decisions
from bimodal.review.opened import OpenAudit
from bimodal.review.store import Store
from tests.review.page.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no browser: install Debian's package chromium"),
]
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 860}
WAIT_MS = 60_000  # on a busy machine


@pytest.fixture
def server(reviewed: Audit, tmp_path: Path) -> Iterator[Server]:
    server = Server(shutil.copytree(reviewed.out, tmp_path / "audit"))
    yield server
    server.kill()


@pytest.fixture(scope="module")
def shared(reviewed: Audit, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for tests that store nothing."""
    server = Server(shutil.copytree(reviewed.out, tmp_path_factory.mktemp("shared") / "audit"))
    yield server
    with Store.open(server.folder) as store:
        assert store.count == 0
    server.kill()


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    expect.set_options(timeout=WAIT_MS)
    with sync_api.sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


def open_page(browser: "Browser", address: str, name: str = "Ann", **options: Any) -> "tuple[Page, list[str]]":
    """Open the tab Review and give a name; return the page, and the errors that it will have."""
    page = browser.new_context(viewport=options.pop("viewport", DESKTOP), **options).new_page()
    page.set_default_timeout(WAIT_MS)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    page.wait_for_selector("#reviewer")
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    page.wait_for_selector("#naming", state="hidden")
    page.wait_for_selector("#face:visible")
    return page, errors


def in_hand(page: "Page") -> str:
    """Wait until a face is shown, because a key decides about no other, and return its name."""
    expect(page.locator("#name")).not_to_have_text("")
    return page.locator("#name").inner_text()


def decide_by_key(page: "Page", key: str) -> None:
    """Press a key, and wait until another face is in hand and the decision is stored."""
    before = in_hand(page)
    page.keyboard.press(key)
    expect(page.locator("#name")).not_to_have_text(before)
    expect(page.locator("#saved")).to_have_text(re.compile("^saved"))


def test_twenty_suspects_by_keyboard_and_a_killed_server(browser: "Browser", server: Server) -> None:
    page, errors = open_page(browser, server.address)
    seen = []
    for number, key in enumerate(["k", "x", "u", "1", "2", "d", "p", "Enter", "k", "r"] * 2):
        seen.append(in_hand(page))
        decide_by_key(page, key)
        if number == 9:
            server.kill()  # in the middle
            page.keyboard.press("k")  # a decision that the server does not hear
            expect(page.locator("#saved")).to_contain_text("not saved yet")
            with Store.open(server.folder) as store:
                assert store.count == 10
            seen.append("heard later")
            server.start()
            expect(page.locator("#saved")).to_have_text(re.compile("^saved"))
    assert len(seen) == len(set(seen)), "no face twice"
    with Store.open(server.folder) as store:
        table = store.current()
    assert len(table) == 21
    assert set(table["reviewer"]) == {"Ann"}
    assert {"keep", "remove", "unsure", "relabel"} == set(table["decision"])
    page.reload()
    page.wait_for_selector("#face:visible")
    expect(page.locator("#left")).to_contain_text("21 decided")
    assert in_hand(page) not in seen
    page.keyboard.press("z")
    expect(page.locator("#left")).to_contain_text("20 decided")
    assert not errors
    assert server.stop() == 130


def test_the_face_in_hand_stays_while_the_ranking_learns(browser: "Browser", server: Server) -> None:
    first, errors = open_page(browser, server.address)
    second, _ = open_page(browser, server.address, "Bob")
    held = in_hand(first)
    for key in ("k", "Enter", "x", "k"):
        decide_by_key(second, key)
    expect(first.locator("#left")).to_contain_text("4 decided")
    assert in_hand(first) == held
    first.keyboard.press("x")  # Bob kept this face
    expect(first.locator("#saved")).to_have_text(re.compile("^saved"))
    first.goto(server.address + "?suspects=&state=disagree")
    expect(first.locator("#list .cell.disagree")).to_have_count(1)
    expect(first.locator("#earlier")).to_contain_text("Reviewers disagree")
    expect(first.locator("#earlier")).to_contain_text("Bob kept")
    assert not errors


def test_several_are_chosen_and_decided_together_by_keyboard(browser: "Browser", server: Server) -> None:
    page, errors = open_page(browser, server.address)
    page.wait_for_selector("#list .cell")
    total = page.locator("#total").inner_text()
    page.locator("#list").focus()
    for key in ("ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight"):
        page.keyboard.press(key)
    assert page.locator("#list .cell[aria-selected=true]").count() == 4
    assert "4 chosen faces" in page.locator("#chosen").inner_text()
    page.keyboard.press("x")
    expect(page.locator("#left")).to_contain_text("4 decided")
    expect(page.locator("#total")).not_to_have_text(total)
    assert page.locator("#chosen").is_hidden()
    page.keyboard.press("z")
    expect(page.locator("#left")).to_contain_text("0 decided")
    assert not errors


def test_the_threshold_is_moved_by_keys_and_by_dragging(browser: "Browser", server: Server) -> None:
    page, errors = open_page(browser, server.address)
    page.goto(server.address + "threshold")
    page.wait_for_selector("#classes tr")
    line = page.locator("#line")

    def going() -> int:
        return int(re.search(r", (\d+) faces? of", page.locator("#sentence").inner_text()).group(1))  # type: ignore[union-attr]

    line.focus()
    page.keyboard.press("End")
    assert going() == 0
    assert page.locator("#remove").is_disabled()
    page.keyboard.press("PageDown")
    few = going()
    for _ in range(4):
        page.keyboard.press("PageDown")
    assert going() > few
    assert sum(int(cell) for cell in page.locator("#classes td:nth-child(3)").all_inner_texts()) == going()
    box = page.locator("#plot").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 40, steps=5)
    middle = going()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 40, steps=5)
    page.mouse.up()
    assert going() > middle > 0
    page.locator("#marks button").first.click()
    wanted = going()
    page.locator("#remove").click()
    page.locator("#confirm button[value=remove]").click()
    page.wait_for_selector("#toast.shown")
    with Store.open(server.folder) as store:
        table = store.current()
    assert len(table) == wanted
    assert set(table["decision"]) == {"remove"}
    assert not errors


def check_access(page: "Page", width: int, *where: str) -> None:
    """Check a page by axe-core in both colour schemes, and that it is not wider than the screen."""
    from axe_playwright_python.sync_playwright import Axe

    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        # of axe's own script, not of the page: the policy of the page forbids it to be loaded, so it is evaluated
        violations = Axe().run(page).response["violations"]
        serious = [each for each in violations if each["impact"] in ("serious", "critical")]
        found = [(each["id"], [node["html"][:160] for node in each["nodes"]][:3]) for each in serious]
        assert not found, (scheme, *where)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, where


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_every_tab_is_accessible_and_fits(browser: "Browser", shared: Server, viewport: dict[str, int]) -> None:
    page, errors = open_page(browser, shared.address, viewport=viewport)
    dialogs = {"": None, "?": "#keys"}
    for path in ("", "threshold", "clean", "docs"):
        page.goto(shared.address + path)
        page.wait_for_load_state("networkidle")
        for key, dialog in dialogs.items() if not path else [("", None)]:
            if key:
                page.keyboard.press(key)
                page.wait_for_selector(f"{dialog}[open]")
            check_access(page, viewport["width"], path, key)
    assert not errors


def test_others_need_the_token(browser: "Browser", reviewed: Audit, tmp_path: Path) -> None:
    server = Server(shutil.copytree(reviewed.out, tmp_path / "audit"), "--host", "127.0.0.1")
    try:
        bare = server.address.partition("#")[0]
        page = browser.new_context().new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(bare)
        assert "Open the address that the terminal shows" in page.locator("#state").inner_text()
        page.goto(server.address)
        page.wait_for_selector("#reviewer")
        assert "token" not in page.url
        assert page.evaluate("document.cookie") == ""
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(bare + "api/suspects", timeout=20)
    finally:
        server.kill()


def test_a_data_folder_is_audited_first(browser: "Browser", reviewed: Audit, tmp_path: Path) -> None:
    data = shutil.copytree(OpenAudit.open(reviewed.out).manifest.root, tmp_path / "faces")
    server = Server(data)
    try:
        page, errors = open_page(browser, server.address)  # waits on the page of the progress
        assert page.locator("#list .cell").count() > 5
        assert (tmp_path / "faces-audit/audit.json").is_file()
        assert not errors
    finally:
        server.kill()


def test_the_page_to_share_has_the_same_keys_and_its_decisions_are_imported(
    browser: "Browser", reviewed: Audit, tmp_path: Path
) -> None:
    opened = OpenAudit.open(shutil.copytree(reviewed.out, tmp_path / "audit"))
    page = browser.new_context(viewport=DESKTOP, accept_downloads=True).new_page()
    page.set_default_timeout(WAIT_MS)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((reviewed.out / "suspects.html").as_uri())
    for key in ("k", "x", "Enter", "p", "u", "1"):
        page.keyboard.press(key)
    page.keyboard.press("j")
    page.keyboard.press("x")  # the face that was relabelled to angry
    page.fill("#by", "Eve")
    page.keyboard.press("x")  # a letter in the name, no decision
    with page.expect_download() as saved:
        page.locator("#save").click()
    saved.value.save_as(tmp_path / "decisions.csv")
    cards = page.locator(".card")
    images = [json.loads(cards.nth(index).get_attribute("data-image") or "") for index in range(6)]
    with Store.open(opened.folder) as store:
        assert import_decisions(store, opened.manifest, tmp_path / "decisions.csv") == 5
        table = store.merged().set_index("image")
    assert set(table["reviewer"]) == {"Evex"}
    assert table["decision"].reindex(images).fillna("").tolist()[:3] == ["keep", "remove", "relabel"]
    assert table.at[images[2], "label"] == cards.nth(2).get_attribute("data-suggested")
    assert table.at[images[5], "decision"] == "remove"
    assert images[4] not in table.index
    assert not errors
