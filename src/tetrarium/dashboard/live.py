"""The socket ``/api/live``: what a viewer says, and what it is told beside its source's messages.

A viewer says ``{"watch": {"kind": "run", "name": "first"}}`` or ``{"watch": null}``. What it says wrong is answered by
``{"error": …}``; who says too much is closed with the reason.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Final, Literal

from fastapi import FastAPI, WebSocket
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.websockets import WebSocketDisconnect

from tetrarium.dashboard.answers import error_answer, error_body
from tetrarium.dashboard.hubs import Hubs
from tetrarium.dashboard.schemas import NAME_PATTERN
from tetrarium.dashboard.sources import find_source, home_signature
from tetrarium.dashboard.viewers import MAX_BOARDS_PER_SECOND, Viewer, Wish
from tetrarium.errors import ConfigError, TetrariumError
from tetrarium.registry.home import Home

__all__ = ["Live"]

_MAX_VIEWERS: Final = 500
_MESSAGES_PER_SECOND: Final = 20.0
_MESSAGES_AT_ONCE: Final = 60.0
_TOO_MANY: Final = 1008  # policy violation
_HEARTBEAT_EVERY_S: Final = 2.0
_LOOK_EVERY_S: Final = 1.0
_HOME: Final = '{{"source": "home", "event": {{"kind": "{}"}}}}'


class _Watched(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    kind: Literal["run", "player"]
    name: str = Field(pattern=NAME_PATTERN)
    boards: bool = True
    thoughts: bool = False
    boards_per_second: int = Field(default=MAX_BOARDS_PER_SECOND, ge=1, le=MAX_BOARDS_PER_SECOND)


class _Said(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    watch: _Watched | None


class Live:
    """All viewers of a home, and what they watch.

    Args:
        home: Whose runs and players.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._hubs = Hubs()
        self._viewers: set[Viewer] = set()
        self._tasks: list[asyncio.Task[None]] = []

    @contextlib.asynccontextmanager
    async def running(self, _app: FastAPI) -> AsyncIterator[None]:
        """Tells of the home as long as the application runs."""
        self._tasks = [asyncio.create_task(part) for part in (self._beat(), self._look_at_home())]
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._hubs.close()

    async def serve(self, socket: WebSocket) -> None:
        """Serves one socket from its beginning to its end."""
        if len(self._viewers) >= _MAX_VIEWERS:
            await socket.send_denial_response(
                error_answer(429, f"A dashboard has at most {_MAX_VIEWERS} viewers. Close a page.")
            )
            return
        await socket.accept()
        viewer = Viewer(socket.send_text)
        self._viewers.add(viewer)
        sending = asyncio.create_task(viewer.send_forever())
        try:
            await self._listen(socket, viewer)
        except WebSocketDisconnect:
            pass
        finally:
            self._viewers.discard(viewer)
            self._stop_watching(viewer)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _listen(self, socket: WebSocket, viewer: Viewer) -> None:
        """Takes in what a viewer says, until it leaves or says too much."""
        allowance = _Allowance()
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if not allowance.take():
                await socket.close(_TOO_MANY, f"At most {_MESSAGES_PER_SECOND:.0f} messages a second.")
                return
            try:
                await self._watch(viewer, _read(message.get("text")))
            except TetrariumError as error:
                viewer.offer("error", error_body(str(error)).decode())

    async def _watch(self, viewer: Viewer, wish: Wish | None) -> None:
        if wish is None:
            self._stop_watching(viewer)
            viewer.watch(None)
            return
        source = await asyncio.to_thread(find_source, self._home, wish.kind, wish.name)
        if viewer.wish is not None and viewer.wish.source != wish.source:
            self._stop_watching(viewer)
        viewer.watch(wish)
        self._hubs.watch(viewer, source)

    def _stop_watching(self, viewer: Viewer) -> None:
        if viewer.wish is not None:
            self._hubs.leave(viewer, viewer.wish.source)

    def _tell_all(self, kind: str) -> None:
        for viewer in self._viewers:
            viewer.offer(kind, _HOME.format(kind))

    async def _beat(self) -> None:
        """Lets pages tell a quiet server from a lost one."""
        while True:
            await asyncio.sleep(_HEARTBEAT_EVERY_S)
            self._tell_all("heartbeat")

    async def _look_at_home(self) -> None:
        """Notices runs and players that come, go or change, whoever began them; only while somebody is there."""
        known: object = None
        while True:
            if self._viewers:
                seen = await asyncio.to_thread(home_signature, self._home)
                if seen != known:
                    self._tell_all("runs-changed")
                known = seen
            await asyncio.sleep(_LOOK_EVERY_S)


class _Allowance:
    """How many messages one viewer may still send."""

    def __init__(self) -> None:
        self._left = _MESSAGES_AT_ONCE
        self._at_s = time.monotonic()

    def take(self) -> bool:
        """Counts a message; False if there were too many."""
        now_s = time.monotonic()
        self._left = min(_MESSAGES_AT_ONCE, self._left + (now_s - self._at_s) * _MESSAGES_PER_SECOND)
        self._at_s = now_s
        self._left -= 1
        return self._left >= 0


def _read(text: str | None) -> Wish | None:
    """Reads what a viewer says.

    Raises:
        ConfigError: if it is nothing that is understood.
    """
    try:
        said = _Said.model_validate_json(text or "")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the message"
        raise ConfigError(f'A message is {{"watch": …}} as docs/api.md says; {place}: {first["msg"]}.') from None
    return None if said.watch is None else Wish(**said.watch.model_dump())
