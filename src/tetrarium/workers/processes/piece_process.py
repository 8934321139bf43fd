"""A piece of a run: training from one checkpoint to a later one, in a process that ends with it.

``train_piece`` is what workers of an executor call: a run's state goes in, its later state comes out, and nothing else
changes, so a piece may be lost or repeated. It trains the run in a temporary home, in a process of its own
(``python -m tetrarium.workers piece FOLDER``), which ends with the worker, however that ends.
"""

import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from tetrarium import events
from tetrarium.errors import TetrariumError
from tetrarium.registry.home import Home
from tetrarium.training.checkpoints.metadata import METADATA_NAME
from tetrarium.training.checkpoints.processors import CPU_CAPABILITY
from tetrarium.training.runs.storage.packed_runs import PackedRun, TrainedPiece, collect_piece, unpack_run
from tetrarium.workers.processes.fork_server import fork_process, load_kernels, load_modules, wait_for_kernels

CPU_VARIABLE: Final = "ATEN_CPU_CAPABILITY"  # torch's, selects vector instructions
_PIECE: Final = "piece.pickle"
_RESULT: Final = "result.pickle"
_PREFIX: Final = "tetrarium-piece-"  # of temporary folders
_MODULE: Final = "tetrarium.workers"
_MAX_LOG: Final = 4_096  # bytes
_CLEAN_UP: Final = (  # deletes the folder $2 once the process $1 writes nothing any more
    'for _ in 1 2 3 4 5 6 7 8 9; do kill -9 "$1" 2>/dev/null || break; sleep 0.1; done; rm -rf "$2"'
)
_SHOWN: Final = (events.AgentEvaluated, events.WarningGiven)  # events that the run's home publishes


def prepare() -> None:
    """Loads the imports and kernels of training in the fork server."""
    load_kernels()  # first, as compiling them takes longer than the imports
    load_modules("training.algorithms.dqn", "training.saved_models", "training.runs.run")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Task of a worker."""

    run: PackedRun
    root: str  # the run's home, for messages
    least_s: float  # after which the piece ends at a checkpoint
    most_s: float  # after which it ends with one
    changes: Mapping[str, Any]  # of training settings, as for ``TrainingRun.open``
    any_cpu: bool
    cpu_capability: str | None  # for a run without a checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class LostPiece:
    """Result of a piece whose process ended without one."""

    reason: str


def train_piece(piece: Piece) -> TrainedPiece | LostPiece:
    """Trains a piece in a process of its own.

    Raises:
        TetrariumError: as training does.
    """
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        (folder / _PIECE).write_bytes(pickle.dumps(piece))
        printed = _run_process(folder, _cpu_environment(piece))
        if not (folder / _RESULT).exists():
            lines = printed.decode(errors="replace").split("\n")
            return LostPiece(reason=next((line for line in reversed(lines) if line), "it printed nothing"))
        result: TrainedPiece | TetrariumError = pickle.loads((folder / _RESULT).read_bytes())  # noqa: S301 our own
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if isinstance(result, TetrariumError):
        raise result
    return result


def _run_process(folder: Path, environment: dict[str, str]) -> bytes:
    """Runs the process of a piece to its end; returns the end of what it printed.

    It inherits one end of a pipe, whose other end closes with this process, and one of a pipe that closes with it.
    """
    inherited, alive = os.pipe()
    printed, output = os.pipe()
    process = None
    with os.fdopen(printed, "rb") as log, os.fdopen(alive, "wb"):
        try:
            arguments = ["piece", str(folder)]
            if environment or not fork_process(_MODULE, arguments, __name__, inherited, output):
                process = subprocess.Popen(  # noqa: S603 fixed
                    [sys.executable, "-P", "-m", _MODULE, *arguments, "--lock", str(inherited)],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=(inherited,),
                    env={**os.environ, **environment},
                    start_new_session=True,  # else Ctrl-C in a terminal would reach it, too
                )
        finally:
            os.close(inherited)
            os.close(output)
        end = b""
        while data := log.read1():
            end = (end + data)[-_MAX_LOG:]
        if process is not None:
            process.wait()
        return end


def _cpu_environment(piece: Piece) -> dict[str, str]:
    """Returns the variable that makes torch compute as where the run's checkpoint was made, if it needs one here."""
    capability = piece.cpu_capability
    if piece.run.checkpoint is not None and not piece.any_cpu:
        capability = json.loads(piece.run.checkpoint[METADATA_NAME])["library_versions"].get(CPU_CAPABILITY)
    name = (capability or "").lower()
    available = _cpu_flags()
    is_lower = (name == "default" and "avx2" in available) or (name == "avx2" and available >= {"avx2", "avx512vl"})
    return {CPU_VARIABLE: name} if is_lower and os.environ.get(CPU_VARIABLE) != name else {}


def _cpu_flags() -> set[str]:
    """Returns the instructions of this processor, where the system names them."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return set()
    return set(next((line for line in lines if line.startswith("flags")), "").split())


def run_piece(folder: Path, *, lock: int | None) -> int:
    """Trains the piece that a folder holds, and writes its result there; returns the process's exit code.

    ``lock``: descriptor of a pipe whose other end closes with the worker.
    """
    if lock is not None:
        threading.Thread(target=_end_with_worker, args=(lock, folder), name="starter", daemon=True).start()
    piece: Piece = pickle.loads((folder / _PIECE).read_bytes())  # noqa: S301 of the worker that started this process
    wait_for_kernels(lambda: False)
    result: TrainedPiece | TetrariumError
    try:
        result = _train(piece, Home(folder))
    except TetrariumError as error:
        error.args = tuple(_at_home(value, piece, folder) for value in error.args)
        error.__cause__ = error.__context__ = None
        result = error
    partial = folder / f"{_RESULT}.partial"
    partial.write_bytes(pickle.dumps(result))
    partial.rename(folder / _RESULT)
    return 0


def _end_with_worker(pipe: int, folder: Path) -> None:
    os.set_inheritable(pipe, False)
    os.read(pipe, 1)
    os.posix_spawnp("sh", ["sh", "-c", _CLEAN_UP, "sh", str(os.getpid()), str(folder)], os.environ)
    os._exit(1)


def _train(piece: Piece, home: Home) -> TrainedPiece:
    from tetrarium.training.runs.run import TrainingRun

    unpack_run(piece.run, home)
    started_s = time.monotonic()
    shown: list[events.Event] = []
    progress: list[events.Event] = []

    def publish(event: events.Event) -> None:
        elapsed_s = time.monotonic() - started_s
        if isinstance(event, events.Progress):
            progress[:] = [event]
            if elapsed_s >= piece.most_s and event.step < event.total_steps:  # else the last weights are evaluated
                run.request_stop()
        elif isinstance(event, events.CheckpointSaved) and elapsed_s >= piece.least_s:
            run.request_stop()
        elif isinstance(event, _SHOWN):
            shown.append(_event_at_home(event, piece, home.root))

    run = TrainingRun.open(home, piece.run.name, publish, changes=piece.changes, trust=True, any_cpu=piece.any_cpu)
    _, ended = run.execute()
    seconds = (ended.seconds, ended.evaluated_seconds)
    return collect_piece(piece.run, home, ended.state, seconds, (*shown, *progress))


def _event_at_home(event: events.Event, piece: Piece, folder: Path) -> events.Event:
    changes: dict[str, Any] = {
        item.name: _at_home(value, piece, folder)
        for item in fields(event)
        if isinstance(value := getattr(event, item.name), str)
    }
    return replace(event, **changes)


def _at_home(value: Any, piece: Piece, folder: Path) -> Any:
    """Returns a text with paths of the run's home instead of the temporary one."""
    return value.replace(str(folder), piece.root) if isinstance(value, str) else value
