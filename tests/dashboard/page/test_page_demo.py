"""Demos on the live page: an agent plays in its own worker, without training."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.dashboard.page.conftest import PATIENCE_MS
from tests.dashboard.page.page_helpers import PageMonitor, expect_state, next_board, open_run, pass_frames
from tests.dashboard.page.served_dashboard import Dashboard, wait_until

UNWATCHED_S = 4.0  # after which a shared demo ends, instead of ten seconds; more than a page takes to load
NEXT_BOARD = """(canvas) => new Promise((done) =>
    document.querySelector(canvas).addEventListener("drawn", () => done(), { once: true }))"""


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    constants = {"tetrarium.workers.processes.demo_process._UNWATCHED_SHARED_S": UNWATCHED_S}
    served = Dashboard(tmp_path_factory.mktemp("home"), constants)
    served.start()
    yield served
    served.close()


def test_demo_plays_pauses_restarts_and_stops(
    page: Page, dashboard: Dashboard, photograph: Callable[..., None]
) -> None:
    page.goto("/")
    expect(page.locator("#run-name")).to_have_text("Demo: champion")
    expect(page.locator("#notice-title")).to_have_text("Nothing has been trained yet.")
    expect(page.locator("#lines")).to_have_text(re.compile(r"^[1-9]"))  # it keeps playing
    photograph(page, "first-visit")
    page.get_by_role("button", name="Demo", exact=True).click()
    page.get_by_role("radio", name="dellacherie").check()
    photograph(page, "demo-panel")
    page.get_by_role("button", name="Watch it play").click()
    expect(page.locator("#run-name")).to_have_text("Demo: dellacherie")
    expect_state(page, "Running")
    chosen = {view["id"] for view in dashboard.call("GET", "/demos") if view["agent"] == "dellacherie"}
    assert len(chosen) == 1
    expect(page.locator("#mode")).to_be_hidden()
    page.locator("#speed").fill("1000")
    page.get_by_text("Show action values").click()
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
    expect(page.locator("#toasts")).to_contain_text("A new game starts.")
    next_board(page)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#notice-title")).to_have_text("This demo has ended.")
    wait_until(lambda: not chosen & {view["id"] for view in dashboard.call("GET", "/demos")}, "the end of the demo")
    photograph(page, "demo-ended")


def test_empty_pages_show_the_same_demo_until_they_are_left(
    page: Page, dashboard: Dashboard, photograph: Callable[..., None]
) -> None:
    def active_demos() -> list[str]:
        return [view["id"] for view in dashboard.call("GET", "/demos") if view["is_alive"]]

    page.goto("/")
    expect(page.locator("#run-name")).to_have_text("Demo: champion")
    wait_until(lambda: len(active_demos()) == 1, "the shared demo")
    shared = active_demos()
    others = {"/runs": "#runs-preview", "/models": "#models-preview", "/models/champion": "#preview"}
    for path, place in others.items():
        tab = page.context.new_page()
        tab.goto(path)
        expect(tab.locator(place)).to_have_text("champion plays.")
        tab.evaluate(NEXT_BOARD, f"{place} canvas")
        photograph(tab, f"empty{path.replace('/', '-')}")
        tab.close()
    page.goto("/play")
    page.evaluate(NEXT_BOARD, "#board")
    photograph(page, "empty-play")
    assert active_demos() == shared
    page.emulate_media(reduced_motion="reduce")
    page.goto("/runs")
    expect(page.locator("#runs-preview")).to_be_visible()  # one board, which is no longer watched
    wait_until(lambda: not active_demos(), "the end of the demo that nobody watches")
    page.goto("about:blank")


def test_an_agent_plays_while_a_run_starts(page: Page, monitor: PageMonitor, photograph: Callable[..., None]) -> None:
    monitor.allow_error_responses()  # the run is not there
    run = {"name": "slow", "is_alive": True, "state": "starting", "checkpoints": [], "total_steps": 400_000}
    page.route("**/api/runs", lambda route: route.fulfill(json=[run]))
    page.goto("/")
    expect(page.locator("#board-message")).to_have_text("Starting…Dellacherie's controller plays meanwhile.")
    expect(page.locator("#pieces")).to_have_text(re.compile(r"^\d\d+$"))
    photograph(page, "starting")


def test_ended_games_of_a_demo_are_listed(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Demo", exact=True).click()
    page.get_by_role("radio", name="random").check()
    page.get_by_role("button", name="Watch it play").click()
    expect(page.locator("#run-name")).to_have_text("Demo: random")
    expect_state(page, "Running")
    page.locator("#speed").fill("1000")
    row = page.locator("#demo-games tbody tr").first
    expect(row).to_have_text(re.compile(r"^\d"))
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#notice-title")).to_have_text("This demo has ended.")


NO_SOCKET = "{ on() {}, watch() {}, state: 'open' }"  # in place of a LiveSocket


def test_demo_of_a_run_differs_from_the_demo_of_its_best_weights(page: Page) -> None:
    page.goto("/")
    expect(page.locator("#run-name")).to_have_text(re.compile("^Demo: "))
    best = {"id": "a", "agent": "run-1@best", "is_alive": True, "seats": []}
    requested: list[Any] = []

    def answer(route: Route) -> None:
        if route.request.method == "POST":
            requested.append(route.request.post_data_json["agent"])
        route.fulfill(json={**best, "id": "b"} if route.request.method == "POST" else [best])

    page.route("**/api/demos", answer)
    play = f"""async () => {{
        const {{ App }} = await import("/static/live/app.js");
        const app = new App({NO_SOCKET});
        await app.refresh();
        await app.startDemo("run-1@best");
        const first = app.target.name;
        await app.startDemo("run-1");
        return [first, app.target.name];
    }}"""
    assert page.evaluate(play) == ["a", "b"]
    assert requested == ["run-1"]


HIDE = """hidden => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_demo_that_ended_without_viewers_is_started_again(page: Page) -> None:
    page.goto("/play")
    started: list[Any] = []
    listed = [{"id": "0", "agent": "run-1", "is_alive": True, "state": "running", "seats": []}]

    def answer(route: Route) -> None:
        if route.request.method != "POST":
            route.fulfill(json=listed)
            return
        if route.request.post_data_json.get("shared"):  # of the page itself
            route.fulfill(json={**ended, "id": "shared"})
            return
        started.append(route.request.post_data_json)
        listed[:] = [{**listed[0], "id": str(len(started))}] if listed else [{**ended, "id": str(len(started))}]
        route.fulfill(json=listed[0])

    ended = dict(listed[0])
    page.route("**/api/demos", answer)
    page.evaluate(
        f"""async () => {{
            const {{ App }} = await import("/static/live/app.js");
            window.app = new App({NO_SOCKET});
            await window.app.refresh();
            await window.app.watch({{ kind: "demo", name: "0" }});
        }}"""
    )
    for is_hidden in (True, False):  # it still plays
        page.evaluate(HIDE, is_hidden)
    page.evaluate("window.app.refresh()")
    assert started == []
    page.evaluate(HIDE, True)
    listed.clear()
    page.evaluate(HIDE, False)
    wait_until(lambda: page.evaluate("window.app.target.name") == "1", "another demo")
    assert [body["agent"] for body in started] == ["run-1"]

    started.clear()
    page.evaluate(
        """async () => {
            const { DemoTable } = await import("/static/models/demo-table.js");
            const listeners = {};
            window.table = new DemoTable({ on: (kind, listener) => (listeners[kind] = listener), watch() {} });
            window.receive = listeners.event;
            await window.table.start({ seats: ["du"], seed: 3 });
        }"""
    )
    page.evaluate(HIDE, True)
    stopped = {"kind": "state-changed", "state": "stopped", "message": "Stopped because it had no viewers."}
    page.evaluate("event => window.receive({ source: 'demo/1', event })", stopped)
    assert page.evaluate("window.table.state") == "stopped"
    page.evaluate(HIDE, False)
    wait_until(lambda: page.evaluate("window.table.state") == "starting", "another demo")
    assert [(body["seats"], body["seed"]) for body in started] == [(["du"], 3)] * 2


def test_malformed_addresses_cause_no_errors(page: Page) -> None:
    for path in ("/#again/%", "/#run/%", "/runs#compare=%", "/play#against/%"):
        page.goto("about:blank")
        page.goto(path)
        expect(page.locator("#activity")).to_be_visible()


def test_trials_of_an_active_study_start_without_a_toast(page: Page, monitor: PageMonitor) -> None:
    monitor.allow_error_responses()
    page.goto("/")
    runs = [{"name": "own", "is_alive": True, "state": "running", "checkpoints": []}]
    page.route("**/api/runs", lambda route: route.fulfill(json=runs))
    page.route("**/api/studies", lambda route: route.fulfill(json=[{"name": "rates", "is_alive": True}]))
    page.evaluate(
        f"""async () => {{
            const {{ App }} = await import("/static/live/app.js");
            window.app = new App({NO_SOCKET});
            await window.app.refresh();
        }}"""
    )
    runs.extend(
        {"name": name, "is_alive": True, "state": "running", "checkpoints": []} for name in ("rates-0007", "mine-0007")
    )
    page.evaluate("window.app.refresh()")
    started = page.locator("#toasts .toast")
    expect(started).to_have_text(re.compile("^mine-0007 has been started.Watch"))
    runs[:0] = [{"name": name, "is_alive": True, "state": "running", "checkpoints": []} for name in ("second", "first")]
    page.evaluate("window.app.refresh()")
    expect(started).to_have_text(re.compile("^second, first have been started.Watch second"))


def test_controls_show_training_time_and_requested_speed(page: Page) -> None:
    page.goto("/")
    show = """async () => {
        const { Controls } = await import("/static/live/controls.js");
        const control = { mode: "every-move", pieces_per_second: 10 };
        const view = { kind: "run", state: "running", step: 200_000, total_steps: 1_000_000, seconds: 40 };
        const app = { view, control, setControl: (next) => Object.assign(control, next), command: async () => true };
        const controls = new Controls(document.querySelector("#content"), app, {});
        controls.show();
        controls.changeSpeed(1);
        controls.show();  // as after the next progress event
        const speed = document.querySelector("#speed-value").textContent;
        view.state = "finished";
        controls.show();
        return [speed, document.querySelector("#notice-text").textContent];
    }"""
    assert page.evaluate(show) == ["18", "200,000 steps in 40 s"]

    status = """async () => {
        const { showStatus } = await import("/static/live/status.js");
        const view = { kind: "run", title: "a", state: "running", message: "Evaluating the last weights." };
        const progress = { step: 9, total_steps: 9, steps_per_second: 5, seconds: 40, evaluated_seconds: 2 };
        showStatus({ connection: "open", runs: [], view, progress: { ...progress, seconds_left: null } });
        const ended = document.querySelector("#status-text").textContent;
        showStatus({ connection: "open", runs: null, view: null, progress: null });
        return [ended, document.querySelector("#status-word").textContent];
    }"""
    assert page.evaluate(status) == ["Evaluating the last weights", "Loading"]

    follow = """async (boards) => {
        const { DemoGames } = await import("/static/live/demo.js");
        const games = new DemoGames(document.querySelector("#demo-games"));
        for (const [game, lines_game, is_over, games_ended] of boards) {
            games.follow({ game, lines_game, pieces_game: 9, score_game: 8, is_over, games_ended });
        }
        const rows = [...document.querySelectorAll("#demo-games tbody tr")].map((row) => row.textContent);
        return [games.totals, rows];
    }"""
    boards = [[1, 7, False, 0], [2, 0, False, 0], [2, 5, True, 1], [2, 5, True, 1], [3, 1, False, 1]]
    assert page.evaluate(follow, boards) == [{"best": 7, "games": 1}, ["2598"]], "the first game did not end"


def test_watched_run_plays_on_after_its_end(page: Page, dashboard: Dashboard, photograph: Callable[..., None]) -> None:
    settings = {
        "total_timesteps": 2_000, "evaluate_every": 1_000, "evaluation_games": 2, "evaluation_pieces": 50,
        "harder_games": 6,
    }  # fmt: skip
    dashboard.start_run("short", mode="every-move", **settings)  # which does not end before the pause
    dashboard.command("short", "pause")
    open_run(page, "short")
    expect_state(page, "Paused")
    details = page.context.new_page()
    details.goto("/runs/short")
    expect(details.locator("#run-state")).to_contain_text("Paused")
    dashboard.command("short", "mode", mode="live")
    dashboard.command("short", "resume")
    expect(page.locator("#run-name")).to_have_text("Demo: short", timeout=4 * PATIENCE_MS)
    expect(page.locator("#notice-title")).to_have_text("short finished.")
    expect(page.get_by_role("link", name="Details")).to_have_attribute("href", re.compile("runs/short$"))
    expect(details.locator("#about")).to_contain_text("Started fromthe pageEquivalent commandtetrarium train --preset")
    expect(page.locator("#notice-text")).to_contain_text(re.compile(r"2,000 steps in .* · survival \d of 2 games"))
    next_board(page)
    photograph(page, "end-card")
    expect(details.locator("#evaluations tbody tr")).to_contain_text(["2,000", "1,000"])
    harder = details.locator("#evaluations tbody tr").first.locator("td").last.inner_text()
    expect(page.locator(".main-chart output")).to_contain_text(f"harder game {harder}")
    details.close()

    page.get_by_role("button", name="Demo", exact=True).click()
    expect(page.locator("input[value='short']")).to_be_checked()
    page.keyboard.press("Escape")
    with page.expect_download() as download:
        page.get_by_role("button", name="Share GIF").click()
    assert download.value.suggested_filename.startswith("short")
    page.get_by_role("button", name="Train longer").click()
    expect(page.locator("#notice-text")).to_contain_text(
        "4,000 steps in ", timeout=4 * PATIENCE_MS
    )  # the same run, twice as long
    page.get_by_role("link", name="Play against it").click()
    expect(page.locator("#opponent")).to_have_value(re.compile("^short"))
