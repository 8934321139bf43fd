"""A hub ends once nobody watches, and never takes another of its source with it; what it knows it tells once."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.workers.served import LIMIT_S, listening
from tetrarium.dashboard import hubs
from tetrarium.dashboard.sources import Source
from tetrarium.dashboard.viewers import Viewer, Wish
from tetrarium.errors import WorkerError
from tetrarium.events import StateChanged
from tetrarium.registry.home import Home
from tetrarium.training.runs.control import Control
from tetrarium.workers.server import WorkerServer

GRACE_S = 0.05


async def send(_text: str) -> None:
    """Nobody reads it."""


def test_a_viewer_who_comes_as_the_last_one_goes_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "_GRACE_S", GRACE_S)
    source = Source(home=Home.locate(tmp_path), kind="hand", id="a", folder=tmp_path / "hands" / "a")

    async def main() -> None:
        watched = hubs.Hubs()
        viewer = Viewer(send)
        viewer.watch(Wish(kind="hand", name="a"))
        for _ in range(2):  # so that the first hub is to end twice
            watched.watch(viewer, source)
            watched.leave(viewer, source.name)
            await asyncio.sleep(GRACE_S / 2)
        await asyncio.sleep(GRACE_S * 0.75)
        watched.watch(viewer, source)  # by another hub
        await asyncio.sleep(GRACE_S)
        with pytest.raises(WorkerError, match="hand/a is not under way yet, or no longer"):
            await watched.tell(source.name, "keys", keys=[])
        watched.leave(viewer, source.name)
        await asyncio.sleep(2 * GRACE_S)
        with pytest.raises(WorkerError, match="hand/a is watched by nobody"):
            await watched.tell(source.name, "keys", keys=[])
        await watched.close()

    asyncio.run(main())


def test_a_state_whose_message_was_dropped_is_told_with_the_next_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "_LEASE_EVERY_S", 0.02)
    source = Source(home=Home.locate(tmp_path), kind="run", id="a", folder=tmp_path / "a")
    heard: list[Any] = []

    async def main(server: WorkerServer, control: Control) -> None:
        told: asyncio.Queue[tuple[str, int, str]] = asyncio.Queue()

        async def hear(text: str) -> None:
            message = json.loads(text)["event"]
            if message["kind"] == "state-changed":
                told.put_nowait((message["state"], message["step"], message["message"]))

        watched = hubs.Hubs()
        viewer = Viewer(hear)
        viewer.watch(Wish(kind="run", name="a"))
        sending = asyncio.create_task(viewer.send_forever())
        watched.watch(viewer, source)
        server.publish(StateChanged(state="running", step=1, message="Training."))
        heard.append(await asyncio.wait_for(told.get(), LIMIT_S))
        server._note(StateChanged(state="paused", step=2, message="Paused."))  # as where nothing comes through
        heard.append(await asyncio.wait_for(told.get(), LIMIT_S))
        control.ask_to_stop()
        await asyncio.sleep(0.2)
        assert told.empty()
        sending.cancel()
        await watched.close()

    with listening(source.folder) as (server, control):
        asyncio.run(main(server, control))
    assert heard == [("running", 1, "Training."), ("paused", 2, "Paused.")]


def test_other_wishes_bring_the_latest_board_and_no_old_news(tmp_path: Path) -> None:
    source = Source(home=Home.locate(tmp_path), kind="run", id="a", folder=tmp_path / "runs" / "a")
    heard: list[str] = []

    class Listener(Viewer):
        def offer(self, kind: str, text: str) -> None:
            heard.append(kind)
            super().offer(kind, text)

    async def main() -> None:
        watched = hubs.Hubs()
        viewer = Listener(send)
        viewer.watch(Wish(kind="run", name="a", boards=False))
        watched.watch(viewer, source)
        for kind in ("run-started", "warning-given", "board-shown"):
            watched._hubs[source.name]._tell(f'{{"kind": "{kind}"}}')
        heard.clear()
        viewer.watch(Wish(kind="run", name="a"))
        watched.watch(viewer, source)
        assert heard == ["board-shown"]
        watched.leave(viewer, source.name)
        watched.watch(viewer, source)
        assert heard[1:] == ["run-started", "warning-given", "board-shown"], "who comes anew is told all"
        await watched.close()

    asyncio.run(main())
