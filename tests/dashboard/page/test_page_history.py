"""The pages of runs, over runs that have ended: found, compared, looked at, freed and deleted; by keys too."""

import csv
import json
import re
import shutil
from collections.abc import Callable, Iterator
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import APIResponse, Page, Route, expect

from tests.dashboard.histories import STEPS, keep_replay, make_run
from tests.dashboard.page.looks import EACH_LOOK, violations
from tests.dashboard.page.stage import Dashboard, wait_until
from tests.dashboard.page.watching import Watcher, open_run, pass_frames
from tetrarium.environment.replays import Replay

N_PIECES = 450
_HISTORY = """async () => {
    const { History } = await import("/static/common/history.js");
    const history = new History();
    for (let k = 1; k <= 3; k += 1) history.append({ step: 100_000 + 25 * k, mean_lines_game: 0 });
    history.load({ step: Array.from({ length: 50 }, (_, k) => 2_000 * (k + 1)) });
    for (let k = 4; k <= 40_000; k += 1) history.append({ step: 100_000 + 25 * k, mean_lines_game: k });
    return history.columns.step;
}"""
_WORDS = """async () => {
    const { bytes, left, percent, short, small, ticksText } = await import("/static/common/words.js");
    const { spread, ticksBetween } = await import("/static/common/scales.js");
    return [
        [1, 0.996, 0.012, 1e-7, 0, -0.5].map(percent), [999.9, 999_999, 1e4, 0.5, 0].map(short),
        [0.1, 99.96, 999.4, -3.14159, 1e-5].map(small), bytes(999_400),
        [41, 2_132, 9_000, undefined].map(left), ticksText([0, 5_000, 10_000]), ticksText([0, 500, 1_000]),
        ticksBetween(0, 0.42, 2),
        spread([8, 9, 30].map((at) => ({ at })), 4, { top: 6, bottom: 28 }).map(({ at }) => at),
    ];
}"""
_NUMBERS = """async () => {
    const { numberIn } = await import("/static/common/inputs.js");
    return ["1,000", "1_000_000", "12 345.5", "-1,000", "1e-3", "0,001", "1,5", "10,00", "1000,000"].map(
        (text) => (Number.isNaN(numberIn(text)) ? null : numberIn(text)));
}"""
_TRAINED = """async () => {
    const { TrainedTime } = await import("/static/common/trained.js");
    const trained = new TrainedTime();
    return [
        ["a", 10], ["a", 10, 12], ["a", 12, 12.5], // it never stopped
        ["a", 100, 1], ["a", 100, 2], ["a", 99, 4], // it went on after 99 s
        ["b", 7, 8], ["b", undefined, 9],
    ].map((told) => trained.of(...told));
}"""


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    served = Dashboard(tmp_path_factory.mktemp("home"))
    home = served.home
    for k in range(60):
        make_run(home, f"plain-{k:02}", seed=k, rows=3, mean=k + 1.0, state="stopped" if k % 3 else "finished")
    make_run(home, "good", seed=101, mean=2_000.0, preset="quick")
    make_run(home, "bad", seed=102, mean=20.0, state="failed", checkpoints=(100_000, 200_000, 300_000), gamma=0.5)
    kept = make_run(home, "kept", seed=103, mean=300.0, checkpoints=(100_000, 200_000), gamma=0.5, batch_size=64)
    (kept / "worker.log").write_text("It began.\n<b>It went on.</b>\n")
    keep_replay(kept, "first", 40, seed=3)
    keep_replay(kept, "best-01", N_PIECES)
    served.start()
    yield served
    served.close()


def names(page: Page) -> list[str]:
    return page.locator("#runs-table tbody .run-link").all_inner_texts()


def test_runs_are_found_filtered_put_in_order_and_turned_over(page: Page, photograph: Callable[..., None]) -> None:
    page.goto("/")
    page.get_by_role("navigation").get_by_role("link", name="Runs").click()
    expect(page.locator("#runs-count")).to_have_text("63 runs")
    assert names(page)[:4] == ["kept", "bad", "good", "plain-59"] and len(names(page)) == 50
    photograph(page, "runs")
    expect(page.locator("#page-text")).to_have_text(re.compile("^1.50 of 63$"))
    page.get_by_role("button", name="Later page").click()
    expect(page.locator("#page-text")).to_have_text(re.compile("^51.63 of 63$"))
    assert len(names(page)) == 13
    page.get_by_role("button", name="Mean lines").click()
    expect(page.locator("th[aria-sort=descending]")).to_have_text("Mean lines")
    expect(page.locator("#runs-table tbody .run-link").first).to_have_text("good")
    assert names(page)[:3] == ["good", "kept", "plain-59"]
    page.get_by_role("button", name="Mean lines").click()
    expect(page.locator("#runs-table tbody .run-link").first).to_have_text("plain-00")
    page.locator(".chip", has_text="Failed").click()
    expect(page.locator("#runs-count")).to_have_text("1 of 63 runs")
    assert names(page) == ["bad"]
    page.locator(".chip", has_text="Failed").click()
    expect(page.locator("#runs-count")).to_have_text("63 runs")
    page.get_by_label("Find a run").fill("QUICK")
    expect(page.locator("#runs-count")).to_have_text("1 of 63 runs")
    assert names(page) == ["good"]
    page.get_by_label("Find a run").fill("nothing like it")
    expect(page.locator("#runs-empty")).to_contain_text("No run is like that.")
    page.get_by_role("button", name="Show all runs").click()
    expect(page.locator("#runs-count")).to_have_text("63 runs")


def test_chosen_runs_are_compared_and_taken_away(page: Page, tmp_path: Path, photograph: Callable[..., None]) -> None:
    page.goto("/runs")
    for name in ("good", "kept", "bad"):
        page.get_by_role("checkbox", name=f"Compare {name}", exact=True).check()
    values = page.locator("#compare-list .value")
    expect(values).to_have_text(["2,000", "300", "20"])
    chart = page.locator("#compare-canvas")
    assert page.url.endswith("/runs#compare=good,kept,bad")
    photograph(page, "compared")
    page.reload()
    expect(values).to_have_text(["2,000", "300", "20"])
    page.get_by_role("link", name="Skip to the content").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
    expect(values).to_have_text(["2,000", "300", "20"])
    assert page.url.endswith("/runs#compare=good,kept,bad")
    chart.focus()
    page.keyboard.press("Home")
    page.keyboard.press("Shift+ArrowRight")
    expect(chart).to_have_attribute("aria-valuenow", str(STEPS // 10))
    expect(values).to_have_text(["200", "30", "2"])
    page.keyboard.press("+")
    expect(page.get_by_role("button", name="Whole course")).to_be_visible()
    page.get_by_role("button", name="Whole course").click()
    expect(page.locator("#compare-whole")).to_be_hidden()
    page.locator("#compare-column").select_option("Exploration")
    expect(values).to_have_text(["2 %", "2 %", "2 %"])
    expect(page.locator("#compare-log")).to_be_disabled()
    page.locator("#compare-column").select_option("Evaluation")
    expect(values).to_have_text(["80", "80", "80"])
    page.locator("#compare-column").select_option("Lines of ended games")
    expect(values).to_have_text(["3", "3", "3"])
    page.locator("#compare-over").select_option("seconds of training")
    page.locator("#compare-column").select_option("Best game")
    page.get_by_role("button", name="Take bad out").click()
    expect(values).to_have_text(["6,000", "900"])
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as table:
        page.get_by_role("button", name="Table (CSV)").click()
    table.value.save_as(tmp_path / "table.csv")
    rows = list(csv.DictReader(StringIO((tmp_path / "table.csv").read_text())))
    assert [len([row for row in rows if row["run"] == name]) for name in ("good", "kept")] == [20, 20]
    assert rows[19] == {"run": "good", "step": "400000", "seconds": "10", "best_lines_game": "6000"}
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as picture:
        page.get_by_role("button", name="Picture (PNG)").click()
    picture.value.save_as(tmp_path / "picture.png")
    with Image.open(tmp_path / "picture.png") as image:
        assert image.size == (2400, 1128) and len(image.convert("RGB").getcolors(2**24) or []) > 10
    page.get_by_role("button", name="Choose none").click()
    expect(page.locator("#compare")).to_be_hidden()


def test_a_run_that_is_gone_is_taken_out_of_a_comparison(page: Page, watcher: Watcher) -> None:
    watcher.forgive_refusals()
    page.goto("/runs#compare=good,nobody")
    expect(page.locator("#toasts")).to_contain_text("There is no run nobody.")
    expect(page.locator("#compare-list .value")).to_have_text(["2,000"])


def test_curves_stay_while_the_server_does_not_answer(page: Page, watcher: Watcher) -> None:
    watcher.forgive_losses()
    page.clock.install()

    def show_as_alive(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"is_alive": True})

    values, rows = page.locator("#compare-list .value"), "**/api/runs/good/progress*"
    page.route("**/api/runs/good", show_as_alive)
    page.route(rows, lambda route: route.abort())
    page.goto("/runs#compare=good,kept")
    expect(page.locator("#toasts")).to_contain_text("The server does not answer.")
    expect(values).to_have_text(["\N{EN DASH}", "300"])
    page.unroute(rows)
    page.get_by_label("Find a run").fill("seed 10")
    expect(values).to_have_text(["2,000", "300"])
    page.get_by_role("button", name="Close this message").click()
    page.route(rows, lambda route: route.abort())
    with page.expect_event("requestfailed"):
        page.clock.fast_forward(4_000)
    page.get_by_role("button", name="Log").click()
    pass_frames(page, 2)
    expect(values).to_have_text(["2,000", "300"])
    expect(page.locator("#toasts")).to_be_empty()
    page.unroute(rows)
    with page.expect_response(rows):
        page.clock.fast_forward(4_000)


def test_an_answer_that_comes_late_takes_nothing_away(page: Page) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/api/runs/good/progress*", hold, times=1)
    page.goto("/runs#compare=good")
    expect(page.locator("#compare-list .value")).to_have_text(["reading…"])
    page.locator("#compare-column").select_option("Evaluation")
    expect(page.locator("#compare-list .value")).to_have_text(["80"])
    with page.expect_response("**/api/runs/good/progress*"):
        held[0].continue_()
    pass_frames(page, 3)
    expect(page.locator("#compare-list .value")).to_have_text(["80"])


def test_nothing_is_asked_of_a_server_that_is_gone(page: Page) -> None:
    def show_as_alive(route: Route) -> None:
        answer = route.fetch()
        told = answer.json()
        route.fulfill(response=answer, json=told | {"runs": [run | {"is_alive": True} for run in told["runs"]]})

    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/api/history" in request.url else None)
    page.clock.install()
    page.route("**/api/history*", show_as_alive)
    page.goto("/runs")
    expect(page.locator("#runs-count")).to_have_text(re.compile("runs$"))
    with page.expect_request("**/api/history*"):
        page.clock.fast_forward(2_000)
    page.route_web_socket("**/api/live", lambda route: route.close(code=1011))
    page.reload()
    expect(page.locator("#status-word")).to_have_text("Connection lost")
    expect(page.locator("#runs-count")).to_have_text(re.compile("runs$"))
    asked.clear()
    page.clock.fast_forward(2_000)
    pass_frames(page, 3)
    assert asked == []


def test_space_is_freed_and_runs_go_once_that_is_confirmed(
    page: Page, dashboard: Dashboard, watcher: Watcher, photograph: Callable[..., None]
) -> None:
    watcher.forgive_refusals()
    page.goto("/runs")
    page.get_by_role("button", name="Free space").click()
    dialog = page.locator("#confirm-panel")
    expect(dialog).to_contain_text("Free 3 kB?")
    expect(dialog).to_contain_text("3 older checkpoints go, for ever.")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    photograph(page, "free-space")
    page.keyboard.press("Escape")
    assert dashboard.view("bad").checkpoints == (100_000, 200_000, 300_000)
    page.get_by_role("checkbox", name="Compare bad", exact=True).check()
    page.get_by_role("button", name="Free space of these").click()
    expect(dialog).to_contain_text("Free 2 kB?")
    dialog.get_by_role("button", name="Free space").click()
    expect(page.locator("#toasts")).to_contain_text("Freed 2 kB.")
    assert dashboard.view("bad").checkpoints == (300_000,)

    page.get_by_role("button", name="Delete plain-59").click()
    expect(dialog).to_contain_text("Delete plain-59?")
    dialog.get_by_role("button", name="Cancel").click()
    assert dashboard.view("plain-59").name == "plain-59"
    page.get_by_role("button", name="Delete plain-59").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.locator("#toasts")).to_contain_text("Deleted plain-59.")
    expect(page.locator("#runs-count")).to_have_text("62 runs")
    assert not dashboard.home.run_folder("plain-59").exists()

    page.get_by_role("button", name="Choose none").click()
    for name in ("plain-58", "plain-57", "plain-56"):
        page.get_by_role("checkbox", name=f"Compare {name}", exact=True).check()
    expect(page.locator("#compare-list .value")).to_have_text(["59", "58", "57"])
    shutil.rmtree(dashboard.home.run_folder("plain-58"))
    refusal = {"error": "A run that is alive is not deleted. Stop it first."}
    page.route("**/api/runs/plain-57", lambda route: route.fulfill(status=409, json=refusal))
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(dialog).to_contain_text("Delete 3 runs?")
    dialog.get_by_role("button", name="Delete").click()
    expect(page.locator("#toasts")).to_contain_text("A run that is alive is not deleted.")
    expect(page.locator("#compare-list a")).to_have_text(["plain-57"])
    expect(page.locator("#runs-count")).to_have_text("60 runs")


def test_a_run_tells_all_that_it_left(page: Page, photograph: Callable[..., None]) -> None:
    page.goto("/runs")
    page.get_by_role("link", name="kept").click()
    expect(page.get_by_role("heading", name="kept")).to_be_visible()
    expect(page.locator("#run-state")).to_have_text("Finished")
    expect(page.locator("#run-facts")).to_contain_text(
        "mean 300 lines · best game 900 · preset default · dqn · seed 103"
    )
    expect(page.locator("#checkpoints li")).to_have_count(2)
    expect(page.locator("#checkpoints li").first).to_contain_text("Step 200,000latest")
    expect(page.locator("#checkpoints li").first).to_contain_text("1 kB")
    expect(page.locator("#evaluations tbody tr").first).to_have_text(re.compile(r"^300,000\s*80\s*best\s*2 of 10$"))
    expect(page.locator("#config-note")).to_contain_text("3 differ from the preset default")
    expect(page.locator("#config")).to_contain_text("gamma0.5 instead of 0.")
    expect(page.locator("#config dt")).to_have_count(3)
    page.get_by_role("switch", name="Only what differs").uncheck(force=True)
    assert page.locator("#config dt").count() > 50
    expect(page.locator("#about")).to_contain_text("tetrarium train --name kept")
    expect(page.locator("#about")).to_contain_text("0123456789abcdef")
    expect(page.locator("#log")).to_have_text("It began.\n<b>It went on.</b>")
    expect(page.locator(".story .chart-value")).to_have_text("mean 300 · best 900")
    page.locator("#story canvas").focus()
    page.keyboard.press("Home")
    expect(page.locator("#story canvas")).to_have_attribute("aria-valuenow", str(STEPS // 20))
    page.keyboard.press("Escape")
    photograph(page, "run")
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as table:
        page.get_by_role("button", name="Table (CSV)").click()
    assert table.value.suggested_filename == "tetrarium-kept.csv"


def test_a_game_is_played_stepped_through_and_scrubbed(
    page: Page, tmp_path: Path, photograph: Callable[..., None]
) -> None:
    page.goto("/runs/kept")
    player, pieces = page.locator("#player"), page.locator("#replay-pieces")
    expect(player).to_have_attribute("data-shown", "0")
    expect(page.locator("#replay-choice option")).to_have_count(2)
    expect(page.locator("#replay-choice")).to_have_value("best-01")
    player.focus()
    press = page.keyboard.press
    press("End")
    expect(player).to_have_attribute("data-shown", str(N_PIECES))
    expect(pieces).to_have_text("450 of 450")
    lines = int(page.locator("#replay-lines").inner_text())
    assert lines > 150
    expect(page.locator("#replay-board")).to_have_attribute("aria-label", f"The board after 450 pieces: {lines} lines")
    press("Home")
    press("Shift+ArrowRight")
    press("ArrowRight")
    press("ArrowLeft")
    press("ArrowLeft")
    expect(player).to_have_attribute("data-shown", "9")
    press(" ")
    expect(page.locator("#replay-play")).to_have_text("Pause")
    page.locator("#replay-speed").select_option("300")
    expect(player).to_have_attribute("data-shown", str(N_PIECES))
    expect(page.locator("#replay-play")).to_have_text("Play")
    page.locator("#scrub").fill("250")
    expect(player).to_have_attribute("data-shown", "250")
    player.scroll_into_view_if_needed()
    photograph(page, "replay")
    page.get_by_label("Game", exact=True).select_option("first")
    expect(page.locator("#replay-facts")).to_contain_text("game 0 of seed 3")
    expect(pieces).to_have_text("0 of 40")
    page.get_by_role("button", name="Download").click()
    with page.expect_download() as game:
        page.get_by_role("button", name="Game (JSON)").click()
    assert game.value.suggested_filename == "kept-first.json"
    game.value.save_as(tmp_path / "game.json")
    assert json.loads((tmp_path / "game.json").read_text())["pieces"] == 40
    press("End")
    page.get_by_role("button", name="Download").click()
    with page.expect_download() as film:
        page.get_by_role("button", name="Film from here (GIF)").click()
    film.value.save_as(tmp_path / "game.gif")
    with Image.open(tmp_path / "game.gif") as image:
        assert image.format == "GIF"


def test_a_game_is_followed_to_its_new_rank_and_missed_when_it_is_gone(
    page: Page, dashboard: Dashboard, watcher: Watcher
) -> None:
    watcher.forgive_refusals()
    run = make_run(dashboard.home, "moving", seed=104)
    shutil.copytree(dashboard.home.run_folder("kept") / "replays", run / "replays")
    best, second = (run / "replays" / f"best-0{rank}.tetris-replay" for rank in (1, 2))
    page.goto("/runs/moving")
    player, choice, pieces = (page.locator(at) for at in ("#player", "#replay-choice", "#replay-pieces"))
    expect(player).to_have_attribute("data-shown", "0")
    best.rename(second)
    keep_replay(run, "best-01", 40, seed=2)
    player.focus()
    page.keyboard.press("End")
    expect(player).to_have_attribute("data-shown", str(N_PIECES))
    expect(choice).to_have_value("best-02")
    expect(page.locator("#replay-lines")).to_have_text(str(Replay.from_bytes(second.read_bytes()).lines))
    page.get_by_role("button", name="Download").click()
    with page.expect_download() as game:
        page.get_by_role("button", name="Game (JSON)").click()
    assert game.value.suggested_filename == "moving-best-02.json"
    expect(pieces).to_have_text("450 of 450")
    keep_replay(run, "best-02", 210, seed=3)
    page.locator("#scrub").fill("250")
    expect(page.locator("#toasts")).to_contain_text("A newer game has taken this one's place. Choose one again.")
    expect(choice).to_have_value("")
    page.locator("#scrub").fill(str(N_PIECES - 1))
    expect(player).to_have_attribute("data-shown", str(N_PIECES - 1))
    choice.select_option("best-02")
    expect(pieces).to_have_text("0 of 210")
    expect(player).to_have_attribute("data-shown", "0")
    shutil.rmtree(run)


def test_a_page_of_a_run_waits_for_a_server_that_does_not_answer(page: Page, watcher: Watcher) -> None:
    watcher.forgive_losses()
    page.route("**/api/runs/kept", lambda route: route.abort(), times=1)
    page.goto("/runs/kept")
    expect(page.locator("#toasts")).to_contain_text("The server does not answer.")
    expect(page.get_by_role("heading", name="kept")).to_be_visible()
    expect(page.locator("#checkpoints li")).to_have_count(2)


def test_a_page_of_no_run_says_so(page: Page, watcher: Watcher) -> None:
    watcher.forgive_refusals()
    for path, name in (("/runs/nobody", "nobody"), ("/runs/%3Cb%3E", "<b>")):
        page.goto(path)
        expect(page.locator("#run-missing")).to_contain_text(f"There is no run {name}.")
        expect(page.locator("#run-body")).to_be_hidden()
    page.get_by_role("link", name="Show all runs").click()
    expect(page.locator("#runs-count")).to_have_text(re.compile("runs$"))


@EACH_LOOK
def test_rules_of_accessibility_hold(page: Page, theme: Any, width: int) -> None:
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/runs#compare=good,kept")
    page.get_by_label("Find a run").fill("seed 10")
    expect(page.locator("#runs-count")).to_contain_text("4 of")
    expect(page.locator("#compare-list .value")).to_have_text(["2,000", "300"])
    assert violations(page) == []
    page.locator(".run-link").first.evaluate("link => (link.textContent = 'a-name-that-goes-on-'.repeat(7))")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    table = page.locator("#runs-table").bounding_box()
    assert table is not None and table["width"] <= width, "nothing to do is out of sight"
    page.get_by_role("button", name="Delete kept").click()
    expect(page.locator("#confirm-panel")).to_contain_text("Delete kept?")
    assert violations(page) == []
    page.goto("/runs/kept")
    expect(page.locator("#player")).to_have_attribute("data-shown", "0")
    expect(page.locator("#config-note")).to_contain_text("3 differ")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_keys_alone_find_a_run_and_look_at_its_game(page: Page) -> None:
    page.goto("/runs")
    expect(page.locator("#runs-count")).to_have_text(re.compile("runs$"))
    press = page.keyboard.press
    for _ in range(3):
        page.keyboard.down("m")
    page.keyboard.up("m")
    expect(page.locator("#theme-name")).to_have_text("Theme: dark")
    press("/")
    page.keyboard.type("kept")
    expect(page.locator("#runs-count")).to_contain_text("1 of")
    focused = page.locator(":focus")
    while focused.get_attribute("aria-label") != "Compare kept":
        press("Tab")
    press(" ")
    expect(page.locator("#compare-list .value")).to_have_text(["300"])
    press("Tab")
    expect(focused).to_have_text("kept")
    press("Enter")
    expect(page.locator("#player")).to_have_attribute("data-shown", "0")
    press("End")
    expect(page.locator("#player")).to_have_attribute("data-shown", str(N_PIECES))
    press("?")
    expect(page.locator("#help-panel")).to_contain_text("one piece back")
    press("Escape")
    pass_frames(page, 2)


def test_a_run_that_begins_while_runs_are_listed_is_watched(page: Page, dashboard: Dashboard) -> None:
    open_run(page, "good")
    held: list[tuple[Route, APIResponse]] = []
    page.route("**/api/runs", lambda route: held.append((route, route.fetch())), times=1)
    with page.expect_request("**/api/runs"):
        page.evaluate("window.dispatchEvent(new HashChangeEvent('hashchange'))")
    wait_until(lambda: page.evaluate("1") and held, "the list of now")
    make_run(dashboard.home, "sudden", seed=200)
    page.evaluate("location.hash = '#run/sudden'")
    pass_frames(page, 2)
    route, answer = held[0]
    route.fulfill(response=answer)
    expect(page.locator("#run-name")).to_have_text("sudden")
    expect(page.locator("#toasts")).not_to_contain_text("There is no run")
    shutil.rmtree(dashboard.home.run_folder("sudden"))


def test_a_course_keeps_its_beginning_however_long_it_is_watched(page: Page) -> None:
    page.goto("/runs/kept")
    steps = page.evaluate(_HISTORY)
    assert steps[0] == 2_000 and steps[-1] == 1_100_000
    assert len(steps) <= 1_300
    gaps = [after - before for before, after in pairwise(steps)]
    assert min(gaps[:-1]) >= 2_000, "the curve is no denser than when it is read again"
    assert gaps[-1] > 0 and max(gaps) <= 2 * 1_100_000 / 600


def test_numbers_are_written_and_read_as_people_do(page: Page) -> None:
    page.goto("/runs/kept")
    percents, ticks, values, size, left, axis, small_axis, between, places = page.evaluate(_WORDS)
    minus = "\N{MINUS SIGN}"
    assert percents == ["100 %", "100 %", "1.2 %", f"1.0e{minus}5 %", "0 %", f"{minus}50 %"]
    assert ticks == ["1,000", "1M", "10k", "0.5", "0"]
    assert values == ["0.100", "100", "999", f"{minus}3.14", f"1.00e{minus}5"]
    assert size == "999 kB"
    assert left == ["41 s left", "36 min left", "2 h 30 min left", ""]
    assert (axis, small_axis) == (["0", "5k", "10k"], ["0", "500", "1,000"]), "one unit on one axis"
    assert between == [0, 0.2, 0.4], "one tick alone says nothing"
    assert places == [8, 12, 28], "labels stand apart, and within the plot"
    assert page.evaluate(_NUMBERS) == [1_000, 1_000_000, 12_345.5, -1_000, 0.001, None, None, None, None]
    assert page.evaluate(_TRAINED) == [10, 12, 12.5, 100, 101, 103, 8, 9]
