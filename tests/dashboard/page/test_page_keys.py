"""Keyboard shortcuts of the live page, and their list."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.dashboard.page.page_helpers import expect_state
from tests.dashboard.page.served_dashboard import Dashboard, wait_until


def test_run_is_started_watched_paused_and_stopped_by_keyboard(page: Page, dashboard: Dashboard) -> None:
    page.goto("/")
    expect(page.locator("#run-name")).to_have_text("Demo: champion")
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
    expect(page.locator("#show-action-values")).to_be_checked()
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


def test_shortcuts_are_listed_and_can_be_disabled(page: Page, photograph: Callable[..., None]) -> None:
    page.goto("/")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys and numbers")).to_be_visible()
    expect(page.locator("#help-panel")).to_contain_text("pause or resume")
    photograph(page, "keys")
    page.get_by_role("switch", name="Enable keyboard shortcuts").uncheck(force=True)
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    expect(page.locator("#new-run-panel")).to_be_hidden()
    page.keyboard.press("?")
    expect(page.locator("#help-panel")).to_be_visible()
