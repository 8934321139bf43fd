"""The real dashboard server in its own process, with real runs, for a real browser."""

import json
import os
import signal
import socket
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from tests.command_processes import ForkedCommand
from tetrarium.errors import WorkerError
from tetrarium.registry.files.process_lock import is_locked
from tetrarium.registry.home import Home
from tetrarium.workers.directories.run_views import read_run
from tetrarium.workers.protocol.client import WorkerClient
from tetrarium.workers.protocol.status_files import read_address

# A small, fast run that lasts until it is stopped.
ENDLESS: Final = {
    "n_envs": 4, "total_timesteps": 10**9, "learning_starts": 40, "batch_size": 16, "net_arch": [8],
    "buffer_size": 1_000, "checkpoint_every": 2_000, "keep_checkpoints": 2, "evaluate_every": 0,
    "target_update_interval": 200,
}  # fmt: skip
LIMIT_S: Final = 300.0
_POLL_S: Final = 0.05


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    """Returns the value of the condition as soon as it is true.

    Raises:
        TimeoutError: if it does not become true.
    """
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(_POLL_S)
    raise TimeoutError(f"Waited {LIMIT_S:.0f} s for {what}.")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _kill(folder: Path) -> bool:
    """Kills the worker of a folder; returns whether it has ended."""
    address = read_address(folder)
    if address is not None:
        with suppress(ProcessLookupError):
            os.kill(address.pid, signal.SIGKILL)
    return not is_locked(folder)


class Dashboard:
    """``tetrarium serve`` with a home; it can be killed and restarted at the same address.

    Args:
        root: The home's folder.
        constants: As for `ForkedCommand`.
    """

    def __init__(self, root: Path, constants: Mapping[str, Any] = MappingProxyType({})) -> None:
        self.root = root
        self._constants = constants
        self.home = Home.locate(root)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: ForkedCommand | None = None

    def start(self) -> None:
        process = ForkedCommand("serve", "--home", self.root, "--port", self.port, constants=self._constants)
        wait_until(lambda: "\n" in process.output or process.poll() is not None, "the dashboard to start")
        assert process.output == f"The dashboard is at {self.url}/\n"
        self.process = process

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.communicate()

    def close(self) -> None:
        """Stops the server and all studies, runs, demos and human games of the home."""
        self.kill()
        kinds = ("tuning", "runs", "demos", "human-games")
        for folder in [folder for kind in kinds for folder in self.root.glob(f"{kind}/*")]:
            wait_until(partial(_kill, folder), f"the end of the worker of {folder.name}")

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Sends a REST request; returns the JSON of the response."""
        request = urllib.request.Request(
            f"{self.url}/api{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def command(self, name: str, command: str, **values: Any) -> Any:
        return self.call("POST", f"/runs/{name}/commands", {"command": command, "values": values})

    def start_run(self, name: str, mode: str = "live", **settings: Any) -> None:
        """Starts a run and waits until it has made steps."""
        self.call("POST", "/runs", {"name": name, "settings": ENDLESS | settings, "seed": 3, "mode": mode})
        wait_until(lambda: self.step(name) > 0 or self.view(name).state == "finished", f"{name} to learn")

    def status(self, name: str) -> dict[str, Any]:
        """Returns the worker's own status; empty until it accepts connections."""
        with suppress(WorkerError), WorkerClient.connect(self.home.run_folder(name)) as worker:
            return dict(worker.command("status"))
        return {}

    def step(self, name: str) -> int:
        return int(self.status(name).get("step", 0))

    def view(self, name: str) -> Any:
        return read_run(self.home, name)

    def kill_worker(self, name: str) -> None:
        address = read_address(self.home.run_folder(name))
        assert address is not None
        os.kill(address.pid, signal.SIGKILL)
        wait_until(lambda: self.view(name).state == "crashed", f"{name} to be dead")
