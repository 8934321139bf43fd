"""The pages of studies: started, followed and stopped by keyboard, and shown with their results."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.page.page_checks import EACH_WIDTH_AND_THEME, WIDTHS, violations
from tests.dashboard.page.page_helpers import PageMonitor, pass_frames
from tests.dashboard.page.served_dashboard import Dashboard, wait_until
from tests.tuning.studies import complete, study
from tetrarium.tuning.search_space import Range, variable_settings

_PROPOSALS = """async () => {
    const { RangeRow } = await import("/static/tuning/range-row.js");
    const [options, presets] = await Promise.all(
        ["/api/studies/options", "/api/presets"].map(async (path) => (await fetch(path)).json()),
    );
    const ranges = [];
    for (const preset of presets) {
        for (const spec of options.groups.flatMap(({ fields }) => fields)) {
            const values = { ...preset.env_config, ...preset.training_config };
            const row = new RangeRow(spec, values[spec.name], () => {});
            document.body.append(row.element);
            const proposed = [row.read()];
            const listed = row.element.querySelector('[value="listed"]');
            if (listed) {
                listed.click();
                proposed.push(row.read());
            }
            row.element.remove();
            ranges.push([preset.name, spec.name, proposed]);
        }
    }
    return ranges;
}"""
LINES = [412, 388, 96, 800, 655, 720, 540, 12, 799, 610, 233, 777]


@pytest.fixture(scope="module")
def study_name(dashboard: Dashboard) -> str:
    """A study of 20 trials: twelve completed, one failed, seven left."""
    ranges = ("learning_rate=1e-4..1e-2:log", "gamma=0.7..0.98", "n_steps=1,2,3,5", "double_q=true,false")
    config = study("rates", ranges=ranges, sampler="random", n_trials=20)
    trials = complete(dashboard.home, config, [float(value) for value in LINES], n_runs=4)
    failed = trials.add(trials.sample())
    note = "The loss is not finite at step 1,000; checkpoints from before it are kept."
    trials.finish(failed, "fail", about={"note": note, "step": 1_000, "seconds": 9.0})
    return "rates"


@EACH_WIDTH_AND_THEME
def test_pages_are_accessible_and_fit_the_window(page: Page, study_name: str, width: int, theme: Any) -> None:
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/tuning")
    expect(page.get_by_role("link", name=study_name)).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("n")
    for setting in ("gamma", "activation", "net_arch"):
        page.get_by_label("vary another setting").select_option([setting])
    assert violations(page) == []
    page.goto(f"/tuning/{study_name}")
    expect(page.locator("#trials tbody tr")).to_have_count(13)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if width == max(WIDTHS):
        assert page.locator("#parallel").evaluate("plot => plot.scrollWidth <= plot.clientWidth")


def test_page_of_a_study_shows_its_results(
    page: Page, dashboard: Dashboard, study_name: str, photograph: Callable[..., None]
) -> None:
    page.goto("/tuning")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name=study_name))
    expect(row).to_contain_text("13 of 20")
    expect(row).to_contain_text("learning rate, gamma, n steps, double q")
    row.evaluate("row => (row.dataset.same = 'yes')")
    news = dashboard.root / "demos" / "news"
    with page.expect_response("**/api/studies"):
        news.mkdir(parents=True)
    news.rmdir()
    pass_frames(page, 5)
    expect(row).to_have_attribute("data-same", "yes")  # the row is not replaced when the list is reloaded
    photograph(page, "tuning-list")
    page.get_by_role("link", name=study_name).click()
    expect(page.get_by_role("heading", name="rates")).to_be_visible()
    expect(page.locator("#study-counts")).to_have_text("13 of 20 trials · 1 failed")
    expect(page.locator("#best")).to_contain_text("800 lines until the limit · rates-0004")
    expect(page.locator("#best-command")).to_contain_text("tetrarium train --preset default --set total_timesteps=1200")
    expect(page.locator("#importances li")).to_have_count(4)
    expect(page.locator("#importances-note")).to_contain_text("Estimated by PED-ANOVA from 12 trials")
    expect(page.locator("#scatters .scatter")).to_have_count(4)
    expect(page.locator(".trial-dot")).to_have_count(5 * 12)
    expect(page.locator("#parallel .trial-line")).to_have_count(12)
    expect(page.locator("#parallel .trial-line.best")).to_have_attribute("data-trial", "4")
    expect(page.locator("#parallel .axis")).to_have_count(5)
    assert page.locator("#history .record").get_attribute("d").count("V") == 11  # type: ignore[union-attr]
    first = page.locator("#trials tbody tr").first
    expect(first).to_contain_text("rates-0004")
    expect(first.get_by_role("link")).to_have_attribute("href", "/runs/rates-0004")
    page.locator('#trials tr[data-trial="9"]').hover()
    expect(page.locator(".trial-dot.pointed")).to_have_count(5)
    expect(page.locator(".trial-line.pointed")).to_have_count(1)
    assert violations(page) == []
    page.get_by_role("button", name="Delete rates-0009").click()
    page.locator("#confirm-panel").get_by_role("button", name="Delete").click()
    expect(page.locator('#trials tr[data-trial="9"]')).to_have_count(0)
    expect(page.locator("#study-counts")).to_have_text("13 of 20 trials · 1 failed · 1 deleted")
    page.get_by_role("button", name="Trial", exact=True).click()
    expect(first).to_contain_text("rates-0001")
    expect(page.locator('#trials th[aria-sort="ascending"]')).to_have_text("Trial")
    expect(page.locator('#trials tr[data-trial="13"] td span[title]').first).to_be_visible()
    photograph(page, "tuning-study")


def test_studies_are_compared(
    page: Page, dashboard: Dashboard, study_name: str, photograph: Callable[..., None]
) -> None:
    other = study("slower", ranges=("learning_rate=1e-4..1e-2:log", "batch_size=32,64"), sampler="random", n_trials=4)
    complete(dashboard.home, other, [200.0, 100.0, 640.0])
    page.goto("/tuning")
    page.get_by_label(f"Compare {study_name}").check()
    expect(page.locator("#compare-studies")).to_have_text("Select another to compare")
    expect(page.locator("#compare-studies")).to_be_disabled()
    page.get_by_label("Compare slower").check()
    page.get_by_role("button", name="Compare 2 studies").click()
    assert page.url.endswith(("#compare=slower,rates", "#compare=rates,slower"))
    steps = {
        name: page.locator(f'#compare-plots [data-study="{name}"]').get_attribute("d").count("V")  # type: ignore[union-attr]
        for name in (study_name, "slower")
    }
    assert steps["slower"] == 2, "a step for each value after the first"
    assert steps[study_name] >= 10
    row = page.locator("#compare-table tbody tr")
    expect(row.first).to_contain_text("800 rates-0004")
    expect(row.first).to_contain_text("640 slower-0003")
    expect(row.filter(has_text="batch size")).to_contain_text("not varied")
    expect(row.filter(has_text="learning rate")).to_contain_text("important")
    assert violations(page) == []
    photograph(page, "tuning-compare")
    page.reload()
    expect(page.locator("#compare-plots .of-study")).to_have_count(2)
    page.get_by_role("button", name="Clear selection").click()
    expect(page.locator("#compare")).to_be_hidden()
    assert page.url.endswith("/tuning")


def test_proposed_ranges_are_accepted(page: Page) -> None:
    page.goto("/tuning")
    ranges = page.evaluate(_PROPOSALS)
    for preset, name, proposed in ranges:
        for values in proposed:
            assert Range.from_dict(name, values).to_dict() is not None, (preset, name, values)
    by_name = {(preset, name): proposed for preset, name, proposed in ranges}
    assert {name for _, name in by_name} == set(variable_settings())
    assert by_name["default", "gamma"] == [{"low": 0.8, "high": 0.98}, {"values": [0.8, 0.9, 0.98]}]
    assert by_name["default", "averaging"][0] == {"low": 0.998, "high": 0.9998}
    assert by_name["default", "batch_size"][0] == {"low": 64, "high": 1_024}


def test_missing_study_is_reported(page: Page, monitor: PageMonitor) -> None:
    monitor.allow_error_responses()
    page.goto("/tuning/nothing")
    expect(page.locator("#study-missing")).to_contain_text("There is no study nothing.")
    expect(page.get_by_role("link", name="All studies", exact=True)).to_be_visible()
    page.goto("/tuning/%C3")
    expect(page.get_by_role("heading", name="%C3")).to_be_visible()
    expect(page.get_by_role("link", name="All studies", exact=True)).to_be_visible()


def test_damaged_run_and_study_are_shown_and_deleted(
    page: Page, dashboard: Dashboard, monitor: PageMonitor, photograph: Callable[..., None]
) -> None:
    monitor.allow_error_responses()  # of a deleted run that the page reads once more
    config = study("broken-study")
    complete(dashboard.home, config, [float(value) for value in LINES[:2]], n_runs=2)
    paths = {
        "tuning": dashboard.home.study_folder("broken-study") / "study.json",
        "runs": dashboard.home.run_folder("broken-study-0001") / "config.json",
    }
    for path in paths.values():
        path.write_text("{")
    for place, path in paths.items():
        name = path.parent.name
        page.goto(f"/{place}")
        row = page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))
        expect(row).to_contain_text("Damaged")
        row.get_by_role("link", name=name, exact=True).click()
        reason = page.locator("#study-missing" if place == "tuning" else "#run-error")
        expect(reason).to_contain_text(f"{path.name}' cannot be read")
        expect(page.get_by_role("button", name="Resume")).to_have_count(0)
        photograph(page, f"damaged-{place}")
        page.get_by_role("button", name="Delete", exact=True).click()
        if place == "tuning":
            page.get_by_label("Move the runs of its trials to the trash, too").set_checked(False)
            page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
        expect(page.locator("#toasts")).to_contain_text(re.compile(f"Deleted {name}\\.|{name} moved to the trash\\."))
        expect(page.get_by_role("link", name=name, exact=True)).to_have_count(0)
        assert not path.parent.exists()
    assert dashboard.home.run_folder("broken-study-0002").exists()


def test_study_is_started_and_controlled_by_keyboard(
    page: Page, dashboard: Dashboard, monitor: PageMonitor, photograph: Callable[..., None]
) -> None:
    monitor.allow_error_responses()
    page.goto("/tuning")
    expect(page.locator("#studies-count")).not_to_have_text("Loading the studies…")
    page.keyboard.press("n")
    expect(page.get_by_label("name", exact=True)).to_be_focused()
    page.keyboard.type("by-hand")
    for label, text in (("from", "0.00001"), ("to", "20")):
        page.get_by_label(label, exact=True).focus()
        page.keyboard.press("Control+A")
        page.keyboard.type(text)
    for label, text in (("number of trials", "2"), ("total timesteps", "1000000000"), ("evaluate every", "1000000")):
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
    expect(page.locator("#study-message")).to_have_text("Stopped with 2 trials left. You can resume any time.")
    assert dashboard.view("by-hand-0001").state == "stopped"
