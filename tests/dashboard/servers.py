"""Real dashboards in processes of their own, and what tests ask of them."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tetrarium.errors import WorkerError
from tetrarium.registry.home import Home
from tetrarium.training.runs.folder import is_locked
from tetrarium.workers.client import WorkerClient

PATIENCE_S = 90.0
SMALL = {"n_envs": 4, "learning_starts": 40, "batch_size": 16, "net_arch": [8], "buffer_size": 400}
Seen = TypeVar("Seen")


@dataclass
class Server:
    """A dashboard that answers."""

    process: subprocess.Popen[str]
    url: str
    home: Path
    said: list[str] = field(default_factory=list)  # lines that it printed

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
        """Ends it and returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@contextmanager
def dashboard(home: Path, *arguments: str, command: str = "serve", port: int = 0) -> Iterator[Server]:
    """Starts ``tetrarium serve``, on any free port if none is given, and ends it and all workers of its home."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tetrarium", command, "--port", str(port), "--home", str(home), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TETRARIUM_HOME": ""},
    )
    assert process.stdout is not None
    server = Server(process, "", home)
    reader = threading.Thread(target=lambda: server.said.extend(process.stdout), daemon=True)  # type: ignore[arg-type]
    reader.start()
    try:
        server.url = wait_until(lambda: _find_url(server))
        yield server
    finally:
        end_workers(home)
        if process.poll() is None:
            process.kill()
        process.wait()
        reader.join()
        process.stdout.close()


def _find_url(server: Server) -> str | None:
    found = re.findall(r"http://\S+", " ".join(server.said))
    assert found or server.process.poll() is None, "".join(server.said)
    return found[0] if found else None


def wait_until(look: Callable[[], Seen | None], patience_s: float = PATIENCE_S) -> Seen:
    """Looks until there is something to be seen."""
    until_s = time.monotonic() + patience_s
    while not (seen := look()):
        assert time.monotonic() < until_s, f"waited {patience_s:g} s in vain"
        time.sleep(0.02)
    return seen


def end_workers(home: Path) -> None:
    """Stops whatever works in a home; a study first, which would begin further runs."""
    for folder in [folder for kind in ("tuning", "runs", "players", "hands") for folder in (home / kind).glob("*")]:
        while is_locked(folder):
            try:
                with WorkerClient.connect(folder) as worker:
                    worker.command("stop")
            except WorkerError:
                time.sleep(0.05)


def events(socket: ClientConnection, patience_s: float = PATIENCE_S) -> Iterator[dict[str, Any]]:
    """Yields what a socket is told, and fails when nothing comes for long."""
    while True:
        yield json.loads(socket.recv(patience_s))


def first_event(socket: ClientConnection, kind: str, source: str | None = None, **values: Any) -> dict[str, Any]:
    """Waits for a message of a kind with these values, and returns it."""
    until_s = time.monotonic() + PATIENCE_S
    for told in events(socket):
        event = told.get("event", {})
        is_of_kind = event.get("kind") == kind and source in {None, told["source"]}
        if is_of_kind and all(event.get(name) == value for name, value in values.items()):
            return dict(event)
        assert time.monotonic() < until_s, f"no {kind} with {values} came"
    raise AssertionError


def watch(socket: ClientConnection, name: str, kind: str = "run", **values: Any) -> None:
    socket.send(json.dumps({"watch": {"kind": kind, "name": name, **values}}))


def say_until_closed(socket: ClientConnection, messages: Iterable[str]) -> None:
    """Says all of this, and listens until the server ends it."""
    with suppress(ConnectionClosed):
        for message in messages:
            socket.send(message)
        while True:
            socket.recv(PATIENCE_S)


__all__ = ["SMALL", "Home", "Server", "dashboard", "events", "first_event", "say_until_closed", "wait_until", "watch"]
