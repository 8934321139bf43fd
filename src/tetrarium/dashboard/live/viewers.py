"""Viewers: WebSocket clients with a subscription and the messages that wait to be sent.

A viewer keeps only the newest message of each kind, so a slow client receives the newest board, never a queue of old
ones. Messages are complete text frames, encoded once for all viewers.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from tetrarium.workers.protocol.commands import MAX_BOARDS_PER_SECOND

BOARDS: Final = frozenset({"board-shown", "table-shown"})  # a source has one of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """The source that a viewer watches, and what it receives of it."""

    kind: str  # "run", "demo" or "human-game"
    name: str
    boards: bool = True
    action_values: bool = False
    boards_per_second: int = MAX_BOARDS_PER_SECOND

    @property
    def source(self) -> str:
        """Name of the source in messages."""
        return f"{self.kind}/{self.name}"


class Viewer:
    """The server's side of one WebSocket.

    Args:
        send: Sends a text frame; waits while the socket's buffer is full.
    """

    def __init__(self, send: Callable[[str], Awaitable[None]]) -> None:
        self._send = send
        self._waiting: dict[str, str] = {}  # kind to text, in order of arrival
        self._wake = asyncio.Event()
        self._board_due_s = 0.0
        self.subscription: Subscription | None = None

    def subscribe(self, subscription: Subscription | None) -> None:
        """Replaces the subscription; unsent messages of another source are dropped."""
        current = self.subscription
        if subscription is None or current is None or subscription.source != current.source:
            self._waiting.clear()
        self.subscription = subscription
        self._board_due_s = 0.0

    def offer(self, kind: str, text: str) -> None:
        """Queues a message; it replaces an unsent one of the same kind."""
        if kind in BOARDS and (self.subscription is None or not self.subscription.boards):
            return
        self._waiting[kind] = text
        self._wake.set()

    async def send_forever(self) -> None:
        """Sends queued messages until the task is canceled or the socket is closed."""
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
        """Returns whether the next board may be sent now; if not, schedules another check."""
        rate = self.subscription.boards_per_second if self.subscription is not None else MAX_BOARDS_PER_SECOND
        if rate >= MAX_BOARDS_PER_SECOND:  # the rate of workers
            return True
        if now_s < self._board_due_s:
            asyncio.get_running_loop().call_at(self._board_due_s, self._wake.set)
            return False
        gap_s = 1 / rate
        self._board_due_s = max(self._board_due_s + gap_s, now_s + gap_s / 2)  # a board may be a little early
        return True

    async def _pop_and_send(self, kind: str) -> None:
        text = self._waiting.pop(kind, None)  # None if it was dropped while another one was being sent
        if text is not None:
            await self._send(text)
