"""A viewer is sent the newest of each kind, at the pace that it asked for, and never a queue."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tetrarium.dashboard.viewers import Viewer, Wish


class Socket:
    """Takes texts, one at a time, as soon as it is ready for them."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.ready = asyncio.Event()
        self.ready.set()
        self._more = asyncio.Event()

    async def send(self, text: str) -> None:
        self.texts.append(text)
        self._more.set()
        await self.ready.wait()

    async def heard(self, text: str) -> None:
        """Waits until this is the latest."""
        while not self.texts or self.texts[-1] != text:
            self._more.clear()
            await self._more.wait()


def scene(play: Callable[[Socket, Viewer], Coroutine[Any, Any, None]]) -> None:
    """Plays with a viewer that sends."""

    async def main() -> None:
        socket = Socket()
        viewer = Viewer(socket.send)
        sending = asyncio.create_task(viewer.send_forever())
        await play(socket, viewer)
        sending.cancel()

    asyncio.run(main())


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_slow_viewer_gets_the_newest_board_and_no_old_ones() -> None:
    async def play(socket: Socket, viewer: Viewer) -> None:
        viewer.watch(Wish(kind="run", name="first"))
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

    scene(play)


def test_a_viewer_that_wants_no_boards_gets_none() -> None:
    async def play(socket: Socket, viewer: Viewer) -> None:
        viewer.offer("board-shown", "board 1")
        viewer.watch(Wish(kind="run", name="first", boards=False))
        viewer.offer("board-shown", "board 2")
        viewer.offer("progress", "progress")
        await settle()
        assert socket.texts == ["progress"]

    scene(play)


def test_what_is_left_of_another_source_is_dropped() -> None:
    async def play(socket: Socket, viewer: Viewer) -> None:
        viewer.watch(Wish(kind="run", name="first"))
        viewer.offer("board-shown", "first's")
        viewer.watch(Wish(kind="run", name="second"))
        await settle()
        viewer.offer("board-shown", "second's")
        viewer.watch(Wish(kind="run", name="second", thoughts=True))
        await settle()
        assert socket.texts == ["second's"]

    scene(play)


@pytest.mark.parametrize("rate", [4, 20])
def test_boards_keep_to_the_pace_and_the_last_one_comes(rate: int) -> None:
    async def play(socket: Socket, viewer: Viewer) -> None:
        viewer.watch(Wish(kind="run", name="first", boards_per_second=rate))
        begun_s = asyncio.get_running_loop().time()
        for number in range(60):
            viewer.offer("board-shown", f"board {number}")
            await asyncio.sleep(0.01)
        await socket.heard("board 59")
        spent_s = asyncio.get_running_loop().time() - begun_s
        assert socket.texts[0] == "board 0"
        assert 2 <= len(socket.texts) <= spent_s * rate + 2

    scene(play)
