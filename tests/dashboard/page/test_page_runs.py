"""A run on the page: started, watched, paused, shown in every way, stopped, and gone on with."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.page.conftest import TIMEOUT_S
from tests.dashboard.page.stage import ENDLESS, Dashboard, wait_until
from tests.dashboard.page.watching import Watcher, expect_state, next_board, open_run, pass_frames
from tests.torture.ends import assert_same, end_of
from tests.torture.processes import spawn, training


@pytest.fixture(scope="module")
def endless(dashboard: Dashboard) -> str:
    dashboard.start_run("endless")
    return "endless"


def test_a_run_starts_with_one_button_and_is_watched_at_once(
    page: Page, dashboard: Dashboard, photograph: Callable[..., None]
) -> None:
    page.goto("/")
    expect(page.locator("#notice-title")).to_have_text("Nothing has been trained yet.")
    expect_state(page, "Nothing runs")
    photograph(page, "no-runs")
    page.get_by_role("button", name="Start training").click()
    expect(page.locator("#run-name")).to_have_text("run-1")
    expect_state(page, "Running")
    assert next_board(page)["step"] >= 0
    expect(page.locator("#run-facts")).to_contain_text("preset default · dqn · seed 1 · 400,000 steps")
    dashboard.command("run-1", "stop")


def test_boards_and_curves_follow_the_run(
    page: Page, dashboard: Dashboard, endless: str, photograph: Callable[..., None]
) -> None:
    open_run(page, endless)
    expect_state(page, "Running")
    first = next_board(page)
    wait_until(lambda: next_board(page)["step"] > first["step"], "a later board")
    expect(page.locator("#status-text")).to_have_text(re.compile(r"^\d.* · [\d,]+ steps/s · .* left$"))
    expect(page.locator("#story canvas")).to_have_attribute("aria-valuetext", re.compile(r"^mean \d"))
    expect(page.locator("#pieces")).to_have_text(re.compile(r"^[\d,]+$"))
    wait_until(lambda: dashboard.step(endless) > 6_000, "some rows of progress")
    page.reload()
    expect_state(page, "Running")
    curve = page.locator("#story canvas")
    curve.focus()

    def begins_with_the_run() -> bool:
        page.keyboard.press("Home")  # to the first row that is there by now
        return curve.get_attribute("aria-valuenow") == "2000"

    wait_until(begins_with_the_run, "the course from its beginning")
    photograph(page, "running")


def test_a_paused_run_makes_no_step_and_goes_on(
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


def test_headless_draws_nothing_and_live_draws_again(
    page: Page, dashboard: Dashboard, endless: str, photograph: Callable[..., None]
) -> None:
    open_run(page, endless)
    next_board(page)
    page.get_by_role("radio", name="Headless").check()
    expect(page.locator("#board-message strong")).to_have_text("Headless")
    wait_until(lambda: dashboard.status(endless).get("mode") == "headless", "the worker to be headless")
    photograph(page, "headless")
    page.get_by_role("button", name="Show it live").click()
    expect(page.locator("#board-message")).to_be_hidden()
    next_board(page)


def test_every_move_is_paced_by_the_slider(
    page: Page, dashboard: Dashboard, endless: str, photograph: Callable[..., None]
) -> None:
    open_run(page, endless)
    expect_state(page, "Running")
    expect(page.locator("#speed")).to_be_disabled()
    page.get_by_role("radio", name="Every move").check()
    expect(page.locator("#speed")).to_be_enabled()
    page.locator("#speed").fill("0")
    expect(page.locator("#speed-value")).to_have_text("1")
    wait_until(lambda: dashboard.status(endless).get("pieces_per_second") == 1, "one piece a second")
    next_board(page)
    one = next_board(page)["step"]
    assert next_board(page)["step"] == one + ENDLESS["n_envs"]
    photograph(page, "every-move")
    page.locator("#speed").focus()
    page.keyboard.press("End")
    expect(page.locator("#speed")).to_have_attribute("aria-valuetext", "1,000 pieces a second")
    wait_until(lambda: dashboard.status(endless).get("pieces_per_second") == 1000, "1,000 pieces a second")
    page.keyboard.press(" ")  # acts on the slider's page, not on the slider
    expect_state(page, "Paused")
    page.keyboard.press(" ")
    expect_state(page, "Running")
    for key in ("1", "3", "1", "2"):  # quicker than the server answers: the last one counts
        page.keyboard.press(key)
    expect(page.locator("#speed")).to_be_disabled()
    wait_until(lambda: dashboard.status(endless).get("mode") == "live", "the last of four wishes")
    expect(page.get_by_role("radio", name="Live")).to_be_checked()
    next_board(page)


def test_what_it_thinks_is_values_of_all_placements(page: Page, endless: str, photograph: Callable[..., None]) -> None:
    open_run(page, endless)
    expect(page.locator("#thoughts")).not_to_be_visible()
    page.get_by_text("What it thinks").click()
    expect(page.locator("#thoughts-count")).to_have_text(re.compile(r"^of \d+ placements$"))
    values = [
        float(text.replace("\N{MINUS SIGN}", "-").replace(",", ""))
        for text in page.locator("#thoughts .value").all_inner_texts()
    ]
    assert values == sorted(values, reverse=True) and len(values) == 3
    photograph(page, "thoughts")
    page.reload()
    expect(page.locator("#thinks")).to_be_checked()


def test_a_checkpoint_is_saved_at_once(page: Page, dashboard: Dashboard, endless: str) -> None:
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


def test_a_stopped_run_offers_to_go_on(page: Page, dashboard: Dashboard, photograph: Callable[..., None]) -> None:
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


def test_a_run_is_steered_from_the_list_and_goes_on_from_any_checkpoint(
    page: Page, dashboard: Dashboard, watcher: Watcher, photograph: Callable[..., None]
) -> None:
    dashboard.start_run("steered")
    wait_until(lambda: len(dashboard.view("steered").checkpoints) == 2, "two checkpoints")
    page.goto("/runs")
    state = page.locator("tr[data-name=steered] .column-state")
    expect(state).to_have_text("Running")
    expect(page.locator("#status-word")).to_have_text(re.compile("under way$"))
    page.get_by_role("button", name="Pause steered").click()
    expect(state).to_have_text("Paused")
    photograph(page, "runs-under-way")
    page.get_by_role("button", name="Resume steered").click()
    expect(state).to_have_text("Running")
    page.get_by_role("button", name="Stop steered").click()
    expect(state).to_have_text("Stopped")
    page.get_by_role("link", name="steered", exact=True).click()
    earlier = page.locator("#checkpoints li").last
    step = min(dashboard.view("steered").checkpoints)
    expect(earlier).to_contain_text(f"Step {step:,}")
    expect(page.locator("#checkpoints li").first.get_by_role("button")).to_have_text("Resume")
    earlier.get_by_role("button", name="Resume as new run").click()
    name = page.get_by_label("Name of the new run")
    expect(name).to_have_value(f"steered-at-{step}")
    watcher.forgive_refusals()
    name.fill("steered")
    page.keyboard.press("Enter")
    expect(page.locator("#branch-error")).to_contain_text("A new run needs a new name, and 'steered' is taken.")
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


@pytest.mark.oracle
@pytest.mark.timeout(TIMEOUT_S)
def test_watching_changes_nothing_that_is_learnt(page: Page, dashboard: Dashboard) -> None:
    settings = {
        "total_timesteps": 20_000, "checkpoint_every": 5_000, "evaluate_every": 7_500, "evaluation_games": 2,
        "evaluation_pieces": 50,
    }  # fmt: skip
    dashboard.start_run("alone", mode="headless", **settings)
    wait_until(lambda: dashboard.view("alone").state == "finished", "the run that nobody watches")
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
    expect(page.locator("#notice-title")).to_have_text("Finished.")
    assert_same(end_of(dashboard.root, "watched"), end_of(dashboard.root, "alone"))


def test_a_run_of_a_terminal_appears_by_itself(page: Page, dashboard: Dashboard, endless: str) -> None:
    open_run(page, endless)
    expect_state(page, "Running")
    process = spawn(*training(dashboard.root, "typed", total_timesteps=400))
    expect(page.locator("#toasts")).to_contain_text("typed has been started.")
    page.get_by_role("button", name="Watch", exact=True).click()
    expect(page.locator("#run-name")).to_have_text("typed")
    process.communicate()
    assert process.returncode == 0
    expect_state(page, "Finished")
    page.locator("#run-picker").click()
    expect(page.locator("#run-menu")).to_contain_text("typed")
    page.locator("#run-menu").get_by_text(endless, exact=True).click()
    expect(page.locator("#run-name")).to_have_text(endless)
