"""The pages of runs with ended runs: search, comparison, details, replays and deletion, by mouse and by keyboard."""

import csv
import json
import re
import shutil
from collections.abc import Callable, Iterator
from io import StringIO
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import APIResponse, Browser, Page, Route, expect

from tests.dashboard.finished_runs import STEPS, make_run, save_replay
from tests.dashboard.page.page_checks import EACH_WIDTH_AND_THEME, violations
from tests.dashboard.page.page_helpers import Interception, PageMonitor, open_run, pass_frames
from tests.dashboard.page.served_dashboard import Dashboard, wait_until
from tests.dashboard.prefix_proxy import prefix_proxy
from tests.number_texts import NUMBER_TEXTS
from tests.training.runs import EVALUATED, scalars
from tetrarium.cli.formatting import durations_text, estimated_text, lines_text
from tetrarium.cli.main import main
from tetrarium.cli.terminal.log_lines import PlainDisplay
from tetrarium.environment import EnvConfig
from tetrarium.environment.pictures.colors import STROKES, run_style, run_styles
from tetrarium.environment.replays import Replay
from tetrarium.registry.run_tables import EVALUATIONS, PROGRESS, read_last_row
from tetrarium.training.runs.run import TrainingRun
from tetrarium.workers.processes.worker_host import hosted

N_PIECES = 450
_HISTORY = """async () => {
    const { MetricHistory } = await import("/static/common/metric-history.js");
    const history = new MetricHistory();
    for (let k = 1; k <= 3; k += 1) history.append({ step: 100_000 + 25 * k, training_mean: 0 });
    history.load({ step: Array.from({ length: 50 }, (_, k) => 2_000 * (k + 1)) });
    for (let k = 4; k <= 40_000; k += 1) history.append({ step: 100_000 + 25 * k, training_mean: k });
    return history.columns.step;
}"""
_FORMATS = """async () => {
    const { formatBytes, formatNumber, formatPercent, formatTick, formatTicks, formatTimeLeft } =
        await import("/static/common/format.js");
    const { spreadLabels, ticksBetween } = await import("/static/common/scales.js");
    return [
        [1, 0.996, 0.012, 1e-7, 0, -0.5].map(formatPercent), [999.9, 999_999, 1e4, 0.5, 0].map(formatTick),
        [0.1, 99.96, 999.4, -3.14159, 1e-5].map(formatNumber), formatBytes(999_400),
        [41, 2_132, 9_000, undefined].map(formatTimeLeft),
        formatTicks([0, 5_000, 10_000]), formatTicks([0, 500, 1_000]),
        ticksBetween(0, 0.42, 2),
        spreadLabels([8, 9, 30].map((at) => ({ at })), 4, { top: 6, bottom: 28 }).map(({ at }) => at),
    ];
}"""
_NUMBERS = """async (texts) => {
    const { parseNumber } = await import("/static/common/setting-input.js");
    return texts.map((text) => (Number.isNaN(parseNumber(text)) ? null : parseNumber(text)));
}"""
_SORTED = """async (values) => {
    const { compareValues } = await import("/static/common/compare-values.js");
    return values.map((column) => column.sort(compareValues));
}"""
_MARKER_PIXELS = """async () => {
    const { LineChart } = await import("/static/common/line-chart.js");
    const context = Object.assign(document.createElement("canvas"), { width: 300, height: 200 }).getContext("2d");
    const series = [{ x: [5], y: [3], color: "rgb(1, 2, 3)" }, { x: [2, 4], y: [1, 2], color: "rgb(3, 2, 1)" }];
    const view = { series, domain: [0, 10], cursor: null, selection: null, isLog: false };
    new LineChart("comparison").draw(context, 300, 200, view);
    const { data } = context.getImageData(0, 0, 300, 200);
    let n = 0;
    for (let k = 0; k < data.length; k += 4) if (data[k] === 1 && data[k + 1] === 2 && data[k + 2] === 3) n += 1;
    return n;
}"""
_COLUMNS = [
    [[9], [10], [64, 32], [64, 64], [100]],
    [["holes"], ["holes", "wells"], ["wells"]],
    [-5, 0.5, 9, 10],
    ["r9", "r10", "r100"],
    [False, True],
]


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
    save_replay(kept, "first", 40, seed=3)
    save_replay(kept, "best-01", N_PIECES)
    served.start()
    yield served
    served.close()


def names(page: Page) -> list[str]:
    return page.locator("#runs-table tbody .run-link").all_inner_texts()


def test_runs_are_searched_filtered_sorted_and_paged(page: Page, photograph: Callable[..., None]) -> None:
    page.goto("/")
    page.get_by_role("navigation").get_by_role("link", name="Runs").click()
    expect(page.locator("#runs-count")).to_have_text("63 runs")
    assert names(page)[:4] == ["kept", "bad", "good", "plain-59"] and len(names(page)) == 50
    photograph(page, "runs")
    expect(page.locator("#page-range")).to_have_text(re.compile("^1.50 of 63$"))
    page.get_by_role("button", name="Next page").click()
    expect(page.locator("#page-range")).to_have_text(re.compile("^51.63 of 63$"))
    assert len(names(page)) == 13
    page.get_by_role("button", name="Training mean").click()
    expect(page.locator("th[aria-sort=descending]")).to_have_text("Training mean")
    expect(page.locator("#runs-table tbody .run-link").first).to_have_text("good")
    assert names(page)[:3] == ["good", "kept", "plain-59"]
    page.get_by_role("button", name="Training mean").click()
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
    expect(page.locator("#runs-empty")).to_contain_text("No matching runs.")
    page.get_by_role("button", name="Show all runs").click()
    expect(page.locator("#runs-count")).to_have_text("63 runs")


def test_selected_runs_are_compared_and_removed(page: Page, tmp_path: Path, photograph: Callable[..., None]) -> None:
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
    expect(page.get_by_role("button", name="Show all")).to_be_visible()
    page.get_by_role("button", name="Show all").click()
    expect(page.locator("#compare-show-all")).to_be_hidden()
    page.locator("#compare-metric").select_option("Exploration")
    expect(values).to_have_text(["2 %", "2 %", "2 %"])
    expect(page.locator("#compare-log")).to_be_disabled()
    page.locator("#compare-metric").select_option("Lines until the limit")
    expect(values).to_have_text(["80", "80", "80"])
    page.locator("#compare-metric").select_option("Lines of ended games")
    expect(values).to_have_text(["3", "3", "3"])
    page.locator("#compare-axis").select_option("seconds of training")
    page.locator("#compare-metric").select_option("Best game")
    page.get_by_role("button", name="Remove bad").click()
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
    page.get_by_role("button", name="Clear selection").click()
    expect(page.locator("#compare")).to_be_hidden()


def test_compared_runs_differ_in_color_or_stroke(page: Page) -> None:
    plain = [f"plain-{k:02}" for k in range(60)]
    first, second = next(two for two in combinations(plain, 2) if run_style(two[0]) == run_style(two[1]))
    page.goto(f"/runs#compare={first},{second}")
    swatches = page.locator("#compare-list .swatch")
    expect(swatches).to_have_count(2)
    for number, style in enumerate(run_styles([first, second]).values()):
        swatch = swatches.nth(number)
        expect(swatch).to_have_attribute("data-stroke", ("solid", "dashed", "dotted")[STROKES.index(style.dashes)])
        assert swatch.evaluate("element => element.style.getPropertyValue('--hue')") == str(style.hue)
    assert page.evaluate(_MARKER_PIXELS) > 20  # of a single point, to which no line leads


def test_deleted_run_is_removed_from_the_comparison(page: Page, monitor: PageMonitor) -> None:
    monitor.allow_error_responses()
    page.goto("/runs#compare=good,nobody,noone")
    expect(page.locator("#toasts")).to_contain_text("There is no run nobody. There is no run noone.")
    expect(page.locator("#compare-list .value")).to_have_text(["2,000"])


def test_curves_stay_while_the_server_does_not_answer(page: Page, monitor: PageMonitor) -> None:
    monitor.allow_connection_errors()
    page.clock.install()

    def show_as_alive(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"is_alive": True})

    values, rows = page.locator("#compare-list .value"), "**/api/runs/good/progress*"
    page.route("**/api/runs/good", show_as_alive)
    failing = Interception(page, rows)
    page.goto("/runs#compare=good,kept")
    expect(page.locator("#toasts")).to_contain_text("The server does not answer.")
    expect(values).to_have_text(["\N{EN DASH}", "300"])
    failing.end()
    page.get_by_label("Find a run").fill("seed 10")
    expect(values).to_have_text(["2,000", "300"])
    page.get_by_role("button", name="Close this message").click()
    failing = Interception(page, rows)
    with page.expect_event("requestfailed"):
        page.clock.fast_forward(4_000)
    page.get_by_role("button", name="Log").click()
    pass_frames(page, 2)
    expect(values).to_have_text(["2,000", "300"])
    expect(page.locator("#toasts")).to_be_empty()
    failing.end()
    with page.expect_response(rows):
        page.clock.fast_forward(4_000)


def test_late_response_keeps_curves_that_were_loaded_since(page: Page) -> None:
    held: list[Route] = []
    Interception(page, "**/api/runs/good/progress*", held.append, times=1)
    page.goto("/runs#compare=good")
    expect(page.locator("#compare-list .value")).to_have_text(["loading…"])
    page.locator("#compare-metric").select_option("Lines until the limit")
    expect(page.locator("#compare-list .value")).to_have_text(["80"])
    with page.expect_response("**/api/runs/good/progress*"):
        held[0].continue_()
    pass_frames(page, 3)
    expect(page.locator("#compare-list .value")).to_have_text(["80"])


def test_page_does_not_poll_while_the_connection_is_lost(page: Page) -> None:
    def show_as_alive(route: Route) -> None:
        answer = route.fetch()
        history = answer.json()
        rows = [row | {"run": row["run"] | {"is_alive": True}} for row in history["rows"]]
        route.fulfill(response=answer, json=history | {"rows": rows})

    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url) if "/api/history" in request.url else None)
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
    requests.clear()
    page.clock.fast_forward(2_000)
    pass_frames(page, 3)
    assert requests == []


def test_checkpoints_and_runs_are_deleted_and_restored(
    page: Page, dashboard: Dashboard, monitor: PageMonitor, photograph: Callable[..., None]
) -> None:
    monitor.allow_error_responses()
    page.goto("/runs")
    page.get_by_role("button", name="Delete old checkpoints").click()
    dialog = page.locator("#confirm-panel")
    expect(dialog).to_contain_text("Delete 3 old checkpoints?")
    expect(dialog).to_contain_text("This frees 3 kB and cannot be undone.")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    photograph(page, "delete-checkpoints")
    page.keyboard.press("Escape")
    assert dashboard.view("bad").checkpoints == (100_000, 200_000, 300_000)
    page.get_by_role("checkbox", name="Compare bad", exact=True).check()
    page.get_by_role("button", name="Delete their old checkpoints").click()
    expect(dialog).to_contain_text("Delete 2 old checkpoints?")
    expect(dialog).to_contain_text("This frees 2 kB")
    dialog.get_by_role("button", name="Delete").click()
    expect(page.locator("#toasts")).to_contain_text("Deleted 2 old checkpoints (2 kB).")
    assert dashboard.view("bad").checkpoints == (300_000,)

    page.get_by_role("button", name="Delete plain-59").click()
    toast = page.locator("#toasts .toast")
    expect(toast).to_contain_text("plain-59 moved to the trash.")
    expect(page.locator("#runs-count")).to_have_text("62 runs")
    assert not dashboard.home.run_folder("plain-59").exists()
    toast.get_by_role("button", name="Undo").press("Enter")
    expect(toast).to_contain_text("plain-59 restored.")
    expect(page.locator("#runs-count")).to_have_text("63 runs")
    assert dashboard.view("plain-59").name == "plain-59"

    page.goto("/runs/plain-59")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator("#run-missing")).to_contain_text("plain-59 is in the trash.")
    page.get_by_role("link", name="Show the trash").click()
    expect(page.locator("#trash-link")).to_have_text("Trash (1)")
    photograph(page, "trash-of-runs")
    page.get_by_role("button", name="Restore plain-59").press("Enter")
    expect(page.locator("#trash-empty")).to_be_visible()
    expect(page.locator("#runs-count")).to_have_text("63 runs")
    page.get_by_role("button", name="Delete plain-59").click()
    expect(page.locator("#trash-link")).to_have_text("Trash (1)")
    page.get_by_role("button", name="Trash (1)").click()  # closes it
    expect(page.locator("#trash")).to_be_hidden()
    page.get_by_role("button", name="Trash (1)").click()
    page.get_by_role("button", name="Empty trash").click()
    dialog.get_by_role("button", name="Delete permanently").click()
    expect(toast).to_contain_text("1 run deleted permanently.")
    assert list(dashboard.home.runs.glob(".*~*")) == []
    page.get_by_role("checkbox", name="Compare bad", exact=True).check()

    page.get_by_role("button", name="Clear selection").click()
    for name in ("plain-58", "plain-57", "plain-56"):
        page.get_by_role("checkbox", name=f"Compare {name}", exact=True).check()
    expect(page.locator("#compare-list .value")).to_have_text(["59", "58", "57"])
    shutil.rmtree(dashboard.home.run_folder("plain-58"))
    refusal = {"error": "A run that is alive is not deleted. Stop it first."}
    page.route("**/api/runs/plain-57", lambda route: route.fulfill(status=409, json=refusal))
    page.get_by_role("button", name="Delete", exact=True).click()
    message = "2 runs moved to the trash. A run that is alive is not deleted. Stop it first."
    expect(page.locator("#toasts .toast.bad p")).to_have_text(message)
    expect(page.locator("#compare-list a")).to_have_text(["plain-57"])
    expect(page.locator("#runs-count")).to_have_text("60 runs")


def test_finished_run_is_trained_longer_or_started_again(page: Page, photograph: Callable[..., None]) -> None:
    page.goto("/runs/kept")
    page.get_by_role("button", name="Train longer").click()
    steps = page.get_by_label("Steps in total")
    expect(steps).to_have_value("800,000")
    photograph(page, "train-longer")
    steps.fill("200,000")
    steps.press("Enter")
    expect(page.locator("#question-error")).to_contain_text("The number of steps is a whole number of 200,001 or more")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("link", name="Start again").click()
    expect(page.locator("#new-run-changes")).to_have_text("3 settings changed")
    expect(page.locator("#set-training-gamma")).to_have_value("0.5")
    expect(page.locator("#set-training-batch_size")).to_have_value("64")
    expect(page.locator("#set-training-seed")).to_have_value("103")
    photograph(page, "start-again")


def test_page_of_a_run_shows_its_records(page: Page, photograph: Callable[..., None]) -> None:
    page.goto("/runs")
    page.get_by_role("link", name="kept").click()
    expect(page.get_by_role("heading", name="kept")).to_be_visible()
    expect(page.locator("#run-state")).to_have_text("Finished")
    expect(page.locator("#run-facts")).to_contain_text(
        "training mean 300 (60 ended, 40 running) · best game 900 · preset default · dqn · seed 103"
    )
    expect(page.locator("#checkpoints li")).to_have_count(2)
    expect(page.locator("#checkpoints li").first).to_contain_text("Step 200,000latest")
    expect(page.locator("#checkpoints li").first).to_contain_text("1 kB")
    expect(page.locator("#evaluations tbody tr").first).to_have_text(
        re.compile(r"^300,000\s*best\s*2 of 10\s*80\s*100 \(56 to 204\)\s*30 \(25 to 38\)$")
    )
    expect(page.locator("#config-note")).to_contain_text("3 differ from the preset default")
    expect(page.locator("#config")).to_contain_text("gamma0.5 instead of 0.")
    expect(page.locator("#config dt")).to_have_count(3)
    page.get_by_role("switch", name="Changed settings only").uncheck(force=True)
    assert page.locator("#config dt").count() > 50
    expect(page.locator("#about")).to_contain_text("tetrarium train --name kept")
    expect(page.locator("#about")).to_contain_text("0123456789abcdef")
    expect(page.locator("#log")).to_have_text("It began.\n<b>It went on.</b>")
    expect(page.locator(".main-chart .chart-value")).to_have_text("mean 300 · best 900 · harder game 30 (25 to 38)")
    title = page.locator(".main-chart .chart-title")
    expect(title).to_have_text("Training mean")
    expect(title).to_have_attribute(
        "title", re.compile("^Mean lines of the latest games, those still running included")
    )
    page.locator("#main-chart canvas").focus()
    page.keyboard.press("Home")
    expect(page.locator("#main-chart canvas")).to_have_attribute("aria-valuenow", str(STEPS // 20))
    page.keyboard.press("Escape")
    photograph(page, "run")
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as table:
        page.get_by_role("button", name="Table (CSV)").click()
    assert table.value.suggested_filename == "tetrarium-kept.csv"


def test_numbers_of_a_run_are_the_same_everywhere(
    page: Page, dashboard: Dashboard, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = StringIO()
    with PlainDisplay(printed, interval_s=0.0) as display:
        run = TrainingRun.create(dashboard.home, "numbers", EnvConfig(), EVALUATED, display.handle)
        run.execute(hosted)
    terminal = printed.getvalue()
    with pytest.raises(SystemExit):
        main(["runs", "show", "numbers", "--json", "--home", str(dashboard.home.root)])
    shown = json.loads(capsys.readouterr().out)
    row, evaluation = read_last_row(run.folder, PROGRESS), read_last_row(run.folder, EVALUATIONS)
    recorded = scalars(run.folder)

    assert row["step"] == 4_000
    assert {name: row[name] for name in row if name in shown and "seconds" not in name} == {
        name: shown[name] for name in row if name in shown and "seconds" not in name
    }
    assert shown["evaluation"] == evaluation == dashboard.call("GET", "/runs/numbers/evaluations")[-1]
    assert recorded["games/training_mean"][-1] == (4_000, pytest.approx(row["training_mean"]))
    assert recorded["games/losses_per_10000_pieces"][-1] == (4_000, pytest.approx(row["losses_per_10000_pieces"]))
    for name, value in evaluation.items():
        if value is not None and f"evaluation/{name}" in recorded:
            assert recorded[f"evaluation/{name}"][-1] == (4_000, pytest.approx(value))

    mean = f"{lines_text(row['training_mean'])} ({row['training_n_ended']} ended, {row['training_n_running']} running"
    estimated = estimated_text(*(evaluation[f"estimated_{name}"] for name in ("lines", "low", "high")))
    harder = estimated_text(*(evaluation[f"harder_{name}"] for name in ("lines", "low", "high")))
    lines, survival = lines_text(evaluation["lines_until_limit"]), f"{evaluation['survival']} of 3"
    duration = durations_text(shown["seconds"], shown["evaluated_seconds"])
    assert f"training mean {mean}" in terminal
    assert f"Evaluated step 4,000: survival {survival} games, {lines} lines until the limit of 60 pieces" in terminal
    assert f"harder game {harder}" in terminal
    assert f"Finished at step 4,000 after {duration};" in terminal

    page.goto("/runs/numbers")
    expect(page.locator("#run-facts")).to_contain_text(f" · {duration} · training mean {mean})")
    cells = page.locator("#evaluations tbody tr").first.locator("td")
    expect(cells.first).to_contain_text("4,000")
    expect(cells).to_contain_text(["4,000", survival, lines, estimated, harder])


def test_replay_is_played_stepped_and_scrubbed(page: Page, tmp_path: Path, photograph: Callable[..., None]) -> None:
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
    expect(page.locator("#replay-board")).to_have_attribute("aria-label", f"Board after 450 pieces: {lines} lines")
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
    with page.expect_download() as animation:
        page.get_by_role("button", name="Animation from here (GIF)").click()
    animation.value.save_as(tmp_path / "game.gif")
    with Image.open(tmp_path / "game.gif") as image:
        assert image.format == "GIF"


def test_replay_follows_its_rank_and_reports_its_replacement(
    page: Page, dashboard: Dashboard, monitor: PageMonitor
) -> None:
    monitor.allow_error_responses()
    run = make_run(dashboard.home, "moving", seed=104)
    shutil.copytree(dashboard.home.run_folder("kept") / "replays", run / "replays")
    best, second = (run / "replays" / f"best-0{rank}.tetris-replay" for rank in (1, 2))
    page.goto("/runs/moving")
    player, choice, pieces = (page.locator(at) for at in ("#player", "#replay-choice", "#replay-pieces"))
    expect(player).to_have_attribute("data-shown", "0")
    best.rename(second)
    save_replay(run, "best-01", 40, seed=2)
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
    save_replay(run, "best-02", 210, seed=3)
    page.locator("#scrub").fill("250")
    expect(page.locator("#toasts")).to_contain_text("A newer game has replaced this one. Select another game.")
    expect(choice).to_have_value("")
    page.locator("#scrub").fill(str(N_PIECES - 1))
    expect(player).to_have_attribute("data-shown", str(N_PIECES - 1))
    choice.select_option("best-02")
    expect(pieces).to_have_text("0 of 210")
    expect(player).to_have_attribute("data-shown", "0")
    shutil.rmtree(run)


@pytest.mark.parametrize("height", [10, 40])
def test_board_of_a_replay_stays_in_its_card(page: Page, dashboard: Dashboard, height: int) -> None:
    run = make_run(dashboard.home, f"rows-{height}", seed=8)
    save_replay(run, "best-01", 10, config=EnvConfig(height=height))
    page.goto(f"/runs/rows-{height}")
    expect(page.locator("#player")).to_have_attribute("data-shown", "0")
    for width in (1440, 1000, 360):
        page.set_viewport_size({"width": width, "height": 900})
        pass_frames(page, 2)
        card = page.locator("section.card", has=page.locator("#player")).bounding_box()
        assert card is not None
        for part in ("#player canvas", ".player-figures", ".player-controls input"):
            box = page.locator(part).first.bounding_box()
            assert box is not None
            assert card["x"] <= box["x"] and box["x"] + box["width"] <= card["x"] + card["width"], (width, part)
    shutil.rmtree(run)


def test_page_of_a_run_loads_once_the_server_answers(page: Page, monitor: PageMonitor) -> None:
    monitor.allow_connection_errors()
    Interception(page, "**/api/runs/kept", times=1)
    page.goto("/runs/kept")
    expect(page.locator("#toasts")).to_contain_text("The server does not answer.")
    expect(page.get_by_role("heading", name="kept")).to_be_visible()
    expect(page.locator("#checkpoints li")).to_have_count(2)


def test_missing_run_is_reported(page: Page, monitor: PageMonitor) -> None:
    monitor.allow_error_responses()
    for path, name in (("/runs/nobody", "nobody"), ("/runs/%3Cb%3E", "<b>")):
        page.goto(path)
        expect(page.locator("#run-missing")).to_contain_text(f"There is no run {name}.")
        expect(page.locator("#run-body")).to_be_hidden()
    page.get_by_role("link", name="Show all runs").click()
    expect(page.locator("#runs-count")).to_have_text(re.compile("runs$"))


@EACH_WIDTH_AND_THEME
def test_pages_are_accessible_and_fit_the_window(page: Page, theme: Any, width: int) -> None:
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
    assert table is not None and table["width"] <= width, "all actions are within the window"
    page.get_by_role("button", name="Delete old checkpoints").click()
    expect(page.locator("#confirm-panel")).to_contain_text("This frees")
    assert violations(page) == []
    page.goto("/runs/kept")
    expect(page.locator("#player")).to_have_attribute("data-shown", "0")
    expect(page.locator("#config-note")).to_contain_text("3 differ")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_run_and_its_replay_are_found_by_keyboard(page: Page) -> None:
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


def test_run_that_starts_during_listing_is_watched(page: Page, dashboard: Dashboard) -> None:
    open_run(page, "good")
    held: list[tuple[Route, APIResponse]] = []
    Interception(page, "**/api/runs", lambda route: held.append((route, route.fetch())), times=1)
    with page.expect_request("**/api/runs"):
        page.evaluate("window.dispatchEvent(new HashChangeEvent('hashchange'))")
    wait_until(lambda: page.evaluate("1") and held, "the held response")
    make_run(dashboard.home, "sudden", seed=200)
    page.evaluate("location.hash = '#run/sudden'")
    pass_frames(page, 2)
    route, answer = held[0]
    route.fulfill(response=answer)
    expect(page.locator("#run-name")).to_have_text("sudden")
    expect(page.locator("#toasts")).not_to_contain_text("There is no run")
    page.goto("about:blank")  # the page would log that the run is missing
    shutil.rmtree(dashboard.home.run_folder("sudden"))


def test_run_is_found_although_a_listing_failed(page: Page, dashboard: Dashboard, monitor: PageMonitor) -> None:
    monitor.allow_connection_errors()
    open_run(page, "good")
    failing = Interception(page, "**/api/runs")
    make_run(dashboard.home, "sudden", seed=200)
    with page.expect_event("requestfailed"):
        page.evaluate("location.hash = '#run/sudden'")
    pass_frames(page, 2)
    failing.end()
    expect(page.locator("#run-name")).to_have_text("sudden")
    expect(page.locator("#toasts")).not_to_contain_text("There is no run")
    page.goto("about:blank")  # the page would log that the run is missing
    shutil.rmtree(dashboard.home.run_folder("sudden"))


def test_history_keeps_its_first_rows_during_long_runs(page: Page) -> None:
    page.goto("/runs/kept")
    steps = page.evaluate(_HISTORY)
    assert steps[0] == 2_000 and steps[-1] == 1_100_000
    assert len(steps) <= 1_300
    gaps = [after - before for before, after in pairwise(steps)]
    assert min(gaps[:-1]) >= 2_000, "the curve is no denser than when it is read again"
    assert gaps[-1] > 0 and max(gaps) <= 2 * 1_100_000 / 600


def test_numbers_are_formatted_and_parsed(page: Page) -> None:
    page.goto("/runs/kept")
    percents, ticks, values, size, left, axis, small_axis, between, places = page.evaluate(_FORMATS)
    minus = "\N{MINUS SIGN}"
    assert percents == ["100 %", "99 %", "1.2 %", f"1.0e{minus}5 %", "0 %", f"{minus}50 %"]
    assert ticks == ["1,000", "1M", "10k", "0.5", "0"]
    assert values == ["0.100", "100", "999", f"{minus}3.14", f"1.00e{minus}5"]
    assert size == "999 kB"
    assert left == ["41 s left", "36 min left", "2 h 30 min left", ""]
    assert (axis, small_axis) == (["0", "5k", "10k"], ["0", "500", "1,000"]), "one unit on one axis"
    assert between == [0, 0.2, 0.4], "at least two ticks"
    assert places == [8, 12, 28], "labels stand apart, and within the plot"
    assert page.evaluate(_NUMBERS, list(NUMBER_TEXTS)) == list(NUMBER_TEXTS.values())
    assert page.evaluate(_SORTED, [column[::-1] for column in _COLUMNS]) == _COLUMNS, "lists are sorted by value"


def test_every_page_works_behind_a_proxy_that_removes_a_prefix(browser: Browser, dashboard: Dashboard) -> None:
    server = urlsplit(dashboard.url)
    assert server.hostname is not None and server.port is not None
    with prefix_proxy((server.hostname, server.port), "/user/ada/proxy/8765") as proxy:
        monitor = PageMonitor(urlsplit(proxy.url).netloc)
        context = browser.new_context(base_url=proxy.url)
        monitor.follow(context)
        page = context.new_page()
        sockets = []
        for path in ("", "runs", "runs/good", "models", "models/champion", "play", "tuning"):
            with page.expect_websocket() as opened:
                page.goto(path)
            page.wait_for_load_state("load")
            expect(page.locator("nav a").first).to_have_attribute("href", re.compile(r"^\.\.?/$"))
            links = page.evaluate("[...document.links].map(({ href }) => href)")
            assert [link for link in links if not link.startswith(proxy.url)] == [], path
            sockets.append(opened.value)
        assert {socket.url for socket in sockets} == {f"{proxy.url.replace('http', 'ws', 1)}api/live"}
        with sockets[-1].expect_event("framereceived"):
            pass
        page.get_by_role("link", name="Runs", exact=True).click()
        page.get_by_role("link", name="good", exact=True).click()
        expect(page).to_have_url(f"{proxy.url}runs/good")
        expect(page.locator("h1")).to_contain_text("good")
        statuses = page.evaluate(
            """async () => [(await fetch("../api/demos", { method: "POST", body: "{}",
                headers: { "Content-Type": "application/json" } })).status]"""
        )
        context.close()
    assert statuses == [422], "the Origin was accepted"
    assert proxy.strays == []
