"""The pages of studies: begun by keyboard alone, followed, stopped, and told for everybody."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.page.looks import WIDTHS, violations
from tests.dashboard.page.stage import Dashboard, wait_until
from tests.dashboard.page.watching import Watcher, pass_frames
from tests.tuning.made import complete, study
from tetrarium.tuning.storage import Storage, Trials

LINES = [412, 388, 96, 800, 655, 720, 540, 12, 799, 610, 233, 777]


@pytest.fixture(scope="module")
def told(dashboard: Dashboard) -> str:
    """A study of twelve trials, one that failed, and seven to come."""
    ranges = ("learning_rate=1e-4..1e-2:log", "gamma=0.7..0.98", "n_steps=1,2,3,5", "double_q=true,false")
    asked = study("rates", ranges=ranges, sampler="random", n_trials=20)
    complete(dashboard.home, asked, [float(value) for value in LINES], n_runs=4)
    trials = Trials(Storage(dashboard.home), asked)
    failed = trials.add(trials.draw())
    note = "The loss is not finite at step 1,000; checkpoints from before it are kept."
    trials.tell(failed, "fail", about={"note": note, "step": 1_000, "seconds": 9.0})
    return "rates"


@pytest.mark.parametrize("width", WIDTHS)
def test_rules_of_accessibility_hold_and_nothing_is_cut_off(page: Page, told: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/tuning")
    expect(page.get_by_role("link", name=told)).to_be_visible()
    assert broken_rules(page) == []
    page.keyboard.press("n")
    for setting in ("gamma", "activation", "net_arch"):
        page.get_by_label("vary another setting").select_option([setting])
    assert broken_rules(page) == []
    page.goto(f"/tuning/{told}")
    expect(page.locator("#trials tbody tr")).to_have_count(13)
    assert broken_rules(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def broken_rules(page: Page) -> list[str]:
    """What axe finds, dark and light."""
    found = []
    for theme in ("dark", "light"):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        found += violations(page)
    return found


def test_a_study_is_told(page: Page, dashboard: Dashboard, told: str, photograph: Callable[..., None]) -> None:
    page.goto("/tuning")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name=told))
    expect(row).to_contain_text("13 of 20")
    expect(row).to_contain_text("learning rate, gamma, n steps, double q")
    row.evaluate("row => (row.dataset.same = 'yes')")
    news = dashboard.root / "players" / "news"
    with page.expect_response("**/api/studies"):
        news.mkdir(parents=True)
    news.rmdir()
    pass_frames(page, 5)
    expect(row).to_have_attribute("data-same", "yes")  # what is pressed while it is read again stays
    photograph(page, "tuning-list")
    page.get_by_role("link", name=told).click()
    expect(page.get_by_role("heading", name="rates")).to_be_visible()
    expect(page.locator("#study-counts")).to_have_text("13 of 20 trials · 1 failed")
    expect(page.locator("#best")).to_contain_text("800 lines a game · rates-0004")
    expect(page.locator("#best-command")).to_contain_text("tetrarium train --preset default --set total_timesteps=1200")
    expect(page.locator("#importances li")).to_have_count(4)
    expect(page.locator("#importances-words")).to_contain_text("Estimated by PED-ANOVA from 12 trials")
    expect(page.locator(".scatter")).to_have_count(4)
    expect(page.locator(".trial-dot")).to_have_count(4 * 12)
    first = page.locator("#trials tbody tr").first
    expect(first).to_contain_text("rates-0004")
    expect(first.get_by_role("link")).to_have_attribute("href", "/runs/rates-0004")
    page.locator('#trials tr[data-trial="9"]').hover()
    expect(page.locator(".trial-dot.pointed")).to_have_count(4)
    page.get_by_role("button", name="Trial", exact=True).click()
    expect(first).to_contain_text("rates-0001")
    expect(page.locator('#trials th[aria-sort="ascending"]')).to_have_text("Trial")
    expect(page.locator('#trials tr[data-trial="13"] td span[title]').first).to_be_visible()
    photograph(page, "tuning-study")


def test_one_that_is_not_there_is_told(page: Page, watcher: Watcher) -> None:
    watcher.forgive_refusals()
    page.goto("/tuning/nothing")
    expect(page.locator("#study-missing")).to_contain_text("There is no study nothing.")
    expect(page.get_by_role("link", name="All studies", exact=True)).to_be_visible()
    page.goto("/tuning/%C3")
    expect(page.get_by_role("heading", name="%C3")).to_be_visible()
    expect(page.get_by_role("link", name="All studies", exact=True)).to_be_visible()


def test_a_study_is_begun_and_steered_by_keyboard_alone(
    page: Page, dashboard: Dashboard, watcher: Watcher, photograph: Callable[..., None]
) -> None:
    watcher.forgive_refusals()
    page.goto("/tuning")
    expect(page.locator("#studies-count")).not_to_have_text("Reading the studies…")
    page.keyboard.press("n")
    expect(page.get_by_label("name", exact=True)).to_be_focused()
    page.keyboard.type("by-hand")
    for label, text in (("from", "0.00001"), ("to", "20")):
        page.get_by_label(label, exact=True).focus()
        page.keyboard.press("Control+A")
        page.keyboard.type(text)
    for label, text in (("how many", "2"), ("total timesteps", "1000000000"), ("evaluate every", "1000000")):
        page.get_by_label(label).focus()
        page.keyboard.press("Control+A")
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    refused = page.locator("#vary-learning_rate-error")
    expect(refused).to_have_text("learning_rate is a number from 1e-12 to 10.0; got 20. Choose one in that range.")
    photograph(page, "tuning-form")
    page.get_by_label("to", exact=True).focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("0.01")
    page.keyboard.press("Enter")
    page.wait_for_url("**/tuning/by-hand")
    expect(page.locator("#trials tbody tr")).to_have_count(1)
    expect(page.locator("#trials tbody tr").first).to_contain_text("by-hand-0001")
    expect(page.locator("#trials tbody tr .study-state")).to_have_text("Running")
    page.get_by_role("button", name="Pause").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#status-word")).to_have_text("Paused")
    wait_until(lambda: dashboard.view("by-hand-0001").state == "paused", "the trial to pause")
    page.get_by_role("button", name="Stop").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    expect(page.locator("#study-message")).to_have_text("Stopped; 2 trials are left. Nothing is lost.")
    assert dashboard.view("by-hand-0001").state == "stopped"
