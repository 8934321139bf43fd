"""Dask clusters of real processes on this machine."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.dashboard.servers import wait_until


class Cluster:
    """Scheduler and workers on this machine, each a process."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "scheduler.json"
        self._folder = folder
        self.scheduler = self._start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-show")
        self.workers: list[subprocess.Popen[bytes]] = []
        wait_until(self.file.exists)

    def add_worker(self, **environment: str) -> subprocess.Popen[bytes]:
        arguments = ("--no-nanny", "--nthreads", "1", "--host", "127.0.0.1", "--local-directory", str(self._folder))
        worker = self._start("dask_worker", *arguments, **environment)
        self.workers.append(worker)
        return worker

    def _start(self, name: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        command = (sys.executable, "-m", f"distributed.cli.{name}", "--scheduler-file", str(self.file))
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                (*command, "--no-dashboard", *arguments), stdout=log, stderr=log, env=os.environ | environment
            )

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@contextlib.contextmanager
def running_cluster(folder: Path, n_workers: int) -> Iterator[Cluster]:
    cluster = Cluster(folder)
    try:
        for _ in range(n_workers):
            cluster.add_worker()
        yield cluster
    finally:
        cluster.close()
