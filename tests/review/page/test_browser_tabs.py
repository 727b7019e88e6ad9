"""The tabs Runs, Map and Try in a real browser."""

from typing import TYPE_CHECKING

import pytest

from tests.runs import write_run

pytest.importorskip("playwright.sync_api")

from tests.review.page.test_browser import (
    Server,
    browser,  # noqa: F401
    expect,
    open_page,
    pytestmark,  # noqa: F401
    server,  # noqa: F401
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser


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
