"""The page after the worker, the server or the connection is lost."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, WebSocketRoute, expect

from tests.dashboard.page.page_helpers import PageMonitor, expect_state, next_board, open_run
from tests.dashboard.page.served_dashboard import Dashboard, wait_until


def test_killed_worker_is_shown_as_crashed_and_resumes(
    page: Page, dashboard: Dashboard, photograph: Callable[..., None]
) -> None:
    dashboard.start_run("killed")
    wait_until(lambda: dashboard.view("killed").checkpoints, "a checkpoint")
    open_run(page, "killed")
    expect_state(page, "Running")
    dashboard.kill_worker("killed")
    expect_state(page, "Crashed")
    expect(page.locator("#notice-title")).to_have_text(re.compile(r"^The worker crashed at step [\d,]+\.$"))
    photograph(page, "crashed")
    page.get_by_role("button", name="Show log").click()
    expect(page.get_by_role("heading", name="Log of killed")).to_be_visible()
    page.get_by_role("button", name="Close", exact=True).click()
    checkpoint = max(dashboard.view("killed").checkpoints)
    page.locator("#notice").get_by_role("button", name="Resume").click()
    expect_state(page, "Running")
    expect(page.locator("#board-message")).to_be_hidden()  # until then another agent plays
    assert next_board(page)["step"] >= checkpoint
    dashboard.command("killed", "stop")


def test_restarted_server_finds_the_active_run(
    page: Page, dashboard: Dashboard, monitor: PageMonitor, photograph: Callable[..., None]
) -> None:
    monitor.allow_connection_errors()
    dashboard.start_run("alive")
    open_run(page, "alive")
    next_board(page)
    before = dashboard.step("alive")
    dashboard.kill()
    expect_state(page, "Connection lost")
    expect(page.locator("#board-message strong")).to_have_text("Connection lost")
    photograph(page, "connection-lost")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#toasts")).to_contain_text("The server does not answer.")
    dashboard.start()
    expect_state(page, "Running")
    expect(page.locator("#board-message")).to_be_hidden()
    assert next_board(page)["step"] > before
    dashboard.command("alive", "stop")


def test_lost_connection_is_restored(page: Page, dashboard: Dashboard, monitor: PageMonitor) -> None:
    monitor.allow_connection_errors()
    routes: list[WebSocketRoute] = []

    def pass_on(route: WebSocketRoute) -> None:
        routes.append(route)
        route.connect_to_server()

    page.route_web_socket("**/api/live", pass_on)
    dashboard.start_run("far")
    open_run(page, "far")
    before = next_board(page)["step"]
    page.context.set_offline(True)
    routes[0].close(code=1011, reason="lost")
    expect_state(page, "Connection lost")
    page.context.set_offline(False)
    expect_state(page, "Running")
    wait_until(lambda: next_board(page)["step"] > before, "boards that came since")
    dashboard.command("far", "stop")


def test_failed_run_shows_its_error(page: Page, dashboard: Dashboard, photograph: Callable[..., None]) -> None:
    dashboard.start_run("failing", checkpoint_every=500)
    wait_until(lambda: dashboard.view("failing").checkpoints, "a checkpoint")
    open_run(page, "failing")
    expect_state(page, "Running")
    folder = dashboard.home.run_folder("failing")
    (folder / "checkpoints").rename(folder / "elsewhere")
    (folder / "checkpoints").write_text("no folder")
    expect_state(page, "Failed")
    expect(page.locator("#notice-title")).to_have_text(re.compile(r"^Failed at step [\d,]+\.$"))
    expect(page.locator("#notice")).to_contain_text("checkpoints")
    photograph(page, "failed")
