"""Viewers receive the newest message of each kind at the requested rate."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tetrarium.dashboard.live.viewers import Subscription, Viewer


class Socket:
    """Socket that accepts one text at a time, whenever ``ready`` is set."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.ready = asyncio.Event()
        self.ready.set()
        self._more = asyncio.Event()

    async def send(self, text: str) -> None:
        self.texts.append(text)
        self._more.set()
        await self.ready.wait()

    async def wait_for(self, text: str) -> None:
        """Waits until the text is the latest one wait_for."""
        while not self.texts or self.texts[-1] != text:
            self._more.clear()
            await self._more.wait()


def run_with_viewer(scenario: Callable[[Socket, Viewer], Coroutine[Any, Any, None]]) -> None:
    """Runs a coroutine with a viewer that sends to a socket."""

    async def main() -> None:
        socket = Socket()
        viewer = Viewer(socket.send)
        sending = asyncio.create_task(viewer.send_forever())
        await scenario(socket, viewer)
        sending.cancel()

    asyncio.run(main())


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_slow_viewer_gets_the_newest_board_and_no_old_ones() -> None:
    async def scenario(socket: Socket, viewer: Viewer) -> None:
        viewer.subscribe(Subscription(kind="run", name="first"))
        socket.ready.clear()
        viewer.offer("board-shown", "board 1")
        await settle()
        for number in range(2, 100):
            viewer.offer("board-shown", f"board {number}")
            viewer.offer("progress", f"progress {number}")
        viewer.offer("state-changed", "paused")
        await settle()
        socket.ready.set()
        await settle()
        assert socket.texts == ["board 1", "progress 99", "paused", "board 99"]

    run_with_viewer(scenario)


def test_a_subscription_without_boards_receives_none() -> None:
    async def scenario(socket: Socket, viewer: Viewer) -> None:
        viewer.offer("board-shown", "board 1")
        viewer.subscribe(Subscription(kind="run", name="first", boards=False))
        viewer.offer("board-shown", "board 2")
        viewer.offer("progress", "progress")
        await settle()
        assert socket.texts == ["progress"]

    run_with_viewer(scenario)


def test_unsent_messages_of_another_source_are_dropped() -> None:
    async def scenario(socket: Socket, viewer: Viewer) -> None:
        viewer.subscribe(Subscription(kind="run", name="first"))
        viewer.offer("board-shown", "first's")
        viewer.subscribe(Subscription(kind="run", name="second"))
        await settle()
        viewer.offer("board-shown", "second's")
        viewer.subscribe(Subscription(kind="run", name="second", action_values=True))
        await settle()
        assert socket.texts == ["second's"]

    run_with_viewer(scenario)


@pytest.mark.parametrize("rate", [4, 20])
def test_boards_keep_the_requested_rate_and_the_last_one_arrives(rate: int) -> None:
    async def scenario(socket: Socket, viewer: Viewer) -> None:
        viewer.subscribe(Subscription(kind="run", name="first", boards_per_second=rate))
        started_s = asyncio.get_running_loop().time()
        for number in range(60):
            viewer.offer("board-shown", f"board {number}")
            await asyncio.sleep(0.01)
        await socket.wait_for("board 59")
        elapsed_s = asyncio.get_running_loop().time() - started_s
        assert socket.texts[0] == "board 0"
        assert 2 <= len(socket.texts) <= elapsed_s * rate + 2

    run_with_viewer(scenario)
