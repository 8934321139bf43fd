"""Dashboards in separate processes, and helpers for the tests that use them."""

import json
import re
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.command_processes import Command, ForkedCommand
from tetrarium.errors import WorkerError
from tetrarium.registry.files.process_lock import is_locked
from tetrarium.registry.home import Home
from tetrarium.workers.protocol.client import WorkerClient

TIMEOUT_S = 170.0
SMALL = {
    "n_envs": 4, "learning_starts": 40, "batch_size": 16, "net_arch": [8], "buffer_size": 400, "evaluate_every": 0,
}  # fmt: skip
Result = TypeVar("Result")


@dataclass
class Server:
    """A running dashboard."""

    process: Command
    url: str
    home: Path

    @property
    def printed(self) -> list[str]:
        return self.process.output.splitlines(keepends=True)

    @property
    def address(self) -> str:
        match = re.match(r"http://([^/]+)/", self.url)
        assert match is not None
        return match[1]

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=f"http://{self.address}", timeout=30, **options)

    def live(self, **options: Any) -> ClientConnection:
        return connect(f"ws://{self.address}/api/live", proxy=None, **options)

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Stops the dashboard and returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(TIMEOUT_S)


@contextmanager
def dashboard(
    home: Path, *arguments: str, command: str = "serve", port: int = 0, start: type[Command] = ForkedCommand
) -> Iterator[Server]:
    """Starts ``tetrarium serve``, by default on a free port; stops it and all workers of its home at the end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TETRARIUM_HOME", "")
        process = start(command, "--port", port, "--home", home, *arguments, is_merged=True)
    server = Server(process, "", home)
    try:
        server.url = wait_until(lambda: _find_url(server))
        yield server
    finally:
        end_workers(home)
        process.kill()
        process.wait()


def _find_url(server: Server) -> str | None:
    found = re.findall(r"http://\S+", " ".join(server.printed))
    assert found or server.process.poll() is None, "".join(server.printed)
    return found[0] if found else None


def wait_until(condition: Callable[[], Result | None], timeout_s: float = TIMEOUT_S) -> Result:
    """Calls a function until it returns a true value, and returns that value."""
    deadline_s = time.monotonic() + timeout_s
    while not (result := condition()):
        assert time.monotonic() < deadline_s, f"the condition did not become true within {timeout_s:g} s"
        time.sleep(0.02)
    return result


def end_workers(home: Path) -> None:
    """Stops all workers of a home; studies first, because they start further runs."""
    for folder in [folder for kind in ("tuning", "runs", "demos", "human-games") for folder in (home / kind).glob("*")]:
        while is_locked(folder):
            try:
                with WorkerClient.connect(folder) as worker:
                    worker.command("stop")
            except WorkerError:
                time.sleep(0.05)
            else:  # a worker that ends answers no second command
                wait_until(lambda folder=folder: not is_locked(folder))  # type: ignore[misc]


def events(socket: ClientConnection, timeout_s: float = TIMEOUT_S) -> Iterator[dict[str, Any]]:
    """Yields the messages that a socket receives; fails if none arrives in time."""
    while True:
        yield json.loads(socket.recv(timeout_s))


def first_event(socket: ClientConnection, kind: str, source: str | None = None, **values: Any) -> dict[str, Any]:
    """Waits for the first event of a kind with the given values and returns it."""
    deadline_s = time.monotonic() + TIMEOUT_S
    for message in events(socket):
        event = message.get("event", {})
        is_of_kind = event.get("kind") == kind and source in {None, message["source"]}
        if is_of_kind and all(event.get(name) == value for name, value in values.items()):
            return dict(event)
        assert time.monotonic() < deadline_s, f"no {kind} with {values} was received"
    raise AssertionError


def watch(socket: ClientConnection, name: str, kind: str = "run", **values: Any) -> None:
    socket.send(json.dumps({"watch": {"kind": kind, "name": name, **values}}))


def send_until_closed(socket: ClientConnection, messages: Iterable[str]) -> None:
    """Sends messages, then receives until the server closes the socket."""
    with suppress(ConnectionClosed):
        for message in messages:
            socket.send(message)
        while True:
            socket.recv(TIMEOUT_S)


__all__ = ["SMALL", "Home", "Server", "dashboard", "events", "first_event", "send_until_closed", "wait_until", "watch"]
