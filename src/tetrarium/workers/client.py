"""Talks to a worker: sends commands, and hears its events.

>>> from tetrarium.registry.home import Home
>>> with WorkerClient.connect(Home.locate("somewhere").run_folder("first")) as worker:  # doctest: +SKIP
...     worker.command("pause")["message"]
'Pausing after the round under way.'
"""

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Self

import zmq
import zmq.asyncio

from tetrarium.errors import WorkerError
from tetrarium.events import Event, event_from_json
from tetrarium.training.runs.folder import is_locked
from tetrarium.workers.files import Address, read_address
from tetrarium.workers.keys import Keys
from tetrarium.workers.latest_boards import BoardReader

__all__ = ["LOOK_EVERY_S", "AsyncWorkerClient", "WorkerClient"]

LOOK_EVERY_S: Final = 1 / 120  # at the boards, while they are asked for
_TIMEOUT_S: Final = 5.0
_STARTING_S: Final = 5.0  # in which a worker has loaded what it needs, mostly
_STARTING_LOOK_EVERY_S: Final = 0.05
_MOST_QUEUED: Final = 32  # events that wait to be read; further ones are dropped
_MOST_BUFFERED: Final = 1 << 16


def _find(folder: Path, wait_s: float) -> Address:
    """Finds where a worker listens; one that is starting does so after seconds."""
    until_s = time.monotonic() + wait_s
    while is_locked(folder):
        address = read_address(folder)
        if address is not None:
            return address
        if time.monotonic() >= until_s:
            raise WorkerError(f"{folder.name!r} is starting and does not listen yet. Try again in a moment.")
        time.sleep(_STARTING_LOOK_EVERY_S)
    raise WorkerError(f"{folder.name!r} is not under way, so it takes no commands. See `tetrarium runs list`.")


def _no_answer(name: str, seconds: float) -> WorkerError:
    return WorkerError(f"A worker answers within {seconds:g} s; {name!r} did not. Try again, or see its worker.log.")


def _obeyed(answer: dict[str, Any]) -> dict[str, Any]:
    if not answer.get("ok"):
        raise WorkerError(str(answer.get("error", "The worker refused without a reason. See its worker.log.")))
    return answer


class _Sockets:
    """Both sockets of a client, for either kind of context."""

    def __init__(self, folder: Path, make_context: Callable[[], Any], wait_s: float = 0.0) -> None:
        address = _find(folder, wait_s)
        self.name = folder.name
        self._keys = Keys.of_token(address.token)
        self._context = make_context()
        self.commands = self._opened(zmq.REQ)
        self.commands.req_relaxed = self.commands.req_correlate = True  # an answer that came too late is let pass
        self.events = self._opened(zmq.SUB)
        self.events.rcvhwm = _MOST_QUEUED
        self.events.rcvbuf = _MOST_BUFFERED
        self.events.subscribe(b"")
        self._connect(address)

    def _connect(self, address: Address) -> None:
        try:
            self.commands.connect(address.commands)
            self.events.connect(address.events)
        except zmq.ZMQError as error:
            self.close()
            raise WorkerError(
                f"A worker says where it listens; what {self.name!r} says is damaged ({error}). Stop it by its process."
            ) from error

    def _opened(self, kind: int) -> Any:
        socket = self._context.socket(kind)
        socket.linger = 0
        self._keys.open_client(socket)
        return socket

    def close(self) -> None:
        self.commands.close()
        self.events.close()
        self._context.term()


class WorkerClient:
    """Talks to one worker from one thread; ``connect`` finds it.

    Raises:
        WorkerError: if there is no worker.
    """

    def __init__(self, folder: Path, wait_s: float = _STARTING_S) -> None:
        self._sockets = _Sockets(folder, zmq.Context, wait_s)
        self._boards = BoardReader(folder)
        self._asks_for_boards = False
        self._waiting: deque[bytes] = deque()  # boards that were taken and not yet handed over

    @classmethod
    def connect(cls, folder: Path, *, wait_s: float = _STARTING_S) -> Self:
        """Finds the worker of a run's or player's folder.

        Args:
            folder: The worker's.
            wait_s: How long to wait for one that is starting.

        Raises:
            WorkerError: if nobody works there, or does not listen yet.
        """
        return cls(folder, wait_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection, and with it what was asked to be seen, a moment later."""
        self._sockets.close()
        self._boards.close()

    def command(self, name: str, *, timeout_s: float = _TIMEOUT_S, **values: Any) -> dict[str, Any]:
        """Sends a command; returns the answer, which says whether it is ``ok``.

        Raises:
            WorkerError: if no answer came in time.
        """
        socket = self._sockets.commands
        socket.send(json.dumps({"command": name, **values}).encode())
        if not socket.poll(timeout_s * 1_000):
            raise _no_answer(self._sockets.name, timeout_s)
        answer: dict[str, Any] = json.loads(socket.recv())
        if name == "watch":
            self._asks_for_boards = bool(values.get("boards", True))
        return answer

    def order(self, name: str, *, timeout_s: float = _TIMEOUT_S, **values: Any) -> dict[str, Any]:
        """Sends a command; returns the answer of a worker that obeys it.

        Raises:
            WorkerError: if no answer came in time, or it refuses.
        """
        return _obeyed(self.command(name, timeout_s=timeout_s, **values))

    def receive(self, timeout_s: float) -> str | None:
        """Returns the next event as it was sent, or None where none came in time; boards once they were asked for."""
        socket = self._sockets.events
        until_s = time.monotonic() + max(0.0, timeout_s)
        while True:
            if self._asks_for_boards and not self._waiting:
                self._waiting.extend(self._boards.take())
            left_s = 0.0 if self._waiting else max(0.0, until_s - time.monotonic())
            if socket.poll(1_000 * (min(left_s, LOOK_EVERY_S) if self._asks_for_boards else left_s)):
                return bytes(socket.recv()).decode()
            if self._waiting:
                return self._waiting.popleft().decode()
            if time.monotonic() >= until_s:
                return None

    def events(self, timeout_s: float) -> Iterator[Event]:
        """Yields events for so long; those of a newer version are let pass."""
        until_s = time.monotonic() + timeout_s
        while (text := self.receive(until_s - time.monotonic())) is not None:
            event = _known(text)
            if event is not None:
                yield event


class AsyncWorkerClient:
    """The same for a program that waits by ``await``; made inside a running loop. It waits for no worker's start."""

    def __init__(self, folder: Path) -> None:
        self._sockets = _Sockets(folder, zmq.asyncio.Context)
        self._boards = BoardReader(folder)
        self._turn = asyncio.Lock()

    @classmethod
    def connect(cls, folder: Path) -> Self:
        """Finds the worker of a run's or player's folder.

        Raises:
            WorkerError: if nobody works there, or does not listen yet.
        """
        return cls(folder)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection."""
        self._sockets.close()
        self._boards.close()

    async def command(self, name: str, *, timeout_s: float = _TIMEOUT_S, **values: Any) -> dict[str, Any]:
        """Sends a command; returns the answer, which says whether it is ``ok``.

        Raises:
            WorkerError: if no answer came in time, or the connection is closed meanwhile.
        """
        socket = self._sockets.commands
        async with self._turn:
            with self._closing_told():
                await socket.send(json.dumps({"command": name, **values}).encode())
                if not await socket.poll(int(timeout_s * 1_000)):
                    raise _no_answer(self._sockets.name, timeout_s)
                answer: dict[str, Any] = json.loads(await socket.recv())
        return answer

    async def order(self, name: str, *, timeout_s: float = _TIMEOUT_S, **values: Any) -> dict[str, Any]:
        """Sends a command; returns the answer of a worker that obeys it.

        Raises:
            WorkerError: if no answer came in time, it refuses, or the connection is closed meanwhile.
        """
        return _obeyed(await self.command(name, timeout_s=timeout_s, **values))

    @contextlib.contextmanager
    def _closing_told(self) -> Iterator[None]:
        """Says in words what a socket that is closed meanwhile says by cancelling who waits for it."""
        try:
            yield
        except (asyncio.CancelledError, zmq.ZMQError) as error:
            task = asyncio.current_task()
            if not self._sockets.commands.closed or (task is not None and task.cancelling()):
                raise
            raise WorkerError(f"{self._sockets.name!r} has just ended, so it takes no commands.") from error

    async def receive(self) -> str:
        """Waits for the next event, and returns it as it was sent; boards are taken by ``boards``."""
        data: bytes = await self._sockets.events.recv()
        return data.decode()

    def boards(self) -> list[str]:
        """Returns the boards that are new since the last call, as they were sent; for as long as some are asked for."""
        return [message.decode() for message in self._boards.take()]


def _known(text: str) -> Event | None:
    try:
        return event_from_json(text)
    except ValueError:
        return None
