"""A demo on the page: a controller plays in a worker of its own, without learning."""

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.dashboard.page.stage import Dashboard, wait_until
from tests.dashboard.page.watching import Watcher, expect_state, next_board, pass_frames


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


NOBODY = "Object.assign(new EventTarget(), { watch() {}, state: 'open' })"  # in place of a link


def test_a_demo_of_a_run_is_not_the_demo_of_its_best(page: Page) -> None:
    page.goto("/")
    best = {"id": "a", "what": "run-1@best", "is_alive": True, "seats": []}
    asked: list[Any] = []

    def answer(route: Route) -> None:
        if route.request.method == "POST":
            asked.append(route.request.post_data_json["what"])
        route.fulfill(json={**best, "id": "b"} if route.request.method == "POST" else [best])

    page.route("**/api/players", answer)
    play = f"""async () => {{
        const {{ App }} = await import("/static/live/app.js");
        const app = new App({NOBODY});
        await app.refresh();
        await app.play("run-1@best");
        const first = app.target.name;
        await app.play("run-1");
        return [first, app.target.name];
    }}"""
    assert page.evaluate(play) == ["a", "b"]
    assert asked == ["run-1"]


def test_trials_of_a_study_under_way_come_without_a_word(page: Page, watcher: Watcher) -> None:
    watcher.forgive_refusals()
    page.goto("/")
    runs = [{"name": "own", "is_alive": True, "state": "running"}]
    page.route("**/api/runs", lambda route: route.fulfill(json=runs))
    page.route("**/api/studies", lambda route: route.fulfill(json=[{"name": "rates", "is_alive": True}]))
    page.evaluate(
        f"""async () => {{
            const {{ App }} = await import("/static/live/app.js");
            window.app = new App({NOBODY});
            await window.app.refresh();
        }}"""
    )
    runs.extend({"name": name, "is_alive": True, "state": "running"} for name in ("rates-0007", "mine-0007"))
    page.evaluate("window.app.refresh()")
    begun = page.locator("#toasts .toast").filter(has_text="has been started")
    expect(begun).to_have_text([re.compile("^mine-0007")])


def test_controls_tell_what_was_done_and_asked_for(page: Page) -> None:
    page.goto("/")
    show = """async () => {
        const { Controls } = await import("/static/live/controls.js");
        const control = { mode: "every-move", pieces_per_second: 10 };
        const view = { kind: "run", state: "running", step: 200_000, total_steps: 1_000_000, seconds: 40 };
        const app = { view, control, setControl: (asked) => Object.assign(control, asked), command: async () => true };
        const controls = new Controls(app);
        controls.show();
        controls.changeSpeed(1);
        controls.show();  // as the next progress does
        const speed = document.querySelector("#speed-value").textContent;
        view.state = "finished";
        controls.show();
        return [speed, document.querySelector("#notice-text").textContent];
    }"""
    assert page.evaluate(show) == ["18", "200,000 steps in 40 s."]

    follow = """async (boards) => {
        const { DemoGames } = await import("/static/live/demo.js");
        const games = new DemoGames();
        for (const [game, lines_game, is_over, games_ended] of boards) {
            games.follow({ game, lines_game, pieces_game: 9, score_game: 8, is_over, games_ended });
        }
        const rows = [...document.querySelectorAll("#demo-games tbody tr")].map((row) => row.textContent);
        return [games.totals, rows];
    }"""
    boards = [[1, 7, False, 0], [2, 0, False, 0], [2, 5, True, 1], [2, 5, True, 1], [3, 1, False, 1]]
    assert page.evaluate(follow, boards) == [{"best": 7, "games": 1}, ["2598"]], "the first one was given up"
