"""Fork server: a process that holds imported modules, so that workers forked from it start without delay.

Each process that starts workers has one fork server, from its first worker until none was started for a while. The
server imports what a worker needs, forks, and does not track the worker, which runs in a session of its own and
outlives server and starter. The fork server of ``multiprocessing`` ends its children with their parent.
"""

import contextlib
import functools
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

_IDLE_S: Final = 300.0  # after which the server ends and frees its memory
_CHECK_EVERY_S: Final = 0.1  # for a stop request
_MAX_REQUEST_BYTES: Final = 1 << 16
_MAX_PROCESS_NAME: Final = 15  # characters, as shown by `top`
_N_STANDARD_STREAMS: Final = 3
_IS_SUPPORTED: Final = sys.platform == "linux"  # elsewhere system libraries may not survive a fork


def load_modules(*names: str) -> None:
    """Imports modules of the package that are otherwise imported on first use."""
    for name in names:
        importlib.import_module(f"tetrarium.{name}")


def load_kernels() -> None:
    """Loads the kernels of the default game by one placement; if they must be compiled, forked processes do that.

    Starts no threads, because a fork does not copy them.
    """
    from tetrarium.engine import are_kernels_cached
    from tetrarium.environment import EnvConfig

    is_loaded = _place_one_piece.cache_info().currsize > 0
    if is_loaded or are_kernels_cached(EnvConfig().rules()):
        _place_one_piece()
    else:
        _compile_in_forks()


def wait_for_kernels(is_stop_requested: Callable[[], bool]) -> None:
    """Waits until forked processes have compiled the kernels of the first steps, if they do, or a stop is requested.

    A worker that did not wait would begin to compile them, too, and the processes would then wait for it.
    """
    if _compile_in_forks.cache_info().currsize:
        ended = _compile_in_forks()
        while not is_stop_requested() and not select.select([ended], [], [], _CHECK_EVERY_S)[0]:
            pass


def are_kernels_awaited() -> bool:
    """Returns whether ``wait_for_kernels`` would wait."""
    return _compile_in_forks.cache_info().currsize > 0 and not select.select([_compile_in_forks()], [], [], 0)[0]


@functools.cache  # once per process
def _place_one_piece() -> None:
    from tetrarium.environment import EnvConfig, make_env

    env = make_env(EnvConfig())()
    _, info = env.reset(seed=0)
    env.step(info["action_mask"].argmax())


@functools.cache  # once per process
def _compile_in_forks() -> int:
    """Starts to compile the kernels of the default game; returns a descriptor of a pipe that ends with that.

    One process compiles what plays a game, two what observes it. The largest part of their work is the same, and done
    before the second one is forked.
    """
    from tetrarium.environment import EnvConfig

    rules = EnvConfig().rules()
    ended, open_end = os.pipe()
    if (is_playing := _fork() == 0) or _fork() == 0:
        try:
            os.closerange(_N_STANDARD_STREAMS, open_end)  # among them locks and sockets of workers
            os.closerange(open_end + 1, os.sysconf("SC_OPEN_MAX"))
            _compile_playing(rules) if is_playing else _compile_observing(rules)
        finally:
            os._exit(0)
    os.close(open_end)
    return ended


def _compile_playing(rules: Any) -> None:
    import numpy as np

    from tetrarium.engine.board_tracker import BoardTracker
    from tetrarium.engine.placement.transitions import N_REVEALED, place_in_games
    from tetrarium.engine.state_layout import COLUMNS

    BoardTracker(rules).warm()
    games = np.zeros((0, COLUMNS + rules.width), dtype=np.int64)
    place_in_games(games, np.zeros((0, N_REVEALED), dtype=np.int64), games[:, 0], rules)


def _compile_observing(rules: Any) -> None:
    import numpy as np

    from tetrarium.engine import compile_kernels, link_kernels, make_layout
    from tetrarium.environment import EnvConfig, make_env

    layout = make_layout(EnvConfig().features, rules.width, rules.preview)
    link_kernels(rules, layout)
    is_stepping = _fork() == 0
    core = make_env(EnvConfig())().core
    if is_stepping:
        core.step(np.zeros(1, dtype=np.int64), restart=True)
    else:
        core.observe()
        compile_kernels(rules, layout)


def _fork() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # about OpenBLAS's threads, which handle forks
        return os.fork()


class _ForkServer:
    """Fork server of this process; requests of several threads are sent one after the other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._idle_timer: threading.Timer | None = None

    def send(self, request: bytes, descriptors: Sequence[int]) -> None:
        """Sends a request to the server, which is started if necessary.

        Raises:
            OSError: if the server cannot be started, or it ended.
        """
        with self._lock:
            if self._idle_timer is not None:
                self._idle_timer.cancel()
            try:
                if self._socket is None:
                    self._socket = _start_server()
                socket.send_fds(self._socket, [request], descriptors)
            except OSError:
                self._disconnect()
                raise
            self._idle_timer = threading.Timer(_IDLE_S, self.close)
            self._idle_timer.daemon = True
            self._idle_timer.start()

    def close(self) -> None:
        """Ends the server after the requests that it has received."""
        with self._lock:
            self._disconnect()

    def _disconnect(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


_SERVER: Final = _ForkServer()


def fork_process(module: str, arguments: Sequence[str], prepared_by: str, lock: int, output: int) -> bool:
    """Requests a forked process equivalent to ``python -m MODULE ARGUMENTS --lock N``, in a session of its own.

    Args:
        module: Module that the process runs.
        arguments: Its command-line arguments.
        prepared_by: Module whose ``prepare()`` loads the process's imports, once in the server.
        lock: Descriptor that the process inherits; N is its number there.
        output: Descriptor of the file for its standard streams.

    Returns:
        Whether the request was sent; if not, nothing has happened.
    """
    if not _IS_SUPPORTED:
        return False
    return _send({"module": module, "arguments": list(arguments), "prepared_by": prepared_by}, (lock, output))


def prepare_processes(prepared_by: str) -> None:
    """Starts the fork server, if there is none, and loads the imports of processes that will soon be requested."""
    if _IS_SUPPORTED:
        _send({"prepared_by": prepared_by}, ())


def _send(request: Mapping[str, Any], descriptors: Sequence[int]) -> bool:
    try:
        _SERVER.send(json.dumps(request).encode(), descriptors)
    except OSError:
        return False
    return True


def _start_server() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        try:
            process = subprocess.Popen(  # noqa: S603 fixed
                [sys.executable, "-P", "-m", __name__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        except OSError:
            ours.close()
            raise
    threading.Thread(target=process.wait, name="reaper", daemon=True).start()  # leaves no zombie
    return ours


def _serve(requests: socket.socket) -> None:
    """Forks the processes that are requested until the starter is gone; in a forked process, returns at its end."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # leaves no zombie
    while True:
        request, descriptors, _, _ = socket.recv_fds(requests, _MAX_REQUEST_BYTES, 2)
        if not request:
            return
        values = json.loads(request)
        with contextlib.suppress(Exception):  # the worker fails with the same error, into its log
            importlib.import_module(values["prepared_by"]).prepare()
        gc.freeze()  # keeps the collector from copying shared pages
        if descriptors and _fork() == 0:
            requests.close()
            _run_module(values["module"], values["arguments"], *descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)


def _run_module(module: str, arguments: list[str], lock: int, output: int) -> None:
    os.setsid()
    os.dup2(output, sys.stdout.fileno())
    os.dup2(output, sys.stderr.fileno())
    os.close(output)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(" ".join(arguments[:2])[:_MAX_PROCESS_NAME], encoding="utf-8")
    sys.argv = [module, *arguments, "--lock", str(lock)]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
