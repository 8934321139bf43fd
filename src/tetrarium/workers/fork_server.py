"""Starts processes by forking one that keeps what they import, so that all but the first start at once.

Each process that starts workers has one fork server, from its first worker on until none was started for a while. It
imports what a worker needs, forks, and knows no more of it: the worker leads a session of its own and lives on when
server and starter end. Python's own ``multiprocessing`` has such a server too, whose children end with their parent.
"""

import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Final

__all__ = ["fork_process"]

_IDLE_S: Final = 300.0  # after which what is kept in memory is let go
_MOST_BYTES: Final = 1 << 16  # of a request
_COMM_LENGTH: Final = 15  # of the name by which `top` shows a process
_IS_ABLE: Final = sys.platform == "linux"  # elsewhere system libraries may not survive a fork


class _ForkServer:
    """The server that belongs to this process; from several threads, one request after the other."""

    def __init__(self) -> None:
        self._busy = threading.Lock()
        self._socket: socket.socket | None = None
        self._idle: threading.Timer | None = None

    def ask(self, request: bytes, descriptors: Sequence[int]) -> None:
        """Hands a request over, to a new server if there is none.

        Raises:
            OSError: if none can be started, or it ended.
        """
        with self._busy:
            if self._idle is not None:
                self._idle.cancel()
            try:
                if self._socket is None:
                    self._socket = _start_server()
                socket.send_fds(self._socket, [request], descriptors)
            except OSError:
                self._let_go()
                raise
            self._idle = threading.Timer(_IDLE_S, self.close)
            self._idle.daemon = True
            self._idle.start()

    def close(self) -> None:
        """Lets the server end, which it does once it has done what it was asked for."""
        with self._busy:
            self._let_go()

    def _let_go(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


_SERVER: Final = _ForkServer()


def fork_process(module: str, arguments: Sequence[str], needs: str, lock: int, output: int) -> bool:
    """Has a process forked that does what ``python -m MODULE ARGUMENTS --lock N`` would, in a session of its own.

    Args:
        module: What it runs.
        arguments: What it is told.
        needs: A module whose ``prepare()`` loads what it needs, once for it and those after it.
        lock: A descriptor that it is given; in it, its number is N.
        output: Where its standard streams go.

    Returns:
        Whether that was asked for; where processes cannot be forked, nothing has happened.
    """
    if not _IS_ABLE:
        return False
    request = json.dumps({"module": module, "arguments": list(arguments), "needs": needs}).encode()
    try:
        _SERVER.ask(request, (lock, output))
    except OSError:
        return False
    return True


def _start_server() -> socket.socket:
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with there:
        try:
            process = subprocess.Popen(  # noqa: S603 fixed
                [sys.executable, "-m", __name__, str(there.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(there.fileno(),),
                start_new_session=True,
            )
        except OSError:
            here.close()
            raise
    threading.Thread(target=process.wait, name="reaper", daemon=True).start()  # so that no zombie stays
    return here


def _serve(asked: socket.socket) -> None:
    """Forks a process for each request until nobody is left to ask; returns in none that was forked but at its end."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # so that no zombie stays
    while True:
        request, descriptors, _, _ = socket.recv_fds(asked, _MOST_BYTES, 2)
        if not request:
            return
        wanted = json.loads(request)
        with contextlib.suppress(Exception):  # the process meets what is wrong again, and its log has it
            importlib.import_module(wanted["needs"]).prepare()
        gc.freeze()  # what is shared stays so
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the threads are OpenBLAS's, which minds forks itself
            is_worker = os.fork() == 0
        if is_worker:
            asked.close()
            _become(wanted["module"], wanted["arguments"], *descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)


def _become(module: str, arguments: list[str], lock: int, output: int) -> None:
    os.setsid()
    os.dup2(output, sys.stdout.fileno())
    os.dup2(output, sys.stderr.fileno())
    os.close(output)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(" ".join(arguments[:2])[:_COMM_LENGTH], encoding="utf-8")
    sys.argv = [module, *arguments, "--lock", str(lock)]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
