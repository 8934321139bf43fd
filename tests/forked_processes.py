"""Processes of evaluations and of ``--on local``, forked from a process with all imports, which saves their seconds.

They run what the started ones run; tests of how those start and end do without this module.
"""

import functools
import os
import sys
import tempfile
from collections.abc import Mapping
from multiprocessing.connection import Connection, Pipe
from typing import Any, Final

import pytest

from tests.command_processes import FORK_SERVER
from tetrarium.evaluation import evaluation_process, executors

start_evaluations: Final = evaluation_process._start


def fork_evaluations(patch: pytest.MonkeyPatch) -> None:
    """Forks the processes in which runs of this process are evaluated."""
    patch.setattr(evaluation_process, "_start", _ForkedEvaluations)


def fork_workers(patch: pytest.MonkeyPatch) -> None:
    """Forks the workers of ``--on local``."""
    patch.setattr(executors, "START_METHOD", "forkserver")
    patch.setattr(executors, "_start_worker", _WorkerStart())


class _ForkedEvaluations:
    """Process that evaluates, with the part of the interface of ``Popen`` that its starter uses."""

    def __init__(self) -> None:
        requests, stdin = Pipe(duplex=False)
        stdout, answers = Pipe(duplex=False)
        self._process = FORK_SERVER.Process(target=_serve, args=(requests, answers), daemon=True)
        self._process.start()
        self.stdin = os.fdopen(os.dup(stdin.fileno()), "wb")
        self.stdout = os.fdopen(os.dup(stdout.fileno()), "rb")
        for connection in (requests, stdin, stdout, answers):
            connection.close()

    def kill(self) -> None:
        self._process.kill()

    def wait(self) -> None:
        self._process.join()
        self._process.close()


def _serve(requests: Connection, answers: Connection) -> None:
    os.setpgid(0, 0)
    for connection, descriptor in ((requests, 0), (answers, 1)):
        os.dup2(connection.fileno(), descriptor)
        connection.close()
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 of the whole process
    evaluation_process.serve()


class _WorkerStart:
    """Function ``_start_worker`` with the environment at the time when a worker is started."""

    def __reduce__(self) -> tuple[Any, ...]:
        return functools.partial, (_start_worker, dict(os.environ))

    def __call__(self, alive: Any) -> None:
        raise AssertionError("Workers are other processes.")


def _start_worker(environment: Mapping[str, str], alive: Any) -> None:
    from tests.command_preload import fork_first_server

    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # it follows from the environment
    fork_first_server()
    executors._start_worker(alive)
