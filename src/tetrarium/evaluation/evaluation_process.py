"""Evaluation in a second process, so that training continues meanwhile.

The process is started at the first request and plays one evaluation after another. Requests and answers are pickles
over the pipes between the two processes, which no other process can write to, each preceded by its length. The process
ends with its parent, however that ends, because it then reads the end of its requests. One that a signal has stopped is
killed as soon as it is waited for.
"""

import contextlib
import io
import os
import pickle
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, BinaryIO, Final, Self

from tetrarium.environment import EnvConfig
from tetrarium.evaluation.evaluator import evaluate
from tetrarium.evaluation.reports import Report
from tetrarium.registry.files.process_lock import is_stopped

_N_BYTES_LENGTH: Final = 8
_CHECK_EVERY_S: Final = 0.1  # for a signal that has stopped the process


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRequest:
    """Arguments of an evaluation; see ``evaluate``."""

    policy: Any
    config: EnvConfig
    n_games: int
    seed: int
    max_pieces: int
    n_threads: int | None = 1  # None: all cores

    def report(self) -> Report:
        """Plays the evaluation in this process."""
        return evaluate(
            self.policy, self.config, self.n_games, self.seed, max_pieces=self.max_pieces, n_threads=self.n_threads
        )


class EvaluationProcess:
    """Second process that plays a few evaluations at a time.

    >>> from tetrarium.environment import EnvConfig
    >>> from tetrarium.evaluation import RandomPolicy
    >>> request = EvaluationRequest(policy=RandomPolicy(), config=EnvConfig(), n_games=2, seed=0, max_pieces=100)
    >>> with EvaluationProcess() as process:
    ...     process.begin(request)
    ...     [report.n_games for report in process.finish()]
    [2]
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: tuple[EvaluationRequest, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self, *requests: EvaluationRequest) -> None:
        """Starts evaluations, one after another; the previous ones must have been finished."""
        assert not self._requests
        self._requests = requests
        try:
            if self._process is None:
                self._process = _start()
            self._write(_message(requests))
        except OSError:
            self._end()  # `finish` then plays them in this process

    def is_done_within(self, seconds: float) -> bool:
        """Waits at most so long; returns whether ``finish`` would return without waiting for the other process."""
        if self._process is None:
            return True
        assert self._process.stdout is not None
        is_done = bool(select.select([self._process.stdout], [], [], seconds)[0])
        if seconds and not is_done:
            self._kill_stopped()  # the answer then ends
        return is_done

    def finish(self) -> tuple[Report, ...]:
        """Waits for the reports; if the process has died, plays the evaluations in this one, with the same results.

        Raises:
            TetrariumError: as ``evaluate`` does.
        """
        assert self._requests
        requests, self._requests = self._requests, ()
        if self._process is not None:
            try:
                answer = _read(self._read)
            except (OSError, EOFError, pickle.UnpicklingError):
                self._end()
            else:
                if isinstance(answer, tuple):
                    return answer
        return tuple(request.report() for request in requests)

    def _write(self, data: bytes) -> None:
        """Sends bytes to the process.

        Raises:
            OSError: if it has ended.
        """
        assert self._process is not None
        assert self._process.stdin is not None
        pipe = self._process.stdin.fileno()
        for start in range(0, len(data), select.PIPE_BUF):  # a pipe that is ready takes so many without blocking
            while not select.select([], [pipe], [], _CHECK_EVERY_S)[1]:
                self._kill_stopped()
            os.write(pipe, data[start : start + select.PIPE_BUF])

    def _read(self, n_bytes: int) -> bytes:
        """Receives bytes from the process; fewer if it has ended."""
        assert self._process is not None
        assert self._process.stdout is not None
        data = b""
        while len(data) < n_bytes:
            while not self.is_done_within(_CHECK_EVERY_S):
                pass
            received = os.read(self._process.stdout.fileno(), n_bytes - len(data))
            if not received:
                break
            data += received
        return data

    def _kill_stopped(self) -> None:
        assert self._process is not None
        if is_stopped(self._process.pid):
            self._process.kill()

    def close(self) -> None:
        """Ends the process and any evaluation in progress."""
        self._requests = ()
        self._end()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                with contextlib.suppress(OSError):
                    pipe.close()
            self._process.wait()
            self._process = None


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-c", "from tetrarium.evaluation.evaluation_process import serve; serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        process_group=0,  # else Ctrl-C in the terminal would reach it too, perhaps before it can ignore that
    )


def serve() -> None:
    """Plays the evaluations requested on standard input until that ends; ignores interrupts from the terminal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing else may write between the answers
    requests: SimpleQueue[tuple[EvaluationRequest, ...]] = SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, requests), daemon=True).start()
    while True:
        answers.write(_message(_answer(requests.get())))
        answers.flush()


def _listen(source: BinaryIO, requests: "SimpleQueue[tuple[EvaluationRequest, ...]]") -> None:
    """Queues requests, and ends the process at once, even during an evaluation, when the parent is gone."""
    try:
        while True:
            requests.put(_read(source.read))
    except (EOFError, OSError):
        os._exit(0)


def _answer(requests: tuple[EvaluationRequest, ...]) -> tuple[Report, ...] | str:
    """Returns the reports or an error text; the parent then repeats the evaluations and raises the error itself."""
    try:
        return tuple(request.report() for request in requests)
    except Exception as error:  # noqa: BLE001 the edge of this process
        return repr(error)


def _message(value: Any) -> bytes:
    data = pickle.dumps(value)
    return len(data).to_bytes(_N_BYTES_LENGTH, "big") + data


def _read(read: Callable[[int], bytes]) -> Any:
    length = int.from_bytes(_read_exactly(read, _N_BYTES_LENGTH), "big")
    return pickle.load(io.BytesIO(_read_exactly(read, length)))  # noqa: S301 from our own process


def _read_exactly(read: Callable[[int], bytes], n_bytes: int) -> bytes:
    data = read(n_bytes)
    if len(data) < n_bytes:
        raise EOFError
    return data
