"""Layout, themes, charts and accessibility of the live page."""

import csv
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.dashboard.page.page_checks import EACH_WIDTH_AND_THEME, overflowing_elements, violations
from tests.dashboard.page.page_helpers import expect_state, next_board, open_run
from tests.dashboard.page.served_dashboard import Dashboard, wait_until

_SHIFTS = """() => {
    window.shifts = [];
    new PerformanceObserver((list) => {
        for (const { sources } of list.getEntries())
            for (const { node, previousRect: before, currentRect: after } of sources) {
                if (node?.id === "status-text") continue;  // follows a word whose length changes
                const name = node?.id || node?.className || node?.nodeName;
                window.shifts.push(`${name}: ${before.x},${before.y} to ${after.x},${after.y}`);
            }
    }).observe({ type: "layout-shift", buffered: true });
}"""
_CLIPPED_FIGURES = """async () => {
    const { GamePanel } = await import("/static/live/game-panel.js");
    const panel = new GamePanel(document.documentElement);
    panel.show({ width: 10, height: 20, cells: ".".repeat(240), queue: [0, 1], lines_game: 123_456,
        pieces_game: 12_345_678, score_game: 1_234_567 });
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    return [...document.querySelectorAll(".figures dd")]
        .filter((figure) => figure.scrollWidth > figure.clientWidth)
        .map((figure) => figure.textContent);
}"""

_COVERED = """async () => {
    const { showToast } = await import("/static/common/toast.js");
    for (const text of ["First.", "Second.", "Saved at step 123,456."]) showToast(text);
    const box = (element) => element.getBoundingClientRect();
    const toast = box(document.querySelector("#toasts .toast"));
    const header = Math.max(0, box(document.querySelector("header")).bottom);  // covers what lies under it
    return [...document.querySelectorAll("canvas, nav a")]
        .filter((element) => element.checkVisibility())
        .filter((element) => {
            const { top, bottom, left, right } = box(element);
            const visible = element.matches("nav a") ? top : Math.max(top, header);
            return visible < toast.bottom && bottom > toast.top && left < toast.right && right > toast.left;
        })
        .map((element) => element.id || element.textContent || element.parentElement.id);
}"""


@pytest.fixture(scope="module")
def paused(dashboard: Dashboard) -> str:
    """A paused run with a curve."""
    dashboard.start_run("paused", evaluate_every=2_000, evaluation_games=2, evaluation_pieces=50, harder_games=6)
    wait_until(lambda: len(dashboard.call("GET", "/runs/paused/progress")["step"]) > 4, "a curve")
    dashboard.command("paused", "pause")
    wait_until(lambda: dashboard.view("paused").state == "paused", "the pause")
    return "paused"


@EACH_WIDTH_AND_THEME
def test_page_is_accessible(page: Page, paused: str, theme: Any, width: int) -> None:
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 800})
    open_run(page, paused)
    expect_state(page, "Paused")
    expect(page.locator("#main-chart canvas")).to_have_attribute("aria-valuenow", re.compile(r"^\d+$"))
    assert violations(page) == []
    page.locator("#run-picker").click()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    expect(page.locator("#set-training-seed")).to_be_visible()
    page.get_by_label("Find a setting").fill("steps")
    assert violations(page) == []
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("d")
    expect(page.get_by_role("radio", name="random")).to_be_visible()
    assert violations(page) == []


def test_time_left_is_shown_at_1024_pixels(page: Page) -> None:
    page.set_viewport_size({"width": 1024, "height": 768})
    activity = {"n_running": 1, "n_paused": 0, "n_demos": 1}
    page.route("**/api/activity", lambda route: route.fulfill(json=activity))
    page.goto("/")
    expect(page.locator("#activity-text")).to_have_text("1 running · demo playing")
    shown = page.evaluate("""async () => {
        const { refreshActivity, showStatusLine } = await import("/static/common/status-line.js");
        await refreshActivity();
        showStatusLine("running", "Running", "1 min 27 s · 12,088 steps/s · 43 s left");
        const text = document.querySelector("#status-text");
        return [text.scrollWidth - text.clientWidth, document.querySelector("#activity-text").innerText];
    }""")
    assert shown == [0, "1 running"]


@pytest.mark.parametrize(
    "size", [(360, 740), (360, 480), (700, 500), (768, 1024), (1024, 640), (1440, 900), (2560, 1300)]
)
def test_board_and_texts_fit_the_window(page: Page, paused: str, size: tuple[int, int]) -> None:
    width, height = size
    page.set_viewport_size({"width": width, "height": height})
    open_run(page, paused)
    board = page.locator(".board-box")
    board.scroll_into_view_if_needed()
    box = board.bounding_box()
    assert box is not None
    assert box["height"] <= height and box["width"] <= width and box["x"] >= 0 and box["y"] >= 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#run-name").evaluate("name => name.scrollWidth <= name.clientWidth")
    assert overflowing_elements(page) == []
    assert page.evaluate(_CLIPPED_FIGURES) == []


@pytest.mark.parametrize("width", [320, 390, 768, 1024, 1440])
def test_messages_replace_each_other_and_cover_no_board_chart_or_navigation(
    page: Page, paused: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    open_run(page, paused)
    expect_state(page, "Paused")
    for scrolled in (0, 200, 600):
        page.evaluate("y => scrollTo(0, y)", scrolled)
        assert page.evaluate(_COVERED) == []
        expect(page.locator("#toasts .toast p")).to_have_text(["Saved at step 123,456."])


def test_layout_does_not_shift_while_watching(page: Page, dashboard: Dashboard) -> None:
    dashboard.start_run("counting")
    page.add_init_script(f"({_SHIFTS})()")
    open_run(page, "counting")
    expect_state(page, "Running")
    for _ in range(60):
        next_board(page)
    page.keyboard.press(" ")
    expect_state(page, "Paused")
    page.keyboard.press("t")
    page.keyboard.press(" ")
    expect_state(page, "Running")
    next_board(page)
    assert page.evaluate("window.shifts") == []
    dashboard.command("counting", "stop")


def test_theme_is_stored(page: Page, paused: str) -> None:
    theme = page.locator("html")
    open_run(page, paused)
    expect(theme).to_have_attribute("data-theme", "dark")
    for chosen, shown in (("dark", "dark"), ("light", "light"), ("auto", "dark")):
        page.locator("#theme").click()
        expect(page.locator("#theme")).to_contain_text(f"Theme: {chosen}")
        expect(theme).to_have_attribute("data-theme", shown)
    page.locator("#theme").click()
    page.locator("#theme").click()
    page.reload()
    expect(theme).to_have_attribute("data-theme", "light")


def test_charts_zoom_show_values_and_reset(page: Page, paused: str, photograph: Callable[..., None]) -> None:
    open_run(page, paused)
    story = page.locator("#main-chart canvas")
    latest = page.locator(".main-chart .chart-value")
    expect(latest).to_contain_text("best")
    story.hover()
    expect(latest).to_contain_text("step")
    photograph(page, "cursor")
    story.hover()
    box = story.bounding_box()
    assert box is not None
    whole = page.locator("#zoom-out")
    expect(whole).to_be_hidden()
    page.mouse.move(box["x"] + 150, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 350, box["y"] + 100)
    page.mouse.up()
    expect(whole).to_be_visible()
    whole.click()
    expect(whole).to_be_hidden()
    story.focus()
    page.keyboard.press("Home")
    expect(story).to_have_attribute("aria-valuenow", "2000")
    page.keyboard.press("ArrowRight")
    expect(story).to_have_attribute("aria-valuenow", "4000")
    page.keyboard.press("+")
    expect(whole).to_be_visible()
    page.keyboard.press("0")
    expect(whole).to_be_hidden()
    page.locator("#log-scale").click()
    expect(page.locator("#log-scale")).to_have_attribute("aria-pressed", "false")


def test_charts_are_exported_as_table_and_picture(
    page: Page, dashboard: Dashboard, paused: str, tmp_path: Path
) -> None:
    open_run(page, paused)
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as table:
        page.get_by_role("button", name="Table (CSV)").click()
    assert table.value.suggested_filename == "tetrarium-paused.csv"
    table.value.save_as(tmp_path / "table.csv")
    rows = list(csv.DictReader(StringIO((tmp_path / "table.csv").read_text())))
    columns = dashboard.call("GET", "/runs/paused/progress?max_points=10000")
    assert [float(row["step"]) for row in rows] == columns["step"]
    assert [float(row["training_mean"]) for row in rows] == columns["training_mean"]

    page.get_by_role("button", name="Export").click()
    with page.expect_download() as picture:
        page.get_by_role("button", name="Picture (PNG)").click()
    picture.value.save_as(tmp_path / "picture.png")
    with Image.open(tmp_path / "picture.png") as image:
        assert image.format == "PNG" and image.width == 2400
        assert len(image.convert("RGB").getcolors(2**24) or []) > 10


def test_reduced_motion_is_respected(page: Page, paused: str) -> None:
    page.emulate_media(reduced_motion="reduce")
    sent: list[str] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(str(frame))))
    open_run(page, paused)
    expect_state(page, "Paused")
    assert '"boards_per_second":4' in sent[-1]
    page.keyboard.press("n")
    assert page.evaluate("document.getAnimations().length") == 0
