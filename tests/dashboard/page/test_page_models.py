"""The pages of models: every control by mouse and by keyboard, and imports of damaged files."""

import base64
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.dashboard.page.page_checks import EACH_WIDTH_AND_THEME, violations
from tests.dashboard.page.page_helpers import Interception, PageMonitor, choose_protocol, pass_frames
from tests.dashboard.page.served_dashboard import Dashboard, wait_until
from tests.dashboard.saved_models import linear_bundle, save_model, save_score
from tests.registry.bad_bundles import CORPUS, RAN
from tetrarium.registry.bundles import Bundle

NINE = ["first@2", "first@1", "second", "second", "dt-10", "dellacherie", "du", "random", "random"]


@pytest.fixture(scope="module")
def models(dashboard: Dashboard) -> Dashboard:
    """Two models, one of them with two versions, and scores of some agents."""
    save_model(dashboard.root, "first", step=10_000)
    save_model(dashboard.root, "first", 0.1, step=20_000, note="the one from Tuesday\nand more", tags=("good",))
    save_model(dashboard.root, "second", 0.2, step=30_000)
    save_score(dashboard.root, "first@2", [900, 1_200, 3_998, 3_998], truncated=2)
    save_score(dashboard.root, "second@1", [120, 340, 560, 80])
    save_score(dashboard.root, "random", [0, 1, 0, 0])
    save_score(dashboard.root, "dellacherie", [3_998] * 4, truncated=4)
    save_score(dashboard.root, "random", [0, 0], protocol="literature-10x10")
    return dashboard


@pytest.fixture
def active_demos(dashboard: Dashboard) -> Iterator[Callable[[], list[Any]]]:
    """Function that lists the active demos; they are stopped after the test."""

    def list_active() -> list[Any]:
        return [view for view in dashboard.call("GET", "/demos") if view["is_alive"]]

    yield list_active
    for view in list_active():
        dashboard.call("DELETE", f"/demos/{view['id']}")


@pytest.fixture(autouse=True)
def unscored(page: Page) -> None:
    """Chooses a protocol under which no agent comes with a score."""
    choose_protocol(page, "literature-10x20")


def names(page: Page) -> list[str]:
    return [row.get_attribute("data-agent") or "" for row in page.locator("#leaderboard tbody tr").all()]


def row(page: Page, agent: str) -> Locator:
    return page.locator(f'#leaderboard tr[data-agent="{agent}"]')


def toast(page: Page, text: str) -> Locator:
    return page.locator("#toasts .toast").filter(has_text=text)


def expect_to_change(text: Locator) -> None:
    expect(text).not_to_have_text(text.inner_text())


def drop(page: Page, name: str, data: bytes) -> None:
    """Drops a file on the page."""
    page.evaluate(
        """([name, data]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0))], name));
            for (const kind of ["dragenter", "dragover", "drop"]) {
                const event = new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true });
                document.querySelector("#content").dispatchEvent(event);
                if (kind === "dragover") window.wasOffered = !document.querySelector("#drop").hidden;
            }
        }""",
        [name, base64.b64encode(data).decode()],
    )


def test_page_without_models_shows_how_to_add_one(page: Page, photograph: Callable[..., None]) -> None:
    page.goto("/models")
    expect(page.locator("#no-models")).to_be_visible()
    expect(page.locator("#no-models")).to_have_text(
        re.compile(r"No models yet\.\s+Save one from a run, or import a \.tetris file\.")
    )
    assert set(names(page)) >= {"random", "dellacherie", "du", "dt-10"}
    expect(row(page, "dt-10").locator(".column-lines")).to_have_text("not evaluated")
    expect(page.locator("#models-count")).to_have_text(re.compile(r"^0 models · 0 of \d evaluated$"))
    page.get_by_role("button", name="Save from a run").click()
    expect(page.locator("#save-panel")).to_contain_text("No run has been trained yet.")
    expect(page.locator("#save-now")).to_be_disabled()
    page.get_by_role("button", name="Close").click()
    photograph(page, "models-none")


@pytest.mark.usefixtures("models")
def test_leaderboard_sorts_searches_and_draws_intervals(page: Page, monitor: PageMonitor) -> None:
    monitor.allow_error_responses()
    page.goto("/models")
    expect(row(page, "second@1")).to_be_visible()
    assert names(page)[:4] == ["dellacherie", "first@2", "second@1", "random"]
    assert [row(page, name).locator(".interval-text").inner_text() for name in names(page)[:4]] == [
        "lost none of 4", "5,048 (1,812 to 41,683)", "275 ± 230", "0.25 (0 to 0.75)",
    ]  # fmt: skip
    expect(row(page, "dellacherie").locator(".column-median")).to_have_text("at least 3,998")
    expect(row(page, "first@2").locator(".column-truncated")).to_have_text("50 %")
    expect(row(page, "first@2").locator(".column-agent")).to_contain_text("good")
    expect(row(page, "first@2").locator(".column-agent")).to_contain_text("2 versions · the one from Tuesday")
    drawn = [bar.evaluate("bar => ['--from', '--to', '--at'].map((name) => Number(bar.style.getPropertyValue(name)))")
             for bar in page.locator(".interval").all()]  # fmt: skip
    assert all(0 <= low <= high <= 1 for low, high, _ in drawn)
    assert all(low <= at <= high for low, high, at in drawn[1:]) and drawn[0][1] == 1, "an open end reaches the edge"
    assert drawn[1][2] > drawn[2][2] > drawn[3][2]

    page.get_by_role("button", name="Median").click()
    assert names(page)[:4] == ["dellacherie", "first@2", "second@1", "random"]
    page.get_by_role("button", name="Median").press("Enter")
    assert names(page)[:4] == ["random", "second@1", "first@2", "dellacherie"], "agents without a score stay last"
    expect(page.locator("#leaderboard th.column-median")).to_have_attribute("aria-sort", "ascending")
    page.get_by_role("button", name="Agent", exact=True).click()
    assert names(page) == sorted(names(page))
    page.get_by_label("Find a model").fill("tuesday GOOD")
    assert names(page) == ["first@2"]
    page.get_by_label("Find a model").fill("nobody")
    expect(page.locator("#leaderboard-empty")).to_have_text("No matches. Change the search.")
    page.get_by_label("Find a model").fill("")
    page.locator("#protocol").select_option("literature-10x10")
    expect(page.locator("#protocol-meaning")).to_contain_text(re.compile("10 . 10, uniform"))
    expect(page.locator(".interval-text")).to_have_count(8)  # those that come with the package
    page.reload()
    expect(page.locator("#protocol")).to_have_value("literature-10x10")
    expect(row(page, "random").locator(".interval-text")).to_have_text("0 ± 0")
    refused = Interception(
        page, "**/api/leaderboard?protocol=default", lambda route: route.fulfill(status=409, json={"error": "No."})
    )
    page.locator("#protocol").select_option("default")
    expect(page.locator("#leaderboard-empty")).to_have_text("No.")
    expect(page.locator("#leaderboard")).to_be_hidden()
    refused.end()
    page.locator("#protocol").select_option("default")
    page.locator("#protocol").dispatch_event("change")
    expect(page.locator("#leaderboard")).to_be_visible()
    midnight = """async () => {
        const { formatDate } = await import("/static/common/format.js");
        return formatDate(new Date(2026, 4, 3, 0, 5).getTime() / 1000);
    }"""
    assert page.evaluate(midnight) == "2026-05-03 00:05"
    page.keyboard.press("2")
    page.keyboard.press("/")
    expect(page.get_by_label("Find a model")).to_be_focused()


def refuse_random(route: Route) -> None:
    """Refuses jobs on random play, and lets other requests pass."""
    if "random" in (route.request.post_data or ""):
        route.fulfill(status=409, json={"error": "There are enough jobs."})
    else:
        route.fallback()


@pytest.mark.usefixtures("models")
def test_evaluations_show_progress_are_queued_and_canceled(
    page: Page, monitor: PageMonitor, photograph: Callable[..., None]
) -> None:
    monitor.allow_error_responses()
    page.goto("/models")
    page.get_by_role("button", name="Evaluate random again").click()
    expect(page.locator("#jobs progress")).to_have_attribute("aria-label", "Evaluating random under literature-10x20")
    expect(row(page, "random").locator(".evaluate")).to_be_disabled()
    expect(toast(page, "random: 0")).to_contain_text("(n = 20")
    expect(row(page, "random").locator(".column-games")).to_have_text("20")
    expect(page.locator("#jobs")).to_be_hidden()
    expect(page.locator("#protocol-meaning")).to_contain_text("20 games of up to 1,000,000 pieces")
    page.get_by_role("button", name="Evaluate dt-10").click()
    page.get_by_role("button", name="Cancel: Evaluating dt-10 under literature-10x20").click()
    expect(page.locator("#jobs")).to_be_hidden()
    expect(row(page, "dt-10").locator(".column-lines")).to_have_text("not evaluated")

    top = page.locator("#leaderboard").bounding_box()
    for name in ("random", "dt-10", "du", "dellacherie"):
        row(page, name).get_by_role("checkbox").check()
    page.route("**/api/jobs", refuse_random)
    page.get_by_role("button", name="Evaluate selected").click()
    expect(page.locator("#jobs .job")).to_have_count(3)  # a refused one stops no others
    expect(toast(page, "There are enough jobs.")).to_have_class("toast bad")
    expect(page.locator("#jobs .job-message").filter(has_text="Queued: 1 job first.")).to_have_count(1)
    expect(page.locator("#jobs .job-message").filter(has_text=re.compile(r"^\d+ % · [\d,]+ pieces · "))).to_have_count(
        2
    )
    assert page.locator("#leaderboard").bounding_box() == top  # nothing moves
    photograph(page, "models-jobs")
    for name in ("dellacherie", "du", "dt-10"):
        page.get_by_role("button", name=f"Cancel: Evaluating {name}").click()
    expect(page.locator("#jobs")).to_be_hidden()


def test_deletion_can_be_undone_by_keyboard(page: Page, models: Dashboard) -> None:
    page.goto("/models")
    button = page.get_by_role("button", name="Delete second@1")
    button.focus()
    page.keyboard.press("Enter")
    expect(row(page, "second@1").locator("a")).to_have_count(0)
    expect(row(page, "second@1").locator(".column-agent")).to_contain_text("deleted model")
    undo = toast(page, "second@1 moved to the trash.").get_by_role("button", name="Undo")
    undo.focus()
    page.keyboard.press("Enter")
    expect(row(page, "second@1").locator("a")).to_have_count(1)
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Trash (1)")).to_be_visible()
    page.keyboard.press("4")
    page.get_by_role("button", name="Restore second@1").press("Enter")
    expect(page.locator("#trash-empty")).to_be_visible()
    page.keyboard.press("1")
    expect(row(page, "second@1").locator("a")).to_have_count(1)

    save_model(models.root, "spare", 0.9)
    models.call("DELETE", "/models/spare")
    page.goto("/models#trash")
    page.reload()
    page.get_by_role("button", name="Empty trash").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#trash tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Empty trash").click()
    page.get_by_role("button", name="Delete permanently", exact=True).click()
    expect(toast(page, "1 version deleted permanently.")).to_be_visible()
    assert models.call("GET", "/trash") == []


def test_files_are_imported_by_button_and_drop_and_damaged_ones_are_refused(
    page: Page, models: Dashboard, monitor: PageMonitor, tmp_path: Path
) -> None:
    monitor.allow_error_responses()
    good = tmp_path / "theirs.tetris"
    good.write_bytes(linear_bundle(0.5).described(name="theirs").to_bytes())
    page.goto("/models")
    page.locator("#import-file").set_input_files(good)
    expect(toast(page, "Imported theirs@1: cma-es at step 1,000.")).to_be_visible()
    expect(row(page, "theirs@1")).to_be_visible()
    drop(page, "again.tetris", good.read_bytes())
    drop(page, "once-more.tetris", good.read_bytes())
    assert page.evaluate("window.wasOffered") is True
    expect(toast(page, "The same weights are already here as theirs@1.").first).to_be_visible()
    expect(page.locator("#drop")).to_be_hidden()

    for kind, bundles in CORPUS.items():
        drop(page, f"{kind}.tetris", bundles[0].data)
        refusal = toast(page, f"{kind}.tetris was not imported. The file")
        expect(refusal).to_contain_text(bundles[0].refusal)
        refusal.get_by_role("button", name="Close this message").click()
    assert not RAN.exists()
    archive = tmp_path / "model.zip"
    archive.write_bytes(b"PK")
    page.locator("#import-file").set_input_files([archive, good])
    report = toast(page, "The same weights are already here as theirs@1.")
    expect(report).to_contain_text("A bundle's name ends in .tetris; got model.zip.")
    expect(report).to_have_class("toast bad")
    assert [entry["name"] for entry in models.call("GET", "/models")] == ["first", "second", "theirs"]
    models.call("DELETE", "/models/theirs")


def test_active_run_is_saved_with_its_current_weights(page: Page, models: Dashboard, monitor: PageMonitor) -> None:
    monitor.allow_error_responses()
    models.start_run("learning", checkpoint_every=10**8)
    page.goto("/models?save=learning")
    expect(page.get_by_label("Run", exact=True)).to_have_value("learning")
    expect(page.get_by_label("Weights")).to_have_value("now")
    page.get_by_label("Name of the model").fill("../no")
    page.get_by_label("Note").fill("as it learns")
    page.get_by_label("Tags").fill("young, green")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#save-error")).to_contain_text("name has 1 to 64 letters")
    page.get_by_label("Name of the model").fill("grown")
    page.get_by_role("button", name="Save", exact=True).press("Enter")
    expect(toast(page, "Saved grown@1: dqn at step ")).to_be_visible()
    expect(page.locator("#save-panel")).to_be_hidden()
    expect(row(page, "grown@1").locator(".column-agent")).to_contain_text("as it learns")
    (version,) = models.call("GET", "/models/grown")["versions"]
    assert version["tags"] == ["green", "young"] and version["about"]["run"] == "learning" and version["step"] > 0
    row(page, "grown@1").get_by_role("link", name="grown@1").click()
    expect(page.locator("#versions td.text a")).to_have_attribute("href", re.compile("runs/learning$"))
    models.command("learning", "stop")


@pytest.mark.usefixtures("models")
def test_two_agents_play_side_by_side_and_are_compared(
    page: Page, active_demos: Callable[[], list[Any]], photograph: Callable[..., None]
) -> None:
    page.goto("/models")
    for name in ("first@2", "random"):
        page.get_by_label(f"Select {name}").check()
    expect(page.locator("#chosen-count")).to_have_text("2 selected")
    page.get_by_role("button", name="Side by side").click()
    expect(page.get_by_label("First agent")).to_have_value("first@2")
    expect(page.get_by_label("Second agent")).to_have_value("random")
    expect(page.locator("#side-boards .seat")).to_have_count(2)
    page.get_by_label("Seed").fill("x")
    page.locator("#side-form").get_by_role("button", name="Play").click()
    expect(page.locator("#side-form .form-error")).to_have_text(
        "Seed is a whole number from 0 to 4,294,967,295; got “x”."
    )
    page.get_by_label("Seed").fill("3")
    page.locator("#side-form").get_by_role("button", name="Play").press("Enter")
    boards = page.locator("#side-boards .seat")
    expect(boards).to_have_count(2)
    page.locator("#side-controls-speed").fill("1000")
    expect(page.locator("#difference")).to_have_text(re.compile(r"^\+\d+"))
    expect(boards.nth(1).locator(".seat-message")).to_have_text(re.compile(r"^Lost after \d+ pieces$"))
    wait_until(lambda: [view["seats"] for view in active_demos()] == [["first@2", "random"]], "the demo before to end")

    page.get_by_label("Games", exact=True).fill("20")
    page.get_by_label("Piece limit").fill("60")
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.locator(".sentence")).to_have_text(
        re.compile(r"^first@2 is better than random, by \d+ lines until the limit .*The difference is significant\.$")
    )
    expect(page.locator(".against-zero.significant")).to_be_visible()
    expect(page.locator("#verdict tbody tr").first).to_contain_text("20 of 20")
    photograph(page, "models-side")

    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#side-controls").get_by_role("button", name="Resume")).to_be_enabled()
    pass_frames(page, 20)
    pieces = boards.nth(0).locator(".seat-pieces").inner_text()
    pass_frames(page, 20)
    expect(boards.nth(0).locator(".seat-pieces")).to_have_text(pieces)
    page.keyboard.press("g")
    expect(toast(page, "A new game starts.")).to_be_visible()
    expect(boards.nth(0).locator(".seat-pieces")).to_have_text("0")
    page.locator("#content").focus()
    page.keyboard.press("Space")
    expect(boards.nth(0).locator(".seat-pieces")).not_to_have_text("0")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#side-place")).to_have_text("Press Play, and both play the same pieces here.")
    page.get_by_label("First agent").fill("")
    expect(page.locator("#side-place")).to_have_text("Name two agents, and they play the same pieces here.")
    wait_until(lambda: not active_demos(), "no active demo")


def test_wall_shows_nine_agents(
    page: Page,
    models: Dashboard,
    active_demos: Callable[[], list[Any]],
    photograph: Callable[..., None],
    monitor: PageMonitor,
) -> None:
    monitor.allow_error_responses()
    page.goto("/models#wall")
    add = page.get_by_label("Agent", exact=True)
    add.fill("nobody")
    add.press("Enter")
    refusal = page.locator("#wall-form .form-error")
    expect(refusal).to_contain_text("Unknown agent 'nobody'. Name one of: a run, NAME@best,")
    expect(refusal).not_to_contain_text("/api/")
    for number, name in enumerate([*NINE[:8], "second@1"], 1):
        add.fill(name)
        add.press("Enter")
        expect(page.locator("#wall-chosen li")).to_have_count(number)
    add.fill("random")
    page.get_by_role("button", name="Add").click()
    expect(page.locator("#wall-form .form-error")).to_have_text("The wall shows at most 9 agents. Remove one first.")
    play = page.locator("#wall-start")
    page.get_by_role("button", name="Remove second@1").press("Enter")
    add.fill(NINE[8])
    add.press("Enter")
    expect(page.locator("#wall-chosen li")).to_have_count(9)
    page.locator("#wall-form .switch").click()
    play.press("Enter")
    seats = page.locator("#wall .seat")
    expect(seats).to_have_count(9)
    assert [seat.locator("h2").inner_text() for seat in seats.all()] == NINE
    expect(seats.nth(8).locator(".seat-game")).not_to_have_text("0")
    (view,) = active_demos()
    assert (view["seats"], view["same_pieces"], view["together"]) == (NINE, False, False)
    page.locator("#content").focus()
    page.keyboard.press("-")
    photograph(page, "models-wall")
    page.keyboard.press("2")
    expect(page.locator("#view-side")).to_be_visible()
    page.get_by_label("First agent").fill("random")
    page.get_by_label("Second agent").fill("du")
    page.get_by_label("Second agent").press("Enter")
    other = page.locator("#side-boards .seat").nth(1).locator(".seat-pieces")
    expect(other).not_to_have_text("0")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # as when another tab was in front
    expect_to_change(other)
    page.locator("#content").focus()
    page.keyboard.press("3")
    expect(seats).to_have_count(9)
    expect_to_change(seats.nth(0).locator(".seat-pieces"))
    (two,) = (view["id"] for view in active_demos() if len(view["seats"]) == 2)
    models.call("DELETE", f"/demos/{two}")
    wait_until(lambda: two not in {view["id"] for view in models.call("GET", "/demos")}, "the two to have left")
    page.keyboard.press("2")
    wait_until(lambda: any(len(view["seats"]) == 2 for view in active_demos()), "the two to play again")
    expect_to_change(other)
    page.goto("/")
    wait_until(lambda: all(view["shared"] for view in active_demos()), "the wall to be left")


def test_page_of_a_model_shows_versions_scores_demo_and_export(
    page: Page,
    models: Dashboard,
    active_demos: Callable[[], list[Any]],
    photograph: Callable[..., None],
    monitor: PageMonitor,
    tmp_path: Path,
) -> None:
    monitor.allow_error_responses()
    page.goto("/models")
    page.get_by_role("link", name="first@2").click()
    expect(page.locator("#facts")).to_have_text("2 versions · Default version: 2")
    expect(page.locator("#versions td.text")).to_have_text(["first@1000", "first@1000"])
    expect(page.locator("#versions td.text a")).to_have_count(0)  # there is no such run
    expect(page.locator("#scores tbody tr").filter(has_text="5,048 (1,812 to 41,683)")).to_have_count(1)
    expect(page.locator("#facts-list")).to_contain_text(re.compile("10 . 20, 7-bag"))
    page.get_by_role("button", name="Promote version 1").click()
    expect(toast(page, "Version 1 is now the default of first.")).to_be_visible()
    expect(page.locator("#facts")).to_have_text("2 versions · Default version: 1")
    page.get_by_role("button", name="Show @1").press("Enter")
    expect(page.locator("#about-title")).to_have_text("Version 1")
    expect(page.locator("#scores tbody tr").first).to_contain_text("not evaluated")
    page.get_by_label("Note").fill("older\nbut good")
    page.get_by_label("Tags").fill("old good")
    page.get_by_role("button", name="Save").click()
    expect(toast(page, "Note of version 1 saved.")).to_be_visible()
    expect(page.get_by_role("button", name="Save")).to_be_disabled()
    (older, _) = models.call("GET", "/models/first")["versions"]
    assert (older["note"], older["tags"], older["is_promoted"]) == ("older\nbut good", ["good", "old"], True)
    with page.expect_download() as exported:
        page.get_by_role("link", name="Export").click()
    assert exported.value.suggested_filename == "first.tetris"
    exported.value.save_as(tmp_path / "out.tetris")
    assert Bundle.from_bytes((tmp_path / "out.tetris").read_bytes()).tags == ("good", "old")

    page.keyboard.press("d")
    expect(page.locator("#demo-board .seat-pieces")).not_to_have_text("0")
    page.locator("#demo-controls-speed").fill("1000")
    expect(page.locator("#demo-board .seat-lines")).to_have_text(re.compile(r"^(\d\d+|\d,\d+)$"))
    photograph(page, "model")
    page.get_by_label("Pieces", exact=True).fill("5")
    page.locator("#scores tbody tr").first.evaluate("row => (row.dataset.same = 'yes')")
    page.get_by_role("button", name="Record a GIF").click()
    recorded_toast = toast(page, "Recorded 5 pieces and 0 lines of first@1.")
    with page.expect_download() as recorded:
        recorded_toast.get_by_role("button", name="Download").click()
    assert recorded.value.suggested_filename == "first-1.gif"
    recorded.value.save_as(tmp_path / "out.gif")
    assert (tmp_path / "out.gif").read_bytes()[:6] == b"GIF89a"
    expect(page.locator("#scores tbody tr").first).to_have_attribute("data-same", "yes")
    (demo,) = [view for view in active_demos() if view["agent"] == "first@1" and not view["shared"]]
    models.call("DELETE", f"/demos/{demo['id']}")  # as by somebody else
    expect(page.locator("#demo-place")).to_have_text(re.compile(r"^Stopped after [\d,]+ pieces\.$"))
    expect(page.locator("#demo-board .seat")).to_have_count(0)
    wait_until(lambda: demo["id"] not in {view["id"] for view in active_demos()}, "the demo to end")
    page.reload()
    with page.expect_download() as recorded:
        page.get_by_role("link", name="Latest GIF").click()
    assert recorded.value.suggested_filename == "first-1.gif"

    page.get_by_role("button", name="Delete version 2").click()
    expect(page.locator("#facts")).to_have_text("1 version · Default version: 1")
    toast(page, "first@2 moved to the trash.").get_by_role("button", name="Undo").click()
    expect(page.locator("#facts")).to_have_text("2 versions · Default version: 1")
    page.get_by_role("button", name="Delete model").click()
    expect(page.locator("#model-missing")).to_contain_text("first is in the trash.")
    toast(page, "first with 2 versions moved to the trash.").get_by_role("button", name="Undo").click()
    expect(page.locator("#facts")).to_have_text("2 versions · Default version: 1")


@pytest.mark.usefixtures("models")
def test_missing_model_is_reported(page: Page, monitor: PageMonitor) -> None:
    monitor.allow_error_responses()
    page.goto("/models/nobody")
    expect(page.locator("#model-missing")).to_contain_text("There is no model nobody.")
    expect(page.locator("#model-body")).to_be_hidden()
    page.goto("/models/%C3")
    expect(page.get_by_role("heading", name="%C3")).to_be_visible()
    page.get_by_role("link", name="All models", exact=True).click()
    expect(page.locator("#leaderboard tbody tr").first).to_be_visible()


def test_views_work_without_protocols(page: Page, monitor: PageMonitor) -> None:
    monitor.allow_error_responses()
    page.route("**/api/protocols", lambda route: route.fulfill(status=409, json={"error": "Not now."}))
    page.goto("/models")
    expect(page.locator("#leaderboard-empty")).to_have_text("Not now.")
    page.keyboard.press("3")
    expect(page.locator("#view-wall")).to_be_visible()


@EACH_WIDTH_AND_THEME
def test_pages_are_accessible_and_fit_the_window(page: Page, models: Dashboard, theme: Any, width: int) -> None:
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 740})
    models.call("DELETE", "/models/second")
    for path, there in (
        ("/models", "#leaderboard tbody tr"), ("/models#side", "#side-place"), ("/models#wall", "#wall-place"),
        ("/models#trash", "#trash tbody tr"), ("/models/first", "#scores tbody tr"),
    ):  # fmt: skip
        page.goto(path)
        page.reload()
        expect(page.locator(there).first).to_be_visible()
        assert violations(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    page.goto("/models?save")
    expect(page.locator("#save-panel .panel-body p").last).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert violations(page) == []
    models.call("POST", "/trash/restore", {"spec": "second"})
