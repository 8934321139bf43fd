"""A run on the page: started, watched in each display mode, paused, stopped and resumed."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.page.conftest import PATIENCE_MS, TIMEOUT_S
from tests.dashboard.page.page_helpers import PageMonitor, expect_state, next_board, open_run, pass_frames
from tests.dashboard.page.served_dashboard import ENDLESS, Dashboard, wait_until
from tests.torture.processes import train
from tests.torture.run_results import assert_same, result_of


@pytest.fixture(scope="module")
def endless_run(dashboard: Dashboard) -> str:
    dashboard.start_run("endless")
    return "endless"


@pytest.fixture
def endless(dashboard: Dashboard, endless_run: str) -> Iterator[str]:
    """A run that trains during a test and takes no processor time between tests."""
    dashboard.command(endless_run, "resume")
    yield endless_run
    dashboard.command(endless_run, "pause")


def test_run_starts_with_one_button_and_is_watched(
    page: Page, dashboard: Dashboard, photograph: Callable[..., None]
) -> None:
    page.goto("/")
    expect(page.locator("#notice-title")).to_have_text("Nothing has been trained yet.")
    expect(page.locator("#run-name")).to_have_text("Demo: champion")
    photograph(page, "no-runs")
    page.get_by_role("button", name="Start training").click()
    expect(page.locator("#run-name")).to_have_text("run-1")
    expect_state(page, "Running")
    assert next_board(page)["step"] >= 0
    expect(page.locator("#run-facts")).to_contain_text("preset default · dqn · seed 1 · 400,000 steps")
    dashboard.command("run-1", "stop")
    page.get_by_role("button", name="New run").click()
    page.locator("#set-training-total_timesteps").fill("1000000000")
    page.locator("#start-run").click()
    expect(page.locator("#run-name")).to_have_text("run-2")
    expect_state(page, "Running")
    expect(page.locator("#new-run-panel")).to_be_hidden()  # until then the key would press its button
    page.keyboard.press("Space")  # which does not open the panel again
    expect_state(page, "Paused")
    dashboard.command("run-2", "stop")


def test_boards_and_curves_follow_the_run(
    page: Page, dashboard: Dashboard, endless: str, photograph: Callable[..., None]
) -> None:
    open_run(page, endless)
    expect_state(page, "Running")
    first = next_board(page)
    wait_until(lambda: next_board(page)["step"] > first["step"], "a later board")
    expect(page.locator("#status-text")).to_have_text(re.compile(r"^\d.* · [\d,]+ steps/s · .* left$"))
    expect(page.locator("#main-chart canvas")).to_have_attribute("aria-valuetext", re.compile(r"^mean \d"))
    expect(page.locator("#pieces")).to_have_text(re.compile(r"^[\d,]+$"))
    wait_until(lambda: dashboard.step(endless) > 6_000, "some rows of progress")
    page.reload()
    expect_state(page, "Running")
    curve = page.locator("#main-chart canvas")
    curve.focus()

    def starts_with_the_run() -> bool:
        page.keyboard.press("Home")  # to the first row that is there by now
        return curve.get_attribute("aria-valuenow") == "2000"

    wait_until(starts_with_the_run, "the curve from its first row")
    photograph(page, "running")


def test_evaluation_appears_when_it_is_measured(page: Page, dashboard: Dashboard) -> None:
    dashboard.start_run("measured", evaluate_every=2_000, evaluation_games=2, evaluation_pieces=50, harder_games=6)
    open_run(page, "measured")
    details = page.context.new_page()
    details.goto("/runs/measured")
    newest = details.locator("#evaluations tbody tr").first
    expect(newest.locator("td").first).to_have_text(re.compile(r"^\d"), timeout=4 * PATIENCE_MS)
    dashboard.command("measured", "speed", pieces_per_second=1)
    dashboard.command("measured", "mode", mode="every-move")  # so that it takes minutes until a result is recorded

    def is_ahead() -> bool:
        shown = int(re.sub(r"\D", "", newest.locator("td").first.inner_text()))
        return shown not in [row["step"] for row in dashboard.call("GET", "/runs/measured/evaluations")]

    wait_until(is_ahead, "a result that is not recorded yet")
    harder = newest.locator("td").last.inner_text()
    expect(page.locator(".main-chart output")).to_contain_text(f"harder game {harder}")
    details.close()
    dashboard.command("measured", "stop")


def test_paused_run_makes_no_steps_and_resumes(
    page: Page, dashboard: Dashboard, endless: str, photograph: Callable[..., None]
) -> None:
    open_run(page, endless)
    expect_state(page, "Running")
    page.get_by_role("button", name="Pause").click()
    expect_state(page, "Paused")
    expect(page.locator("#toasts")).to_contain_text(re.compile(r"Paused at step [\d,]+\. Nothing is lost\."))
    step = dashboard.step(endless)
    pass_frames(page, 60)
    assert dashboard.step(endless) == step
    photograph(page, "paused")
    page.get_by_role("button", name="Resume").click()
    expect_state(page, "Running")
    wait_until(lambda: dashboard.step(endless) > step, "further steps")


def test_display_is_turned_off_and_on(
    page: Page, dashboard: Dashboard, endless: str, photograph: Callable[..., None]
) -> None:
    open_run(page, endless)
    next_board(page)
    page.get_by_role("radio", name="No display").check()
    expect(page.locator("#board-message strong")).to_have_text("No display")
    wait_until(lambda: dashboard.status(endless).get("mode") == "no-display", "the worker to show nothing")
    expect(page.locator("#board-message p")).to_contain_text(
        re.compile(r"^The run trains at full speed\. (Its latest checkpoint|The built-in champion) plays meanwhile\.$")
    )
    photograph(page, "no-display")
    next_board(page)
    details = page.context.new_page()
    details.route("**/replays", lambda route: route.fulfill(json=[]))
    details.goto(f"/runs/{endless}")
    expect(details.locator("#preview")).to_have_text(
        re.compile(f"^Training without display; ({endless}|champion) plays meanwhile\\.$")
    )
    details.close()
    page.get_by_role("button", name="Show it live").click()
    expect(page.locator("#board-message")).to_be_hidden()
    assert next_board(page)["step"] > 0


def test_slider_sets_the_speed_of_every_move_mode(
    page: Page, dashboard: Dashboard, endless: str, photograph: Callable[..., None]
) -> None:
    open_run(page, endless)
    expect_state(page, "Running")
    expect(page.locator("#speed")).to_be_disabled()
    page.get_by_role("radio", name="Every move").check()
    expect(page.locator("#speed")).to_be_enabled()
    page.locator("#speed").fill("0")
    expect(page.locator("#speed-value")).to_have_text("1")
    wait_until(lambda: dashboard.status(endless).get("pieces_per_second") == 1, "one piece per second")
    next_board(page)
    one = next_board(page)["step"]
    assert next_board(page)["step"] == one + ENDLESS["n_envs"]
    photograph(page, "every-move")
    page.locator("#speed").focus()
    page.keyboard.press("End")
    expect(page.locator("#speed")).to_have_attribute("aria-valuetext", "1,000 pieces per second")
    wait_until(lambda: dashboard.status(endless).get("pieces_per_second") == 1000, "1,000 pieces per second")
    page.keyboard.press(" ")  # pauses the run and does not move the slider
    expect_state(page, "Paused")
    page.keyboard.press(" ")
    expect_state(page, "Running")
    for key in ("1", "3", "1", "2"):  # faster than the server answers: the last one counts
        page.keyboard.press(key)
    expect(page.locator("#speed")).to_be_disabled()
    wait_until(lambda: dashboard.status(endless).get("mode") == "live", "the last of four requests")
    expect(page.get_by_role("radio", name="Live")).to_be_checked()
    next_board(page)


def test_action_values_are_shown(page: Page, endless: str, photograph: Callable[..., None]) -> None:
    open_run(page, endless)
    expect(page.locator("#action-values")).not_to_be_visible()
    page.get_by_text("Show action values").click()
    expect(page.locator("#action-values-count")).to_have_text(re.compile(r"^of \d+ placements$"))
    values = [
        float(text.replace("\N{MINUS SIGN}", "-").replace(",", ""))
        for text in page.locator("#action-values .value").all_inner_texts()
    ]
    assert values == sorted(values, reverse=True) and len(values) == 3
    photograph(page, "action-values")
    page.reload()
    expect(page.locator("#show-action-values")).to_be_checked()


def test_checkpoint_is_saved_on_request(page: Page, dashboard: Dashboard, endless: str) -> None:
    open_run(page, endless)
    expect_state(page, "Running")
    page.get_by_role("button", name="Pause").click()
    expect_state(page, "Paused")
    page.get_by_role("button", name="Save checkpoint").click()
    expect(page.locator("#toasts")).to_contain_text("heckpoint")
    step = dashboard.step(endless)
    wait_until(lambda: step in dashboard.view(endless).checkpoints, f"a checkpoint of step {step}")
    page.get_by_role("button", name="Resume").click()
    expect_state(page, "Running")


def test_stopped_run_can_be_resumed(page: Page, dashboard: Dashboard, photograph: Callable[..., None]) -> None:
    dashboard.start_run("halting")
    open_run(page, "halting")
    expect_state(page, "Running")
    page.get_by_role("button", name="Stop").click()
    expect_state(page, "Stopped")
    expect(page.locator("#notice-title")).to_have_text(re.compile(r"^Stopped at step [\d,]+\.$"))
    photograph(page, "stopped")
    stopped_at = dashboard.view("halting").step
    assert stopped_at > 0
    page.locator("#notice").get_by_role("button", name="Resume").click()
    expect_state(page, "Running")
    wait_until(lambda: dashboard.step("halting") > stopped_at, "steps beyond the stop")
    dashboard.command("halting", "stop")


PAGES = (
    "/", "/runs", "/runs/steered", "/runs/nobody", "/models", "/models/champion", "/play", "/games", "/games/position",
    "/tuning", "/nowhere",
)  # fmt: skip


def test_run_is_controlled_from_the_list_and_branched_from_a_checkpoint(
    page: Page, dashboard: Dashboard, monitor: PageMonitor, photograph: Callable[..., None]
) -> None:
    dashboard.start_run("steered")
    wait_until(lambda: len(dashboard.view("steered").checkpoints) == 2, "two checkpoints")
    page.goto("/runs")
    state = page.locator("tr[data-name=steered] .column-state")
    expect(state).to_have_text("Running")
    expect(page.locator("#activity")).to_have_text(re.compile("running"))
    page.get_by_role("button", name="Pause steered").click()
    expect(state).to_have_text("Paused")
    dashboard.call("POST", "/demos", {"agent": "du"})
    for path in PAGES:
        page.goto(path)
        expect(page.locator("#activity")).to_have_text(re.compile(r"\d+ paused · (demo|\d+ demos) playing$"))
    for demo in dashboard.call("GET", "/demos"):
        dashboard.call("DELETE", f"/demos/{demo['id']}")
    expect(page.locator("#activity")).to_have_text(re.compile(r"\d+ paused$"))
    page.goto("/runs")
    photograph(page, "runs-active")
    page.get_by_role("button", name="Resume steered").click()
    expect(state).to_have_text("Running")
    page.get_by_role("button", name="Stop steered").click()
    expect(state).to_have_text("Stopped")
    page.get_by_role("link", name="steered", exact=True).click()
    earlier = page.locator("#checkpoints li").last
    step = min(dashboard.view("steered").checkpoints)
    expect(earlier).to_contain_text(f"Step {step:,}")
    expect(page.locator("#checkpoints li").first.get_by_role("button")).to_have_text("Resume")
    earlier.get_by_role("button", name="Branch").click()
    name = page.get_by_label("Name of the new run")
    expect(name).to_have_value(f"steered-at-{step}")
    monitor.allow_error_responses()
    name.fill("steered")
    page.keyboard.press("Enter")
    expect(page.locator("#question-error")).to_contain_text("The name 'steered' is taken.")
    name.fill("onward")
    photograph(page, "branch")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="onward")).to_be_visible()
    expect(page.locator("#about")).to_contain_text(f"steered@{step}")
    expect(page.locator("#run-state")).to_have_text("Running")
    wait_until(lambda: dashboard.step("onward") > step, "steps beyond the checkpoint")
    page.get_by_role("button", name="Stop onward").click()
    expect(page.locator("#run-state")).to_have_text("Stopped")
    assert dashboard.view("steered").state == "stopped"
    page.get_by_role("link", name="Start again").click()
    expect(page.locator("#run-start")).to_have_value(f"steered@{step}")
    page.locator("#run-start").fill("nobody")
    page.locator("#start-run").click()
    expect(page.locator("#run-start-error")).to_contain_text("Unknown agent 'nobody'.")


@pytest.mark.oracle
@pytest.mark.timeout(TIMEOUT_S)
def test_watching_does_not_change_training(page: Page, dashboard: Dashboard) -> None:
    settings = {
        "total_timesteps": 20_000, "checkpoint_every": 5_000, "evaluate_every": 7_500, "evaluation_games": 2,
        "evaluation_pieces": 50,
    }  # fmt: skip
    dashboard.start_run("alone", mode="no-display", **settings)
    wait_until(lambda: dashboard.view("alone").state == "finished", "the run without viewers")
    page.goto("/")
    dashboard.call(
        "POST", "/runs", {"name": "watched", "settings": ENDLESS | settings, "seed": 3, "mode": "every-move"}
    )
    open_run(page, "watched")
    next_board(page)
    page.keyboard.press("t")
    next_board(page)
    page.locator("#speed").fill("300")
    next_board(page)
    page.keyboard.press(" ")
    wait_until(lambda: dashboard.view("watched").state == "paused", "the pause")
    page.keyboard.press("2")
    page.get_by_role("button", name="Resume").click()
    page.keyboard.press("1")
    expect(page.locator("#notice-title")).to_have_text("watched finished.")
    assert_same(result_of(dashboard.root, "watched"), result_of(dashboard.root, "alone"))


def test_run_started_in_a_terminal_appears(page: Page, dashboard: Dashboard, endless: str) -> None:
    open_run(page, endless)
    expect_state(page, "Running")
    process = train(dashboard.root, "typed", total_timesteps=400)
    expect(page.locator("#toasts")).to_contain_text("typed has been started.")
    page.get_by_role("button", name="Watch", exact=True).click()
    expect(page.locator("#run-name")).to_have_text(re.compile("^(Demo: )?typed$"))  # it plays on after its end
    process.communicate()
    assert process.returncode == 0
    page.locator("#run-picker").click()
    expect(page.locator("#run-menu")).to_contain_text("typed")
    page.locator("#run-menu").get_by_text(endless, exact=True).click()
    expect(page.locator("#run-name")).to_have_text(endless)
