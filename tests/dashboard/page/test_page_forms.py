"""The form that starts a run: settings, presets and validation messages."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.dashboard.page.page_helpers import PageMonitor
from tests.dashboard.page.served_dashboard import Dashboard, wait_until
from tetrarium.registry.home import NAME_RULE

INVALID_INPUTS = (
    ("total_timesteps", "many", "total_timesteps is a number from 1 to 1000000000000; got “many”."),
    ("total_timesteps", "1.5", "total_timesteps is a whole number from 1 to 1000000000000; got 1.5."),
    ("seed", "-1", "seed is a number from 0 to 4294967295; got -1."),
    ("batch_size", "1e99", "batch_size is a number from 1 to 1048576; got 1e99."),
    ("learning_rate", "0,001", "learning_rate is a number from 1e-12 to 10; got “0,001”. Write decimals with a point."),
    ("gamma", "", "gamma is a number from 0 to 0.999999; got “”."),
    ("net_arch", "64, wide", "Each of net_arch is a whole number; got “wide”."),
)


@pytest.fixture
def form(page: Page) -> Page:
    page.goto("/")
    page.get_by_role("button", name="New run").click()
    expect(page.get_by_role("heading", name="New run")).to_be_visible()
    return page


def field(page: Page, name: str, config: str = "training") -> Locator:
    return page.locator(f"#set-{config}-{name}")


def test_every_setting_shows_meaning_bounds_and_default(
    form: Page, dashboard: Dashboard, photograph: Callable[..., None]
) -> None:
    fields = [item for group in dashboard.call("GET", "/settings")["groups"] for item in group["fields"]]
    for item in fields:
        hint = form.locator(f"#set-{item['config']}-{item['name']}-hint")
        assert hint.text_content().startswith(item["help"]), item["name"]
    assert form.locator("#new-run-panel .field").count() == len(fields) + 4  # name, initial weights, seeds, group
    expect(form.locator("#set-training-batch_size-hint")).to_contain_text("1 to 1,048,576")
    expect(field(form, "batch_size")).to_have_value("256")
    photograph(form, "new-run")


def test_changed_setting_is_marked_and_can_be_reset(form: Page) -> None:
    form.get_by_label("Find a setting").fill("gamma")
    gamma = field(form, "gamma")
    back = form.get_by_role("button", name="Reset gamma to 0.9")
    expect(back).to_be_hidden()
    gamma.fill("0.95")
    form.get_by_label("Find a setting").press("Enter")
    expect(form.locator("#start-run")).to_have_text("Start training")
    expect(form.locator("#new-run-changes")).to_have_text("1 setting changed")
    back.click()
    expect(gamma).to_have_value("0.9")
    expect(form.locator("#new-run-changes")).to_have_text("Nothing changed")


def test_preset_changes_defaults_and_keeps_changed_settings(form: Page) -> None:
    field(form, "seed").fill("7")
    form.get_by_role("radio", name="quick").check()
    expect(field(form, "total_timesteps")).to_have_value("100000")
    expect(field(form, "seed")).to_have_value("7")
    expect(form.locator("#new-run-changes")).to_have_text("1 setting changed")


def test_invalid_input_shows_an_error_at_its_field(form: Page) -> None:
    for name, text, message in INVALID_INPUTS:
        form.get_by_label("Find a setting").fill(name)
        before = field(form, name).input_value()
        field(form, name).fill(text)
        form.locator("#start-run").click()
        expect(form.locator(f"#set-training-{name}-error")).to_have_text(message)
        expect(field(form, name)).to_have_attribute("aria-invalid", "true")
        expect(field(form, name)).to_be_focused()
        expect(form.locator("#new-run-panel")).to_be_visible()
        field(form, name).fill(before)


def test_find_a_setting_does_not_hide_the_wrong_one(form: Page) -> None:
    search = form.get_by_label("Find a setting")
    search.fill("gamma")
    field(form, "gamma").fill("2")
    search.fill("batch")
    expect(field(form, "gamma")).to_be_hidden()
    form.locator("#start-run").click()
    expect(field(form, "gamma")).to_be_focused()
    expect(search).to_have_value("")
    expect(form.locator("#set-training-gamma-error")).to_have_text("gamma is a number from 0 to 0.999999; got 2.")


def test_errors_of_the_server_are_shown_at_their_fields(
    form: Page, dashboard: Dashboard, monitor: PageMonitor, photograph: Callable[..., None]
) -> None:
    dashboard.call("POST", "/runs", {"name": "taken"})
    monitor.allow_error_responses()
    form.get_by_label("Find a setting").fill("gradient_steps")
    field(form, "gradient_steps").fill("0")
    form.locator("#start-run").click()
    error = "gradient_steps is positive or -1; got 0. Without gradient steps an agent cannot learn."
    expect(form.locator("#set-training-gradient_steps-error")).to_have_text(error)
    photograph(form, "form-error")
    field(form, "gradient_steps").fill("1")
    form.locator("#run-title").fill("taken")
    form.locator("#start-run").click()
    expect(form.locator("#run-title-error")).to_contain_text("'taken'")
    form.locator("#run-title").fill("../elsewhere")
    form.locator("#start-run").click()
    error = f"A name {NAME_RULE.text}; got “../elsewhere”. Choose another name."
    expect(form.locator("#run-title-error")).to_have_text(error)


def test_several_seeds_start_as_one_group(form: Page, dashboard: Dashboard, monitor: PageMonitor) -> None:
    monitor.allow_error_responses()
    form.get_by_role("radio", name="quick").check()
    for name, value in (("total_timesteps", "2000"), ("seed", "5")):
        field(form, name).fill(value)
    form.locator("#run-title").fill("seeds")
    seeds = form.locator("#run-seeds")
    seeds.fill("17")
    form.locator("#start-run").click()
    expect(form.locator("#run-seeds-error")).to_contain_text("16")
    seeds.fill("2")
    form.locator("#start-run").click()
    expect(form.locator("#new-run-panel")).to_be_hidden()
    names = ["seeds-5", "seeds-6"]
    for name in names:
        wait_until(lambda name=name: dashboard.view(name).state == "finished", f"{name} to finish")  # type: ignore[misc]
        assert (dashboard.view(name).seed, dashboard.view(name).group) == (int(name[-1]), "seeds")
    (group,) = (one for one in dashboard.call("GET", "/groups") if one["name"] == "seeds")
    assert sorted(group["runs"]) == names
