"""The socket ``/api/live``: what a viewer says, and what it is told beside its source's messages.

A viewer says ``{"watch": {"kind": "run", "name": "first"}}`` or ``{"watch": null}``, and to a person's game that it
watches ``{"keys": […]}``. What it says wrong is answered by ``{"error": …}``; who says too much is closed with the
reason. A game whose keys come from a viewer is paused when that viewer leaves.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from typing import Final, Literal

from fastapi import FastAPI, WebSocket
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.websockets import WebSocketDisconnect

from tetrarium.dashboard.answers import error_answer, error_body
from tetrarium.dashboard.hubs import Hubs
from tetrarium.dashboard.schemas import NAME_PATTERN
from tetrarium.dashboard.schemas_play import KeyPress
from tetrarium.dashboard.sources import find_source, home_signature
from tetrarium.dashboard.viewers import Viewer, Wish
from tetrarium.errors import ConfigError, TetrariumError
from tetrarium.registry.home import Home
from tetrarium.workers.leases import MAX_BOARDS_PER_SECOND

__all__ = ["Live"]

_MAX_VIEWERS: Final = 500
_MESSAGES_PER_SECOND: Final = 20.0
_MESSAGES_AT_ONCE: Final = 60.0
_KEYS_PER_SECOND: Final = 200.0  # messages of keys
_KEYS_AT_ONCE: Final = 400.0
_MOST_KEYS: Final = 16  # of one message
_TOO_MANY: Final = 1008  # policy violation
_HEARTBEAT_EVERY_S: Final = 2.0
_LOOK_EVERY_S: Final = 1.0
_KEYS_BEGIN: Final = re.compile(r'\s*\{\s*"keys"\s*:')
_HOME: Final = '{{"source": "home", "event": {{"kind": "{}"}}}}'


class _Watched(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    kind: Literal["run", "player", "hand"]
    name: str = Field(pattern=NAME_PATTERN)
    boards: bool = True
    thoughts: bool = False
    boards_per_second: int = Field(default=MAX_BOARDS_PER_SECOND, ge=1, le=MAX_BOARDS_PER_SECOND)


class _Said(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    watch: _Watched | None


class _Pressed(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    keys: list[KeyPress] = Field(max_length=_MOST_KEYS)


class Live:
    """All viewers of a home, and what they watch.

    Args:
        home: Whose runs and players.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._hubs = Hubs()
        self._viewers: set[Viewer] = set()
        self._players: set[Viewer] = set()  # those whose keys a game obeys
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
            await self._let_go(viewer)
            self._stop_watching(viewer)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _listen(self, socket: WebSocket, viewer: Viewer) -> None:
        """Takes in what a viewer says, until it leaves or says too much."""
        allowance = _Allowance(_MESSAGES_PER_SECOND, _MESSAGES_AT_ONCE)
        of_keys = _Allowance(_KEYS_PER_SECOND, _KEYS_AT_ONCE)
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            said: Wish | list[KeyPress] | TetrariumError | None
            try:
                said = _read(message.get("text"))
            except TetrariumError as error:
                said = error
            counted = of_keys if isinstance(said, list) else allowance
            if not counted.take():
                await socket.close(_TOO_MANY, f"At most {counted.per_second:.0f} messages a second.")
                return
            try:
                await self._obey(viewer, said)
            except TetrariumError as error:
                viewer.offer("error", error_body(str(error)).decode())

    async def _obey(self, viewer: Viewer, said: Wish | list[KeyPress] | TetrariumError | None) -> None:
        if isinstance(said, TetrariumError):
            raise said
        if isinstance(said, list):
            await self._press(viewer, said)
        else:
            await self._watch(viewer, said)

    async def _press(self, viewer: Viewer, keys: list[KeyPress]) -> None:
        """Passes keys on to the game that a viewer watches."""
        if viewer.wish is None or viewer.wish.kind != "hand":
            raise ConfigError('Keys go to a game of yours; none is watched. Say {"watch": {"kind": "hand", …}} first.')
        self._players.add(viewer)
        await self._hubs.tell(viewer.wish.source, "keys", keys=[key.model_dump() for key in keys])

    async def _let_go(self, viewer: Viewer) -> None:
        """Pauses the game that a viewer played who leaves it."""
        if viewer in self._players and viewer.wish is not None:
            self._players.discard(viewer)
            with contextlib.suppress(TetrariumError):
                await self._hubs.tell(viewer.wish.source, "pause")

    async def _watch(self, viewer: Viewer, wish: Wish | None) -> None:
        if wish is None:
            await self._let_go(viewer)
            self._stop_watching(viewer)
            viewer.watch(None)
            return
        source = await asyncio.to_thread(find_source, self._home, wish.kind, wish.name)
        if viewer.wish is not None and viewer.wish.source != wish.source:
            await self._let_go(viewer)
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

    def __init__(self, per_second: float, at_once: float) -> None:
        self.per_second = per_second
        self._at_once = at_once
        self._left = at_once
        self._at_s = time.monotonic()

    def take(self) -> bool:
        """Counts a message; False if there were too many."""
        now_s = time.monotonic()
        self._left = min(self._at_once, self._left + (now_s - self._at_s) * self.per_second)
        self._at_s = now_s
        self._left -= 1
        return self._left >= 0


def _read(text: str | None) -> Wish | list[KeyPress] | None:
    """Reads what a viewer says: what it wants to see, or keys.

    Raises:
        ConfigError: if it is nothing that is understood.
    """
    try:
        if _KEYS_BEGIN.match(text or ""):
            return _Pressed.model_validate_json(text or "").keys
        said = _Said.model_validate_json(text or "")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the message"
        raise ConfigError(
            f'A message is {{"watch": …}} or {{"keys": …}} as docs/api.md says; {place}: {first["msg"]}.'
        ) from None
    return None if said.watch is None else Wish(**said.watch.model_dump())
