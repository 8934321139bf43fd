"""Module that the fork server of ``command_processes`` imports: all that commands and their workers need."""

import contextlib
import importlib
import itertools
import os
import socket
import sys
from collections.abc import Mapping
from typing import Any

from tests.evaluation.sample_policies import SMALL, STACKER
from tetrarium.cli.main import main
from tetrarium.evaluation.work_queue import SliceRunner, Task
from tetrarium.workers.processes import fork_server
from tetrarium.workers.processes.launcher import MODULES

STARTERS = frozenset({"serve", "run", "tune"})  # commands that start workers


def redirect(environment: Mapping[str, str], out: str, err: str) -> None:
    """Gives this process an environment, and appends its output to files, which may be the same."""
    os.environ.clear()
    os.environ.update(environment)
    for stream, path in ((sys.stdout, out), (sys.stderr, err)):
        stream.flush()
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
        os.dup2(descriptor, stream.fileno())
        os.close(descriptor)


def run_command(arguments: list[str], constants: Mapping[str, Any]) -> None:
    """Runs a command in this process, for which constants of modules may have other values."""
    for path, value in constants.items():
        module, _, name = path.rpartition(".")
        assert hasattr(importlib.import_module(module), name)
        setattr(importlib.import_module(module), name, value)
    if arguments[0] in STARTERS:
        _fork_first_server()
    main(arguments)


def _fork_first_server() -> None:
    """Forks the command's first server of workers, which it would otherwise start, with imports of its own."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if fork_server._fork() == 0:
        ours.close()
        os.setsid()
        fork_server._serve(theirs)
        sys.exit()
    theirs.close()
    start = fork_server._start_server
    servers = itertools.chain([ours], iter(start, None))
    fork_server._start_server = lambda: next(servers)


for name in ("cli.commands.serve", "cli.commands.train", "cli.commands.tune", "dashboard.app"):
    importlib.import_module(f"tetrarium.{name}")
for module in MODULES.values():
    importlib.import_module(module).prepare()
with contextlib.suppress(ImportError):  # distributed is not installed
    for name in ("dask_scheduler", "dask_worker"):
        importlib.import_module(f"distributed.cli.{name}")
    SliceRunner(Task(policy=STACKER, config=SMALL, max_pieces=1))  # loads the kernels of their games
