"""Evaluations in a second process, so that whoever trains goes on meanwhile.

The process is started at the first request and plays one evaluation after another. Requests and answers are pickles
over the pipes between the two, which nobody else can write to; a request begins and an answer ends with its length. The
process ends with the one that started it, however that ends: it then reads the end of its requests.
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
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Self

from tetrarium.evaluation.evaluator import evaluate
from tetrarium.evaluation.report import Report

if TYPE_CHECKING:
    from tetrarium.environment import EnvConfig

__all__ = ["EvaluationProcess", "EvaluationRequest"]

_N_BYTES_LENGTH: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRequest:
    """What to play; see ``evaluate``."""

    policy: Any
    config: "EnvConfig"
    n_games: int
    seed: int
    max_pieces: int
    n_threads: int | None = 1  # None for all cores

    def report(self) -> Report:
        """Plays it here."""
        return evaluate(
            self.policy, self.config, self.n_games, self.seed, max_pieces=self.max_pieces, n_threads=self.n_threads
        )


class EvaluationProcess:
    """One evaluation at a time, beside the caller's own work.

    >>> from tetrarium.environment import EnvConfig
    >>> from tetrarium.evaluation import RandomPolicy
    >>> request = EvaluationRequest(policy=RandomPolicy(), config=EnvConfig(), n_games=2, seed=0, max_pieces=100)
    >>> with EvaluationProcess() as process:
    ...     process.begin(request)
    ...     process.finish().n_games
    2
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._request: EvaluationRequest | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self, request: EvaluationRequest) -> None:
        """Hands over what to play; the one before must have been finished."""
        assert self._request is None
        self._request = request
        try:
            if self._process is None:
                self._process = _start()
            assert self._process.stdin is not None
            _write(self._process.stdin, request)
        except OSError:
            self._end()  # `finish` plays it here then

    def is_done_within(self, seconds: float) -> bool:
        """Waits at most so long; whether ``finish`` would not wait for the other process any more."""
        if self._process is None:
            return True
        assert self._process.stdout is not None
        return bool(select.select([self._process.stdout], [], [], seconds)[0])

    def finish(self) -> Report:
        """Waits for the report. If the process has died, the evaluation is played here instead, with the same result.

        Raises:
            TetrariumError: what ``evaluate`` raises.
        """
        assert self._request is not None
        request, self._request = self._request, None
        if self._process is not None:
            assert self._process.stdout is not None
            try:
                answer = _read(self._process.stdout)
            except (OSError, EOFError, pickle.UnpicklingError):
                self._end()
            else:
                if isinstance(answer, Report):
                    return answer
        return request.report()

    def close(self) -> None:
        """Ends the process, and with it what it plays."""
        self._request = None
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
        [sys.executable, "-P", "-c", "from tetrarium.evaluation.process import serve; serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        process_group=0,  # else Ctrl-C in the terminal would reach it too, perhaps before it can ignore that
    )


def serve() -> None:
    """Plays what is asked for on standard input until that ends; an interrupt from the terminal is the parent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing else may write among the answers
    requests: SimpleQueue[EvaluationRequest] = SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, requests), daemon=True).start()
    while True:
        _write(answers, _answer(requests.get()))


def _listen(source: BinaryIO, requests: "SimpleQueue[EvaluationRequest]") -> None:
    """Takes requests, and ends the process in the middle of whatever it plays when nobody is there any more."""
    try:
        while True:
            requests.put(_read(source))
    except (EOFError, OSError):
        os._exit(0)


def _answer(request: EvaluationRequest) -> Report | str:
    """The report, or what went wrong; the parent plays it again then, and says so itself."""
    try:
        return request.report()
    except Exception as error:  # noqa: BLE001 the edge of this process
        return repr(error)


def _write(target: BinaryIO | Any, value: Any) -> None:
    data = pickle.dumps(value)
    target.write(len(data).to_bytes(_N_BYTES_LENGTH, "big") + data)
    target.flush()


def _read(source: BinaryIO | Any) -> Any:
    length = int.from_bytes(_read_exactly(source, _N_BYTES_LENGTH), "big")
    return pickle.load(io.BytesIO(_read_exactly(source, length)))  # noqa: S301 from our own other half


def _read_exactly(source: BinaryIO | Any, n_bytes: int) -> bytes:
    data: bytes = source.read(n_bytes)
    if len(data) < n_bytes:
        raise EOFError
    return data
