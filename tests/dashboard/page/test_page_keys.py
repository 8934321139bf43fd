"""Keys alone suffice: to start, watch, pause and stop a run, and to learn which keys there are."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.dashboard.page.stage import Dashboard, wait_until
from tests.dashboard.page.watching import expect_state


def test_keys_alone_start_watch_pause_and_stop_a_run(page: Page, dashboard: Dashboard) -> None:
    page.goto("/")
    expect_state(page, "Nothing runs")
    press = page.keyboard.press
    press("n")
    expect(page.get_by_role("heading", name="New run")).to_be_visible()
    expect(page.get_by_role("radio", name="default", exact=False).first).to_be_focused()
    press("ArrowDown")
    expect(page.get_by_role("radio", name="quick")).to_be_checked()
    press("Tab")
    page.keyboard.type("by-keys")
    press("Enter")
    expect(page.locator("#run-name")).to_have_text("by-keys")
    expect_state(page, "Running")
    press("3")
    wait_until(lambda: dashboard.status("by-keys").get("mode") == "every-move", "every move")
    press("+")
    wait_until(lambda: dashboard.status("by-keys").get("pieces_per_second", 0) > 10, "a higher speed")
    press("t")
    expect(page.locator("#thinks")).to_be_checked()
    press(" ")
    expect_state(page, "Paused")
    press(" ")
    expect_state(page, "Running")
    press("r")
    expect(page.locator("#run-menu")).to_be_visible()
    press("Escape")
    expect(page.locator("#run-menu")).to_be_hidden()
    expect(page.locator("#run-picker")).to_be_focused()
    press("s")
    expect_state(page, "Stopped")
    assert dashboard.view("by-keys").state == "stopped"


def test_keys_are_listed_and_can_be_turned_off(page: Page, photograph: Callable[..., None]) -> None:
    page.goto("/")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys and numbers")).to_be_visible()
    expect(page.locator("#help-panel")).to_contain_text("pause or resume")
    photograph(page, "keys")
    page.get_by_role("switch", name="Single keys act").uncheck(force=True)
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    expect(page.locator("#new-run-panel")).to_be_hidden()
    page.keyboard.press("?")
    expect(page.locator("#help-panel")).to_be_visible()
