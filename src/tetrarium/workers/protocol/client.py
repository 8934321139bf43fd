"""Clients of a worker, which send commands and receive events.

>>> from tetrarium.registry.home import Home
>>> with WorkerClient.connect(Home.locate("somewhere").run_folder("first")) as worker:  # doctest: +SKIP
...     worker.command("pause")["message"]
'Pausing after the current round.'
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

from tetrarium import errors
from tetrarium.events import Event, event_from_json
from tetrarium.registry.files.process_lock import OWNER, is_locked, other_machine
from tetrarium.workers.protocol.curve_keys import CurveKeys
from tetrarium.workers.protocol.latest_boards import BoardReader
from tetrarium.workers.protocol.status_files import Address, read_address

POLL_INTERVAL_S: Final = 1 / 120  # of the boards' file, while the client subscribes to boards
_TIMEOUT_S: Final = 5.0
_START_TIMEOUT_S: Final = 5.0  # enough for most workers to load their imports
_START_POLL_INTERVAL_S: Final = 0.05
_MAX_QUEUED: Final = 32  # events that were not read yet; further ones are dropped
_RECEIVE_BUFFER_BYTES: Final = 1 << 16
_REMEDIES: Final = {"runs": "See `tetrarium runs list`.", "tuning": "See `tetrarium tune list`."}  # by folder in a home


def _find_address(folder: Path, wait_s: float) -> Address:
    """Returns a worker's address; waits for one that is starting."""
    until_s = time.monotonic() + wait_s
    while is_locked(folder):
        address = read_address(folder)
        if (machine := other_machine(folder)) is not None:
            raise errors.WorkerNotRunningError(
                f"{folder.name!r} runs on the machine {machine!r}, so it accepts commands only there. Send them there, "
                f"or, if it is certain to have ended, delete {str(folder / OWNER)!r}."
            )
        if address is not None:
            return address
        if time.monotonic() >= until_s:
            raise errors.WorkerStartingError(
                f"{folder.name!r} is starting and does not accept commands yet. Try again in a moment."
            )
        time.sleep(_START_POLL_INTERVAL_S)
    remedy = _REMEDIES.get(folder.parent.name, "Start another one.")
    raise errors.WorkerNotRunningError(f"{folder.name!r} is not running, so it accepts no commands. {remedy}")


def _timeout_error(name: str, seconds: float) -> errors.WorkerTimeoutError:
    return errors.WorkerTimeoutError(
        f"A worker must answer within {seconds:g} s; {name!r} did not. Try again, or see its worker.log."
    )


def _require_ok(answer: dict[str, Any]) -> dict[str, Any]:
    if not answer.get("ok"):
        error = errors.error_from_dict(
            {"error": "The worker gave no reason. See its worker.log.", **answer}, errors.WorkerError
        )
        raise error if isinstance(error, errors.WorkerError) else errors.WorkerError(str(error), field=error.field)
    return answer


class _Sockets:
    """Sockets of a client, for a blocking or an asyncio context."""

    def __init__(self, folder: Path, make_context: Callable[[], Any], wait_s: float = 0.0) -> None:
        address = _find_address(folder, wait_s)
        self.name = folder.name
        self._keys = CurveKeys.from_token(address.token)
        self._context = make_context()
        self.commands = self._open_socket(zmq.REQ)
        self.commands.req_relaxed = self.commands.req_correlate = True  # late answers are dropped
        self.events = self._open_socket(zmq.SUB)
        self.events.rcvhwm = _MAX_QUEUED
        self.events.rcvbuf = _RECEIVE_BUFFER_BYTES
        self.events.subscribe(b"")
        self._connect(address)

    def _connect(self, address: Address) -> None:
        try:
            self.commands.connect(address.commands)
            self.events.connect(address.events)
        except zmq.ZMQError as error:
            self.close()
            raise errors.WorkerError(
                f"The address of the worker {self.name!r} is damaged ({error}). End its process and start it again."
            ) from error

    def _open_socket(self, kind: int) -> Any:
        socket = self._context.socket(kind)
        socket.linger = 0
        self._keys.open_client(socket)
        return socket

    def close(self) -> None:
        self.commands.close()
        self.events.close()
        self._context.term()


class WorkerClient:
    """Client of one worker, for one thread; ``connect`` makes one.

    Raises:
        WorkerError: if there is no worker.
    """

    def __init__(self, folder: Path, wait_s: float = _START_TIMEOUT_S) -> None:
        self._sockets = _Sockets(folder, zmq.Context, wait_s)
        self._boards = BoardReader(folder)
        self._wants_boards = False
        self._unread: deque[bytes] = deque()  # boards

    @classmethod
    def connect(cls, folder: Path, *, wait_s: float = _START_TIMEOUT_S) -> Self:
        """Connects to the worker of a folder.

        Args:
            folder: The worker's folder.
            wait_s: Seconds to wait for a worker that is starting.

        Raises:
            WorkerError: if no worker runs there, or it does not accept connections yet.
        """
        return cls(folder, wait_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection; the subscription expires a moment later."""
        self._sockets.close()
        self._boards.close()

    def command(self, name: str, *, timeout_s: float = _TIMEOUT_S, **values: Any) -> dict[str, Any]:
        """Sends a command; returns the answer, whose ``ok`` is false if the worker refused.

        Raises:
            WorkerError: if no answer came in time.
        """
        socket = self._sockets.commands
        socket.send(json.dumps({"command": name, **values}).encode())
        if not socket.poll(timeout_s * 1_000):
            raise _timeout_error(self._sockets.name, timeout_s)
        answer: dict[str, Any] = json.loads(socket.recv())
        if name == "watch":
            self._wants_boards = bool(values.get("boards", True))
        return answer

    def execute(self, name: str, *, timeout_s: float = _TIMEOUT_S, **values: Any) -> dict[str, Any]:
        """Sends a command that must succeed; returns the answer.

        Raises:
            WorkerError: if no answer came in time, or the worker refused.
        """
        return _require_ok(self.command(name, timeout_s=timeout_s, **values))

    def receive(self, timeout_s: float) -> str | None:
        """Returns the JSON of the next event, or None if none came in time; boards only while subscribed to them."""
        socket = self._sockets.events
        until_s = time.monotonic() + max(0.0, timeout_s)
        while True:
            if self._wants_boards and not self._unread:
                self._unread.extend(self._boards.take())
            left_s = 0.0 if self._unread else max(0.0, until_s - time.monotonic())
            if socket.poll(1_000 * (min(left_s, POLL_INTERVAL_S) if self._wants_boards else left_s)):
                return bytes(socket.recv()).decode()
            if self._unread:
                return self._unread.popleft().decode()
            if time.monotonic() >= until_s:
                return None

    def events(self, timeout_s: float) -> Iterator[Event]:
        """Yields events for ``timeout_s`` seconds; skips those that this version does not know."""
        until_s = time.monotonic() + timeout_s
        while (text := self.receive(until_s - time.monotonic())) is not None:
            event = _parse(text)
            if event is not None:
                yield event


class AsyncWorkerClient:
    """Asyncio client of one worker, made inside a running loop; does not wait for a worker that is starting."""

    def __init__(self, folder: Path) -> None:
        self._sockets = _Sockets(folder, zmq.asyncio.Context)
        self._boards = BoardReader(folder)
        self._command_lock = asyncio.Lock()

    @classmethod
    def connect(cls, folder: Path) -> Self:
        """Connects to the worker of a folder.

        Raises:
            WorkerError: if no worker runs there, or it does not accept connections yet.
        """
        return cls(folder)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._sockets.close()
        self._boards.close()

    async def command(self, name: str, *, timeout_s: float = _TIMEOUT_S, **values: Any) -> dict[str, Any]:
        """Sends a command; returns the answer, whose ``ok`` is false if the worker refused.

        Raises:
            WorkerError: if no answer came in time, or the connection was closed meanwhile.
        """
        socket = self._sockets.commands
        async with self._command_lock:
            with self._translate_closing():
                await socket.send(json.dumps({"command": name, **values}).encode())
                if not await socket.poll(int(timeout_s * 1_000)):
                    raise _timeout_error(self._sockets.name, timeout_s)
                answer: dict[str, Any] = json.loads(await socket.recv())
        return answer

    async def execute(self, name: str, *, timeout_s: float = _TIMEOUT_S, **values: Any) -> dict[str, Any]:
        """Sends a command that must succeed; returns the answer.

        Raises:
            WorkerError: if no answer came in time, the worker refused, or the connection was closed meanwhile.
        """
        return _require_ok(await self.command(name, timeout_s=timeout_s, **values))

    @contextlib.contextmanager
    def _translate_closing(self) -> Iterator[None]:
        """Raises ``WorkerNotRunningError`` where closing the socket canceled the task that waits for it."""
        try:
            yield
        except (asyncio.CancelledError, zmq.ZMQError) as error:
            task = asyncio.current_task()
            if not self._sockets.commands.closed or (task is not None and task.cancelling()):
                raise
            raise errors.WorkerNotRunningError(
                f"{self._sockets.name!r} has just ended, so it accepts no commands."
            ) from error

    async def receive(self) -> str:
        """Waits for the next event; returns its JSON. Boards are read by ``boards``."""
        data: bytes = await self._sockets.events.recv()
        return data.decode()

    def boards(self) -> list[str]:
        """Returns the JSON of the boards since the last call; there are new ones only while some viewer subscribes."""
        return [message.decode() for message in self._boards.take()]


def _parse(text: str) -> Event | None:
    try:
        return event_from_json(text)
    except ValueError:
        return None
