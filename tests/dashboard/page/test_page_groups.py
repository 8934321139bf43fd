"""The pages of runs with groups: rows that open, columns of settings, filters, medians, differences and labels."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.dashboard.finished_runs import make_run
from tests.dashboard.page.page_checks import EACH_WIDTH_AND_THEME, violations
from tests.dashboard.page.page_helpers import PageMonitor, pass_frames
from tests.dashboard.page.served_dashboard import Dashboard
from tetrarium.registry.run_labels import change_labels
from tetrarium.workers.directories.run_views import read_run

MEANS = (30.0, 10.0, 50.0, 20.0, 40.0)
_SMOOTHED = """async (weight) => {
    const { smoothed } = await import("/static/common/smoothing.js");
    return smoothed([1, 2, null, 4], weight);
}"""
_COLORS = """async (names) => {
    const { runStyle, separateStyles } = await import("/static/common/run-styles.js");
    separateStyles(names);
    return new Set(names.map((name) => runStyle(name).hue)).size;
}"""


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    served = Dashboard(tmp_path_factory.mktemp("home"))
    for seed, mean in enumerate(MEANS):
        for group, gamma, factor in (("low", 0.8, 1), ("high", 0.95, 10)):
            folder = make_run(served.home, f"{group}-{seed}", seed=seed, mean=factor * mean, gamma=gamma)
            change_labels(folder, group=group)
    change_labels(make_run(served.home, "plain", seed=20, mean=5.0, batch_size=64), add_tags=["good"], note="a note")
    served.start()
    yield served
    served.close()


def listed(choice: Locator) -> list[str]:
    """Texts of the options of a select that are not hidden."""
    return choice.locator("option:not([hidden])").all_text_contents()


def rows(page: Page) -> list[str]:
    return page.locator("#runs-table tbody tr").evaluate_all("rows => rows.map(row => row.dataset.name)")


def test_groups_open_and_runs_are_filtered_as_one_types(page: Page, photograph: Callable[..., None]) -> None:
    page.goto("/runs")
    expect(page.locator("#runs-count")).to_have_text("11 runs")
    assert rows(page) == ["plain", "group:high", "group:low"]
    group = page.locator('tr[data-name="group:low"]')
    expect(group).to_contain_text("5 runs")
    expect(group.locator(".column-mean")).to_contain_text("30 median")
    toggle = page.get_by_role("button", name="Runs of low")
    toggle.focus()
    page.keyboard.press("Enter")
    expect(page.locator("tr.member")).to_have_count(5)
    assert rows(page)[2:] == ["group:low", *(f"low-{seed}" for seed in reversed(range(5)))]
    expect(toggle).to_be_focused()
    expect(toggle).to_have_attribute("aria-expanded", "true")
    photograph(page, "groups")
    page.keyboard.press("Enter")
    expect(page.locator("tr.member")).to_have_count(0)

    search = page.get_by_label("Find a run")
    for text, count, found in (
        ("gamma<0.9", "5 of 11 runs", ["group:low"]),
        ("gamma<0.9 seed>=4", "1 of 11 runs", ["low-4"]),
        ("group:high training_mean>250", "3 of 11 runs", ["group:high"]),
    ):
        search.fill(text)
        expect(page.locator("#runs-count")).to_have_text(count)
        assert rows(page) == found
    search.fill("")
    expect(page.locator("#runs-count")).to_have_text("11 runs")
    page.locator("button.tag", has_text="good").click()
    expect(search).to_have_value("tag:good")
    expect(page.locator("#runs-count")).to_have_text("1 of 11 runs")


def test_groups_collapse_in_pickers_which_filter_as_one_types(page: Page) -> None:
    page.goto("/")
    page.locator("#run-picker").click()
    runs = page.locator("#run-list li")
    expect(runs.filter(has_text="Group")).to_have_count(2)
    page.locator("#run-list").get_by_role("button", name="low").click()
    expect(runs.filter(has_text="low-")).to_have_count(5)
    page.locator("#run-search").fill("low 3")
    expect(runs.filter(has_text="low-")).to_have_text([re.compile("low-3")])
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Demo", exact=True).click()
    panel = page.locator("#demo-panel")
    expect(panel.locator("details.group")).to_have_count(2)
    expect(panel.get_by_text("high-2", exact=True)).to_be_hidden()
    page.get_by_label("Find an agent").fill("high-2")
    expect(panel.get_by_text("high-2", exact=True)).to_be_visible()
    expect(panel.get_by_text("dt-10", exact=True)).to_be_hidden()
    page.goto("/models?save=low-2")
    choice = page.locator("#save-run")
    expect(choice).to_have_value("low-2")
    assert choice.locator("optgroup").evaluate_all("groups => groups.map(group => group.label)") == ["high", "low"]
    assert listed(choice) == ["plain", "Show all 5 of high", "low-2", "Show all 5 of low"]
    choice.select_option("Show all 5 of high")
    expect(choice).to_have_value("low-2")
    expect(page.get_by_label("Find a run")).to_have_value("high")
    assert listed(choice) == [f"high-{seed}" for seed in reversed(range(5))]
    choice.select_option("high-3")
    expect(page.locator("#save-name")).to_have_value("high-3")
    for path, picker, label in (
        ("/play", "#opponent", "Find an agent: opponent"),
        ("/play", "#advice", "Find an agent: advice"),
        ("/games/position", "#advisor", "Find an advisor"),
    ):
        page.goto(path)
        choice = page.locator(picker)
        expect(choice.locator("optgroup[data-group]")).to_have_count(2)
        assert not any("high-1" in name for name in listed(choice)), "the group is collapsed"
        if path == "/play":
            assert choice.bounding_box()["x"] == page.get_by_label(label).bounding_box()["x"], "in one column"  # type: ignore[index]
        page.get_by_label(label).fill("high")
        assert {f"high-{seed}" for seed in range(5)} <= set(listed(choice))
    page.goto("/models#wall")
    suggested = page.locator("#agents option")
    expect(suggested.filter(has_text="group of 5")).to_have_count(2)
    expect(page.locator('#agents option[value="low-2"]')).to_have_count(0)
    page.locator("#wall-add").fill("low")
    expect(page.locator('#agents option[value="low-2"]')).to_have_count(1)


def test_columns_of_settings_are_chosen_ordered_and_remembered(page: Page) -> None:
    page.set_viewport_size({"width": 1600, "height": 900})
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/api/settings", hold)
    page.goto("/runs")
    heads = page.locator("#runs-table th.column-setting")
    expect(heads).to_have_text(["gamma", "batch size"])
    plain = page.locator('tr[data-name="plain"] .column-setting')
    expect(plain).to_have_text(["", "64"])
    held[0].continue_()
    expect(plain).to_have_text(["0.9", "64"])
    expect(page.locator('tr[data-name="group:low"] .column-setting')).to_have_text(["0.8", "256"])
    for order, first in (("descending", "group:high"), ("ascending", "group:low")):
        heads.get_by_role("button", name="gamma").click()
        expect(page.locator(f'th[aria-sort="{order}"]')).to_have_text("gamma")
        expect(page.locator("#runs-table tbody tr").first).to_have_attribute("data-name", first)
    expect(page.locator("#sort-select")).to_have_value("gamma")
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("button", name="Move batch_size up").click()
    expect(heads).to_have_text(["batch size", "gamma"])
    expect(page.get_by_role("button", name="Move batch_size up")).to_be_focused()
    page.get_by_role("checkbox", name="gamma").uncheck()
    expect(heads).to_have_text(["batch size"])
    assert violations(page) == []
    page.get_by_role("button", name="Done").click()
    page.reload()
    expect(heads).to_have_text(["batch size"])


def test_groups_are_compared_by_their_medians(page: Page, photograph: Callable[..., None]) -> None:
    page.goto("/runs")
    for name in ("the group low", "the group high", "plain"):
        page.get_by_role("checkbox", name=f"Compare {name}", exact=True).check()
    values = page.locator("#compare-list .value")
    expect(values).to_have_text(["30", "300", "5"])
    assert page.url.endswith("#compare=group%3Alow,group%3Ahigh,plain")
    differences = page.locator("#compare-differences tr")
    expect(differences).to_have_count(4)
    expect(differences.nth(2).locator("td")).to_have_text(["0.8", "0.95", "0.9"])
    chart = page.locator("#compare-canvas")
    chart.focus()
    page.keyboard.press("Home")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("#compare-cursor")).to_have_text("step 40,000")
    expect(values).to_have_text(["3", "30", "0.5"])
    photograph(page, "compared-groups")
    before = chart.evaluate("canvas => canvas.toDataURL()")
    page.get_by_label("Smoothing").fill("90")
    pass_frames(page, 2)
    assert chart.evaluate("canvas => canvas.toDataURL()") != before
    expect(values).to_have_text(["30", "300", "5"])  # those of the curves themselves
    page.locator("#compare-axis").select_option("seconds of training")
    page.locator("#compare-metric").select_option("Survival")
    expect(values).to_have_text(["2", "2", "2"])
    page.reload()
    expect(values).to_have_text(["30", "300", "5"])
    expect(page.get_by_label("Smoothing")).to_have_value("90")
    page.get_by_role("button", name="Remove group:high").click()
    expect(values).to_have_text(["30", "5"])

    assert page.evaluate(_SMOOTHED, 0.5) == pytest.approx([1, 5 / 3, None, (0.125 + 0.5 + 2) / 0.875])
    assert page.evaluate(_COLORS, [f"group:group-{number}" for number in range(12)]) == 12


def test_labels_and_names_are_changed(page: Page, dashboard: Dashboard, monitor: PageMonitor) -> None:
    monitor.allow_error_responses()
    page.goto("/runs#compare=plain,high-0")
    page.get_by_role("button", name="Group and tags").click()
    page.get_by_label("Group", exact=True).fill("a b")
    page.get_by_label("Add tags").fill("kept late")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#question-error")).to_contain_text("has 1 to 64 letters")
    page.get_by_label("Group", exact=True).fill("mixed")
    page.get_by_role("button", name="Save").click()
    expect(page.locator('tr[data-name="group:mixed"]')).to_contain_text("2 runs")
    assert read_run(dashboard.home, "plain").tags == ("good", "kept", "late")

    page.goto("/runs/plain")
    expect(page.locator("#about")).to_contain_text("a note")
    page.get_by_role("button", name="Group, tags, note").click()
    page.get_by_label("Tags, separated by spaces").fill("good")
    page.get_by_label("Group", exact=True).fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#about .tag")).to_have_text(["good"])
    assert (read_run(dashboard.home, "plain").group, read_run(dashboard.home, "plain").note) == (None, "a note")
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("New name").fill("high-1")
    page.get_by_role("button", name="Rename").last.click()
    expect(page.locator("#question-error")).to_contain_text("The name 'high-1' is taken.")
    page.get_by_label("New name").fill("fancy")
    page.get_by_label("New name").press("Enter")
    expect(page).to_have_url(f"{dashboard.url}/runs/fancy")
    expect(page.locator("#run-name")).to_have_text("fancy")
    page.evaluate("async () => (await import('/static/runs/api.js')).api.rename('fancy', 'plain')")


@EACH_WIDTH_AND_THEME
def test_groups_are_accessible_and_fit_the_window(page: Page, theme: Any, width: int) -> None:
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/runs#compare=group:low,high-1")
    expect(page.locator("#compare-differences tbody tr")).to_have_count(2)
    page.get_by_role("button", name="Runs of low").click()
    expect(page.locator("tr.member")).to_have_count(5)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
