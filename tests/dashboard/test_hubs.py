"""Hubs: their lifetime, the state that they publish, and the messages that viewers receive."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.workers.servers import LIMIT_S, listening
from tetrarium.dashboard.live import hubs
from tetrarium.dashboard.live.sources import Source
from tetrarium.dashboard.live.viewers import Subscription, Viewer
from tetrarium.errors import WorkerError
from tetrarium.events import StateChanged
from tetrarium.registry.home import Home
from tetrarium.training.runs.control import Control
from tetrarium.workers.protocol.server import WorkerServer

GRACE_S = 0.05


async def send(_text: str) -> None:
    """Discards a message."""


def test_a_hub_ends_without_viewers_and_never_ends_its_successor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "_GRACE_S", GRACE_S)
    source = Source(home=Home.locate(tmp_path), kind="human-game", id="a", folder=tmp_path / "human-games" / "a")

    async def main() -> None:
        watched = hubs.Hubs()
        viewer = Viewer(send)
        viewer.subscribe(Subscription(kind="human-game", name="a"))
        for _ in range(2):  # schedules the end of the first hub twice
            watched.add(viewer, source)
            watched.remove(viewer, source.name)
            await asyncio.sleep(GRACE_S / 2)
        await asyncio.sleep(GRACE_S * 0.75)
        watched.add(viewer, source)  # to a second hub
        await asyncio.sleep(GRACE_S)
        with pytest.raises(WorkerError, match="human-game/a is not running"):
            await watched.send_command(source.name, "keys", keys=[])
        watched.remove(viewer, source.name)
        await asyncio.sleep(2 * GRACE_S)
        with pytest.raises(WorkerError, match="human-game/a has no viewers"):
            await watched.send_command(source.name, "keys", keys=[])
        await watched.close()

    asyncio.run(main())


def test_a_lost_state_event_is_corrected_by_the_next_response(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "_LEASE_INTERVAL_S", 0.02)
    source = Source(home=Home.locate(tmp_path), kind="run", id="a", folder=tmp_path / "a")
    received: list[Any] = []

    async def main(server: WorkerServer, control: Control) -> None:
        states: asyncio.Queue[tuple[str, int, str]] = asyncio.Queue()

        async def receive(text: str) -> None:
            message = json.loads(text)["event"]
            if message["kind"] == "state-changed":
                states.put_nowait((message["state"], message["step"], message["message"]))

        watched = hubs.Hubs()
        viewer = Viewer(receive)
        viewer.subscribe(Subscription(kind="run", name="a"))
        sending = asyncio.create_task(viewer.send_forever())
        watched.add(viewer, source)
        server.publish(StateChanged(state="running", step=1, message="Training."))
        received.append(await asyncio.wait_for(states.get(), LIMIT_S))
        server._update_state(StateChanged(state="paused", step=2, message="Paused."))  # without an event
        received.append(await asyncio.wait_for(states.get(), LIMIT_S))
        control.request_stop()
        await asyncio.sleep(0.2)
        assert states.empty()
        sending.cancel()
        await watched.close()

    with listening(source.folder) as (server, control):
        asyncio.run(main(server, control))
    assert received == [("running", 1, "Training."), ("paused", 2, "Paused.")]


@pytest.mark.parametrize(
    ("board", "plain"),
    [
        ({"kind": "board-shown", "step": 1, "action_values": {"actions": [], "chosen": 3}},
         {"kind": "board-shown", "step": 1, "action_values": None}),
        ({"kind": "table-shown", "seats": [{"agent": "a", "action_values": {"actions": []}}, {"action_values": None}]},
         {"kind": "table-shown", "seats": [{"agent": "a", "action_values": None}, {"action_values": None}]}),
    ],
)  # fmt: skip
def test_only_viewers_that_ask_for_action_values_receive_them(
    board: dict[str, Any], plain: dict[str, Any], tmp_path: Path
) -> None:
    source = Source(home=Home.locate(tmp_path), kind="run", id="a", folder=tmp_path / "runs" / "a")

    class Listener(Viewer):
        latest: Any = None

        def offer(self, kind: str, text: str) -> None:
            self.latest = json.loads(text)["event"]

    def watching(*, action_values: bool) -> Subscription:
        return Subscription(kind="run", name="a", action_values=action_values)

    async def main() -> None:
        watched, with_values, without = hubs.Hubs(), Listener(send), Listener(send)
        for viewer in (with_values, without):
            viewer.subscribe(watching(action_values=viewer is with_values))
            watched.add(viewer, source)
        watched._hubs[source.name]._publish(json.dumps(board))
        assert (with_values.latest, without.latest) == (board, plain)
        for viewer in (with_values, without):
            viewer.subscribe(watching(action_values=viewer is without))
            watched.add(viewer, source)
        assert (with_values.latest, without.latest) == (plain, board)
        await watched.close()

    asyncio.run(main())


def test_a_changed_subscription_brings_the_latest_board_only(tmp_path: Path) -> None:
    source = Source(home=Home.locate(tmp_path), kind="run", id="a", folder=tmp_path / "runs" / "a")
    received: list[str] = []

    class Listener(Viewer):
        def offer(self, kind: str, text: str) -> None:
            received.append(kind)
            super().offer(kind, text)

    async def main() -> None:
        watched = hubs.Hubs()
        viewer = Listener(send)
        viewer.subscribe(Subscription(kind="run", name="a", boards=False))
        watched.add(viewer, source)
        for kind in ("run-started", "warning-given", "board-shown"):
            watched._hubs[source.name]._publish(f'{{"kind": "{kind}"}}')
        received.clear()
        viewer.subscribe(Subscription(kind="run", name="a"))
        watched.add(viewer, source)
        assert received == ["board-shown"]
        watched.remove(viewer, source.name)
        watched.add(viewer, source)
        assert received[1:] == ["run-started", "warning-given", "board-shown"], (
            "a returning viewer receives the latest message of each kind"
        )
        await watched.close()

    asyncio.run(main())
