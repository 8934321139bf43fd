"""Somebody who looks on: what is still to be sent to one socket.

A viewer keeps the newest message of each kind and no other, so one who reads slowly sees the newest board, never a
queue of old ones. Messages are whole frames of text, encoded once for all viewers.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from tetrarium.workers.leases import MAX_BOARDS_PER_SECOND

__all__ = ["BOARDS", "Viewer", "Wish"]

BOARDS: Final = frozenset({"board-shown", "seats-shown"})  # of which a source has one


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a viewer wants to see."""

    kind: str  # "run" or "player"
    name: str
    boards: bool = True
    thoughts: bool = False
    boards_per_second: int = MAX_BOARDS_PER_SECOND

    @property
    def source(self) -> str:
        """As messages name it."""
        return f"{self.kind}/{self.name}"


class Viewer:
    """One socket's end.

    Args:
        send: Sends a text, and waits while the socket is full.
    """

    def __init__(self, send: Callable[[str], Awaitable[None]]) -> None:
        self._send = send
        self._waiting: dict[str, str] = {}  # kind to text, in the order in which kinds came
        self._wake = asyncio.Event()
        self._board_due_s = 0.0
        self.wish: Wish | None = None

    def watch(self, wish: Wish | None) -> None:
        """Takes note of what is watched from now on; what is left of another source is dropped."""
        if wish is None or self.wish is None or wish.source != self.wish.source:
            self._waiting.clear()
        self.wish = wish
        self._board_due_s = 0.0

    def offer(self, kind: str, text: str) -> None:
        """Hands in a message, in place of one of its kind that was not sent yet."""
        if kind in BOARDS and (self.wish is None or not self.wish.boards):
            return
        self._waiting[kind] = text
        self._wake.set()

    async def send_forever(self) -> None:
        """Sends what is handed in, until cancelled or until the socket is gone."""
        clock = asyncio.get_running_loop().time
        while True:
            await self._wake.wait()
            self._wake.clear()
            for kind in list(self._waiting):
                if kind not in BOARDS:
                    await self._pop_and_send(kind)
            for kind in BOARDS & self._waiting.keys():
                if self._is_board_due(clock()):
                    await self._pop_and_send(kind)

    def _is_board_due(self, now_s: float) -> bool:
        """Whether the next board may go now; if not, it is looked at again when it may."""
        rate = self.wish.boards_per_second if self.wish is not None else MAX_BOARDS_PER_SECOND
        if rate >= MAX_BOARDS_PER_SECOND:  # no worker makes more
            return True
        if now_s < self._board_due_s:
            asyncio.get_running_loop().call_at(self._board_due_s, self._wake.set)
            return False
        gap_s = 1 / rate
        self._board_due_s = max(self._board_due_s + gap_s, now_s + gap_s / 2)  # a board may come a little early
        return True

    async def _pop_and_send(self, kind: str) -> None:
        text = self._waiting.pop(kind, None)  # none where it was dropped while another was being sent
        if text is not None:
            await self._send(text)
