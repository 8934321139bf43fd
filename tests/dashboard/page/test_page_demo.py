"""A demo on the page: a controller plays in a worker of its own, without learning."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.dashboard.page.stage import Dashboard, wait_until
from tests.dashboard.page.watching import expect_state, next_board, pass_frames


def test_a_demo_plays_pauses_begins_anew_and_stops(
    page: Page, dashboard: Dashboard, photograph: Callable[..., None]
) -> None:
    page.goto("/")
    page.get_by_role("button", name="Demo").click()
    page.get_by_role("radio", name="dellacherie").check()
    photograph(page, "demo-panel")
    page.get_by_role("button", name="Watch it play").click()
    expect(page.locator("#run-name")).to_have_text("Demo: dellacherie")
    expect_state(page, "Running")
    expect(page.locator("#mode")).to_be_hidden()
    page.locator("#speed").fill("1000")
    page.get_by_text("What it thinks").click()
    expect(page.locator("#lines")).to_have_text(re.compile(r"^(\d\d+|\d,\d+)$"))
    photograph(page, "demo")

    page.get_by_role("button", name="Pause").click()
    expect_state(page, "Paused")
    pass_frames(page, 30)  # the last board may be on its way
    pieces = page.locator("#pieces").inner_text()
    pass_frames(page, 30)
    expect(page.locator("#pieces")).to_have_text(pieces)
    page.get_by_role("button", name="Resume").click()
    expect_state(page, "Running")

    game = page.locator("#games")
    expect(game).to_have_text("0")
    page.get_by_role("button", name="New game").click()
    expect(page.locator("#toasts")).to_contain_text("A new game begins.")
    next_board(page)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#notice-title")).to_have_text("This demo has ended.")
    wait_until(lambda: not [view for view in dashboard.call("GET", "/players") if view["is_alive"]], "no player")
    photograph(page, "demo-ended")


def test_games_of_a_demo_are_listed_as_they_end(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Demo").click()
    page.get_by_role("radio", name="random").check()
    page.get_by_role("button", name="Watch it play").click()
    expect(page.locator("#run-name")).to_have_text("Demo: random")
    expect_state(page, "Running")
    page.locator("#speed").fill("1000")
    row = page.locator("#demo-games tbody tr").first
    expect(row).to_have_text(re.compile(r"^\d"))
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#notice-title")).to_have_text("This demo has ended.")
