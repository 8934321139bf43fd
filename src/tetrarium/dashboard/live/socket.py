"""The WebSocket ``/api/live``: messages from viewers and events of the home.

A viewer sends ``{"watch": {"kind": "run", "name": "first"}}`` or ``{"watch": null}``, and to a watched human game
``{"keys": […]}``. Invalid messages are answered with ``{"error": …}``; a viewer that sends too many is disconnected
with the reason. A human game is paused when the viewer that sends its keys leaves.
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

from tetrarium.dashboard.http.error_handlers import error_body, error_response, exception_body
from tetrarium.dashboard.live.hubs import Hubs
from tetrarium.dashboard.live.sources import find_source, home_fingerprint
from tetrarium.dashboard.live.viewers import Subscription, Viewer
from tetrarium.dashboard.schemas import NAME_PATTERN, RequestModel
from tetrarium.errors import CommandError, ConfigError, LimitReachedError, TetrariumError
from tetrarium.registry.home import Home
from tetrarium.workers.protocol.commands import MAX_BOARDS_PER_SECOND

_MAX_VIEWERS: Final = 500
_MESSAGES_PER_SECOND: Final = 20.0
_MESSAGE_BURST: Final = 60.0
_KEYS_PER_SECOND: Final = 200.0  # messages with keys
_KEYS_BURST: Final = 400.0
_MAX_KEYS: Final = 16  # in one message
_POLICY_VIOLATION: Final = 1008  # WebSocket close code
_HEARTBEAT_INTERVAL_S: Final = 2.0
_POLL_INTERVAL_S: Final = 1.0
_KEYS_BEGIN: Final = re.compile(r'\s*\{\s*"keys"\s*:')
_HOME_EVENT: Final = '{{"source": "home", "event": {{"kind": "{}"}}}}'
_MAX_TIME_S: Final = 1e15
_MAX_NUMBER: Final = 2**53
Key = Literal["left", "right", "clockwise", "counter-clockwise", "soft drop", "hard drop", "hold"]


class KeyPress(RequestModel):
    """A key that was pressed or released, as sent over the WebSocket."""

    key: Key = Field(description="Action of the key.")
    down: bool = Field(description="Whether the key was pressed, as opposed to released.")
    at: float | None = Field(
        default=None, ge=0, le=_MAX_TIME_S, strict=False, description="Time in seconds of the client's clock."
    )
    number: int | None = Field(
        default=None, ge=0, le=_MAX_NUMBER, description="Number that `key_number` repeats once the press took effect."
    )


class _Source(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    kind: Literal["run", "demo", "human-game"]
    name: str = Field(pattern=NAME_PATTERN)
    boards: bool = True
    action_values: bool = False
    boards_per_second: int = Field(default=MAX_BOARDS_PER_SECOND, ge=1, le=MAX_BOARDS_PER_SECOND)


class _WatchMessage(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    watch: _Source | None


class _KeysMessage(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    keys: list[KeyPress] = Field(max_length=_MAX_KEYS)


class LiveEndpoint:
    """The viewers of a home and their subscriptions.

    Args:
        home: Home folder of the watched runs, demos and human games.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._hubs = Hubs()
        self._viewers: set[Viewer] = set()
        self._key_senders: set[Viewer] = set()  # viewers that have sent keys to the human game they watch
        self._tasks: list[asyncio.Task[None]] = []

    @contextlib.asynccontextmanager
    async def lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        """Publishes events of the home while the application runs."""
        self._tasks = [asyncio.create_task(part) for part in (self._send_heartbeats(), self._poll_home())]
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._hubs.close()

    async def serve(self, socket: WebSocket) -> None:
        """Serves one WebSocket until it is closed."""
        if len(self._viewers) >= _MAX_VIEWERS:
            message = f"A dashboard serves at most {_MAX_VIEWERS} viewers. Close a page."
            await socket.send_denial_response(error_response(429, error_body(message, LimitReachedError.code)))
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
            await self._pause_game_of(viewer)
            self._unsubscribe(viewer)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _listen(self, socket: WebSocket, viewer: Viewer) -> None:
        """Handles a viewer's messages until it leaves or exceeds its rate limit."""
        message_limit = _RateLimit(_MESSAGES_PER_SECOND, _MESSAGE_BURST)
        key_limit = _RateLimit(_KEYS_PER_SECOND, _KEYS_BURST)
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            content: Subscription | list[KeyPress] | TetrariumError | None
            try:
                content = _parse(message.get("text"))
            except TetrariumError as error:
                content = error
            limit = key_limit if isinstance(content, list) else message_limit
            if not limit.allow():
                await socket.close(_POLICY_VIOLATION, f"At most {limit.per_second:.0f} messages a second. Send fewer.")
                return
            try:
                await self._handle(viewer, content)
            except TetrariumError as error:
                viewer.offer("error", exception_body(error).decode())

    async def _handle(self, viewer: Viewer, content: Subscription | list[KeyPress] | TetrariumError | None) -> None:
        if isinstance(content, TetrariumError):
            raise content
        if isinstance(content, list):
            await self._send_keys(viewer, content)
        else:
            await self._subscribe(viewer, content)

    async def _send_keys(self, viewer: Viewer, keys: list[KeyPress]) -> None:
        """Sends keys to the human game that a viewer watches."""
        subscription = viewer.subscription
        if subscription is None or subscription.kind != "human-game":
            raise CommandError('Keys go to a watched human game. Send {"watch": {"kind": "human-game", …}} first.')
        self._key_senders.add(viewer)
        await self._hubs.send_command(subscription.source, "keys", keys=[key.model_dump() for key in keys])

    async def _pause_game_of(self, viewer: Viewer) -> None:
        """Pauses the human game that a leaving viewer has sent keys to."""
        if viewer in self._key_senders and viewer.subscription is not None:
            self._key_senders.discard(viewer)
            with contextlib.suppress(TetrariumError):
                await self._hubs.send_command(viewer.subscription.source, "pause")

    async def _subscribe(self, viewer: Viewer, subscription: Subscription | None) -> None:
        if subscription is None:
            await self._pause_game_of(viewer)
            self._unsubscribe(viewer)
            viewer.subscribe(None)
            return
        source = await asyncio.to_thread(find_source, self._home, subscription.kind, subscription.name)
        if viewer.subscription is not None and viewer.subscription.source != subscription.source:
            await self._pause_game_of(viewer)
            self._unsubscribe(viewer)
        viewer.subscribe(subscription)
        self._hubs.add(viewer, source)

    def _unsubscribe(self, viewer: Viewer) -> None:
        if viewer.subscription is not None:
            self._hubs.remove(viewer, viewer.subscription.source)

    def _broadcast(self, kind: str) -> None:
        for viewer in self._viewers:
            viewer.offer(kind, _HOME_EVENT.format(kind))

    async def _send_heartbeats(self) -> None:
        """Lets pages distinguish an idle server from a lost connection."""
        while True:
            await asyncio.sleep(_HEARTBEAT_INTERVAL_S)
            self._broadcast("heartbeat")

    async def _poll_home(self) -> None:
        """Reports runs, demos and studies that appear, disappear or change; polls only while there are viewers."""
        last: object = None
        while True:
            if self._viewers:
                current = await asyncio.to_thread(home_fingerprint, self._home)
                if current != last:
                    self._broadcast("runs-changed")
                last = current
            await asyncio.sleep(_POLL_INTERVAL_S)


class _RateLimit:
    """Token bucket for the messages of one viewer.

    Args:
        per_second: Messages per second on average.
        burst: Messages at once.
    """

    def __init__(self, per_second: float, burst: float) -> None:
        self.per_second = per_second
        self._burst = burst
        self._tokens = burst
        self._updated_s = time.monotonic()

    def allow(self) -> bool:
        """Counts a message; returns whether it is within the limit."""
        now_s = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now_s - self._updated_s) * self.per_second)
        self._updated_s = now_s
        self._tokens -= 1
        return self._tokens >= 0


def _parse(text: str | None) -> Subscription | list[KeyPress] | None:
    """Parses a viewer's message: a subscription or keys.

    Raises:
        ConfigError: if it is neither.
    """
    try:
        if _KEYS_BEGIN.match(text or ""):
            return _KeysMessage.model_validate_json(text or "").keys
        message = _WatchMessage.model_validate_json(text or "")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise ConfigError(
            f'A message must be {{"watch": …}} or {{"keys": …}}, see docs/reference/rest-api.md; '
            f"{field or 'the message'}: {first['msg']}.",
            field=field or None,
        ) from None
    return None if message.watch is None else Subscription(**message.watch.model_dump())
