"""A dashboard as people have it: the real server in a process of its own, over real runs, seen by a real browser."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from tetrarium.errors import WorkerError
from tetrarium.registry.home import Home
from tetrarium.training.runs.folder import is_locked
from tetrarium.workers.client import WorkerClient
from tetrarium.workers.directory import read_run
from tetrarium.workers.files import read_address

# A run that learns little and fast; it lasts until it is stopped.
ENDLESS: Final = {
    "n_envs": 4, "total_timesteps": 10**9, "learning_starts": 40, "batch_size": 16, "net_arch": [8],
    "buffer_size": 1_000, "checkpoint_every": 2_000, "keep_checkpoints": 2, "evaluate_every": 0,
    "target_update_interval": 200,
}  # fmt: skip
LIMIT_S: Final = 300.0
_POLL_S: Final = 0.05


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    """Returns what the condition gives as soon as it is true.

    Raises:
        TimeoutError: if it does not become true.
    """
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(_POLL_S)
    raise TimeoutError(f"Waited {LIMIT_S:.0f} s for this: {what}.")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _ends(folder: Path) -> bool:
    """Kills what works in a folder, as soon as it has come up, and tells whether it is gone."""
    address = read_address(folder)
    if address is not None:
        with suppress(ProcessLookupError):
            os.kill(address.pid, signal.SIGKILL)
    return not is_locked(folder)


class Dashboard:
    """``tetrarium serve`` over a home; it can be killed and come back at the same address."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = Home.locate(root)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "tetrarium", "serve", "--home", str(self.root), "--port", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == f"The dashboard is at {self.url}/\n"

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.communicate()

    def close(self) -> None:
        """Ends the server and every study, run and player of the home."""
        self.kill()
        kinds = ("tuning", "runs", "players", "hands")
        for folder in [folder for kind in kinds for folder in self.root.glob(f"{kind}/*")]:
            wait_until(partial(_ends, folder), f"the worker of {folder.name} to be gone")

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Asks over REST; returns the answer's JSON."""
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
        """What the worker itself says of how it is; nothing before it can."""
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
        wait_until(lambda: self.view(name).state == "dead", f"{name} to be dead")
