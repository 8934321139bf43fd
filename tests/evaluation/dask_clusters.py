"""Dask clusters of real processes on this machine."""

import contextlib
import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

from tests.command_processes import FORK_SERVER
from tests.dashboard.servers import wait_until

_ARGUMENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "dask_scheduler": ("--host", "127.0.0.1", "--port", "0", "--no-show", "--no-dashboard"),
    "dask_worker": ("--no-nanny", "--nthreads", "1", "--host", "127.0.0.1", "--no-dashboard"),
}


class Cluster:
    """Scheduler and workers on this machine, each a process forked from one with all imports."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "scheduler.json"
        self._folder = folder
        self.scheduler = self._fork("dask_scheduler")
        self.workers: list[BaseProcess] = []
        self._others: list[subprocess.Popen[bytes]] = []
        wait_until(lambda: self.file.exists() and self.file.read_text(encoding="utf-8").endswith("}"))  # is complete

    def add_worker(self) -> BaseProcess:
        worker = self._fork("dask_worker", "--local-directory", str(self._folder))
        self.workers.append(worker)
        return worker

    def add_other_worker(self, **environment: str) -> None:
        """Starts a worker with imports of its own."""
        command = (sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(self.file))
        with (self._folder / "log").open("ab") as log:
            self._others.append(
                subprocess.Popen(
                    (*command, *_ARGUMENTS["dask_worker"]), stdout=log, stderr=log, env=os.environ | environment
                )
            )

    def _fork(self, name: str, *arguments: str) -> BaseProcess:
        options = ("--scheduler-file", str(self.file), *_ARGUMENTS[name], *arguments)
        process = FORK_SERVER.Process(target=_run, args=(name, options, self._folder / "log"))
        process.start()
        return process

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.join()
        for other in self._others:
            other.kill()
            other.wait()


def send_signal(process: BaseProcess, number: signal.Signals) -> None:
    assert process.pid is not None
    os.kill(process.pid, number)


def _run(name: str, options: tuple[str, ...], log: Path) -> None:
    """Runs one of Dask's commands in this process, with its output in a file."""
    with log.open("ab") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    importlib.import_module(f"distributed.cli.{name}").main(options)


@contextlib.contextmanager
def running_cluster(folder: Path, n_workers: int) -> Iterator[Cluster]:
    cluster = Cluster(folder)
    try:
        for _ in range(n_workers):
            cluster.add_worker()
        yield cluster
    finally:
        cluster.close()
