"""Memory of the live page during an hour of watching and switching modes."""

import os
import time
from typing import Final

import pytest
from playwright.sync_api import Page

from tests.dashboard.page.page_helpers import expect_state, next_board, open_run
from tests.dashboard.page.served_dashboard import Dashboard

_LENGTH_S: Final = float(os.environ.get("TETRARIUM_SOAK_S", "3600"))
_GROWTH: Final = 1.25  # of the heap after garbage collection, from the second round on


@pytest.mark.oracle
def test_memory_does_not_grow(page: Page, dashboard: Dashboard) -> None:
    dashboard.start_run("long")
    open_run(page, "long")
    expect_state(page, "Running")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    heaps, nodes = [], []
    end = time.monotonic() + _LENGTH_S
    while time.monotonic() < end:
        for mode in ("3", "2", "t"):
            page.keyboard.press(mode)
            for _ in range(100):
                next_board(page)
        page.keyboard.press("1")
        page.keyboard.press("2")
        page.keyboard.press("r")
        page.keyboard.press("Escape")
        session.send("HeapProfiler.collectGarbage")
        metrics = {item["name"]: item["value"] for item in session.send("Performance.getMetrics")["metrics"]}
        heaps.append(metrics["JSHeapUsedSize"])
        nodes.append(metrics["Nodes"])
    assert len(heaps) > 2
    assert max(heaps[2:]) <= _GROWTH * max(heaps[1], 4e6)
    assert max(nodes[2:]) <= _GROWTH * nodes[1]
