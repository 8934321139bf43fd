"""Runs in pieces on workers: the bytes of a local run, whatever ends in between."""

import contextlib
import json
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from tests.torture.run_results import assert_same, result_of
from tests.training.runs import EVALUATED, start, stop_after
from tests.workers.servers import wait_for
from tetrarium.cli.remote_training import train_on
from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError, DamagedCheckpointError, ExecutorError, UntrustedCheckpointError
from tetrarium.evaluation.executors import local_processes
from tetrarium.events import CheckpointSaved, Event, RunStarted
from tetrarium.registry.home import Home
from tetrarium.registry.model_store import ModelStore
from tetrarium.training import TrainingConfig
from tetrarium.training.runs.storage.packed_runs import PackedRun, TrainedPiece, add_piece, pack_run
from tetrarium.training.runs.storage.run_config import create_run
from tetrarium.workers.directories.run_views import read_run
from tetrarium.workers.processes import piece_process, remote_runs
from tetrarium.workers.processes.piece_process import LostPiece, Piece, train_piece
from tetrarium.workers.processes.remote_runs import RemotePlace
from tetrarium.workers.processes.shared_executor import SharedExecutor
from tetrarium.workers.protocol.client import WorkerClient

TWO_PIECES: Final = EVALUATED.with_changes(total_timesteps=120, checkpoint_every=60, evaluate_every=60)
N_WORKERS: Final = 2
PATIENCE_S: Final = 120.0


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Results of the run ``one`` of this process."""
    home = Home(tmp_path_factory.mktemp("local"))
    start(home, "one", TWO_PIECES)[0].execute()
    return {**result_of(home.root, "one"), "models": models(home, "one")}


def models(home: Home, name: str) -> list[str]:
    """Returns the weights of the versions of a run's model."""
    return [version.sha256 for version in ModelStore(home).versions(name)]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """An empty home; temporary folders of pieces are beside it."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return Home(tmp_path / "home")


def pieces(home: Home) -> list[Path]:
    """Returns the temporary homes in which pieces are trained."""
    return [path.parent for path in (home.root.parent / "temporary").glob("tetrarium-piece-*/runs")]


@pytest.fixture
def place(home: Home) -> Iterator[RemotePlace]:
    """A place with two threads, which start the processes of pieces as workers do."""
    with ThreadPoolExecutor(N_WORKERS) as executor:
        place = RemotePlace(home, SharedExecutor(executor), "threads", least_s=0.0)
        yield place
        place.close()


def begin(place: RemotePlace, name: str = "one", config: TrainingConfig = TWO_PIECES) -> None:
    assert place.start_training(place.home, EnvConfig(), config, name=name) == name


def assert_equals(home: Home, local: dict[str, Any]) -> None:
    assert_same({**result_of(home.root, "one"), "models": models(home, "one")}, local)
    assert pieces(home) == []


def send_to_process(number: signal.Signals) -> int | None:
    """Sends a signal to the process of a piece that this process's fork server started; None if there is none."""
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (path / "comm").read_text().startswith("piece ") and parent(parent(int(path.name))) == os.getpid():
                os.kill(int(path.name), number)
                return int(path.name)
    return None


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.parametrize("n_kills", [1, pytest.param(2, marks=pytest.mark.oracle)])
def test_a_run_whose_workers_are_killed_equals_the_local_one_and_a_closed_place_ends_its_workers(
    home: Home, local: dict[str, Any], n_kills: int
) -> None:
    made: list[Any] = []

    def make() -> Executor:
        made.append(local_processes(1)())
        return made[-1]

    place = RemotePlace(home, SharedExecutor(make), "processes", least_s=0.0)
    begin(place)
    for n_made in range(1, n_kills + 1):
        piece = wait_for(lambda: next(iter(pieces(home)), None), PATIENCE_S)
        (worker,) = made[n_made - 1]._processes.values()
        os.kill(worker.pid, signal.SIGKILL)
        wait_for(lambda gone=piece: not gone.exists(), PATIENCE_S)  # its process ends with the worker
    assert place.join(PATIENCE_S)
    assert len(made) == n_kills + 1
    assert_equals(home, local)

    begin(place, "endless", TWO_PIECES.with_changes(total_timesteps=10**9, checkpoint_every=10**9))
    wait_for(lambda: pieces(home), PATIENCE_S)
    (worker,) = made[-1]._processes.values()
    place.close()
    wait_for(lambda: worker.exitcode is not None, PATIENCE_S / 4)  # the executor waits for it, too
    wait_for(lambda: not pieces(home), PATIENCE_S)
    assert read_run(home, "endless").state == "stopped"


@pytest.mark.oracle  # two workers that import torch, for what a stopped worker of evaluations shows too
def test_a_piece_of_a_worker_that_is_stopped_is_trained_again(
    home: Home, local: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_runs, "_OVERDUE_S", 0.0)
    monkeypatch.setattr(remote_runs, "_MOST_AFTER_S", 1.0)
    made: list[Any] = []

    def make() -> Executor:
        made.append(local_processes(1)())
        return made[-1]

    place = RemotePlace(home, SharedExecutor(make), "processes", least_s=0.0)
    begin(place)
    wait_for(lambda: pieces(home), PATIENCE_S)
    (worker,) = made[0]._processes.values()
    os.kill(worker.pid, signal.SIGSTOP)
    assert place.join(PATIENCE_S)
    place.close()
    assert len(made) == 2
    # A worker that is killed after its piece has ended leaves the piece's temporary home behind.
    assert_same({**result_of(home.root, "one"), "models": models(home, "one")}, local)


def test_a_run_that_is_paused_stopped_and_resumed_equals_the_local_one(
    place: RemotePlace, local: dict[str, Any]
) -> None:
    home = place.home
    free = threading.Event()
    for _ in range(N_WORKERS):
        place.executor._source.submit(free.wait, PATIENCE_S)
    begin(place)
    view = read_run(home, "one")
    assert view.is_alive and view.state in {"starting", "running"} and view.place == "threads"
    wait_for(lambda: read_run(home, "one").state == "running", PATIENCE_S)
    with WorkerClient.connect(home.run_folder("one"), wait_s=PATIENCE_S) as worker:
        worker.execute("pause")
        free.set()
        wait_for(lambda: read_run(home, "one").state == "paused", PATIENCE_S)
        paused = read_run(home, "one")
        assert (paused.checkpoints, paused.message) == ((60,), "Paused at step 60. Nothing is lost.")
        assert paused.place == "threads"
        worker.execute("stop")
    assert place.join(PATIENCE_S)
    stopped = read_run(home, "one")
    assert (stopped.state, stopped.step, stopped.is_alive, stopped.place) == ("stopped", 60, False, "")
    place.resume_training(home, "one")
    wait_for(lambda: read_run(home, "one").message == "Training on threads; shown after each piece.", PATIENCE_S)
    assert place.join(PATIENCE_S)
    finished = read_run(home, "one")
    assert (finished.state, finished.message) == ("finished", "Finished at step 120.")
    assert finished.times and finished.times["playing"] > 0
    assert_equals(home, local)


def test_a_piece_that_ends_between_checkpoints_leaves_those_of_a_local_run_alone(
    place: RemotePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = EVALUATED.with_changes(total_timesteps=14_000, checkpoint_every=7_000, evaluate_every=14_000)
    start(Home(tmp_path / "local"), "one", config)[0].execute()
    create_run(place.home, "one", EnvConfig(), config)
    ends: list[int] = []

    def publish(event: Event) -> None:
        if isinstance(event, CheckpointSaved):
            ends.append(event.step)
            monkeypatch.undo()

    monkeypatch.setattr(remote_runs, "_MOST_AFTER_S", 0.0)  # the first piece ends when it first reports its progress
    place.start("one", publish)
    assert place.join(PATIENCE_S)
    first, *others = ends
    assert 0 < first < 7_000 and others == [7_000, 14_000]
    assert read_run(place.home, "one").checkpoints == (7_000, 14_000)
    assert_same(result_of(place.home.root, "one"), result_of(tmp_path / "local", "one"))


@pytest.mark.oracle  # as below, where the worker itself is stopped
def test_a_piece_whose_worker_hangs_is_trained_by_another_and_its_own_result_is_dropped(
    place: RemotePlace, local: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_runs, "_OVERDUE_S", 0.0)
    monkeypatch.setattr(remote_runs, "_MOST_AFTER_S", 1.0)
    begin(place)
    stopped = wait_for(lambda: pieces(place.home) and send_to_process(signal.SIGSTOP), PATIENCE_S)
    try:
        assert place.join(PATIENCE_S)
        assert Path(f"/proc/{stopped}").exists()  # on a busy machine, other pieces may have been overdue, too
        result = result_of(place.home.root, "one")
    finally:
        os.kill(stopped, signal.SIGCONT)
    wait_for(lambda: not pieces(place.home), PATIENCE_S)  # each worker has returned its result
    assert_same(result_of(place.home.root, "one"), result)
    assert_equals(place.home, local)


def test_a_run_whose_processes_are_killed_fails_and_can_be_resumed(
    place: RemotePlace, local: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_runs, "_MAX_LOSSES", 1)
    begin(place)
    wait_for(lambda: send_to_process(signal.SIGKILL), PATIENCE_S)
    assert place.join(PATIENCE_S)
    failed = read_run(place.home, "one")
    assert failed.state == "failed"
    assert failed.error == (
        "The process of a piece must end with a result; 1 were killed or out of memory (it printed nothing). Give "
        "workers more memory, then `tetrarium resume one`."
    )
    place.resume_training(place.home, "one")
    assert place.join(PATIENCE_S)
    assert_equals(place.home, local)


def test_a_new_run_is_kept_if_it_can_be_resumed_and_deleted_if_it_is_refused(
    place: RemotePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    configs = (EnvConfig(), TWO_PIECES)
    monkeypatch.setattr(remote_runs, "train_piece", lambda _piece: LostPiece(reason="out of memory"))
    with pytest.raises(ExecutorError, match="then `tetrarium resume lost`"):
        train_on(place, "lost", configs)
    monkeypatch.undo()
    with pytest.raises(ConfigError, match="one that torch can use here; got 'cuda:99'"):
        train_on(place, "refused", (EnvConfig(), TWO_PIECES.with_changes(device="cuda:99")))
    assert place.home.run_names() == ["lost"]


def test_a_lost_executor_stops_a_run_which_another_one_resumes(home: Home) -> None:
    broken, lost = ThreadPoolExecutor(1), ExecutorError("A scheduler answers within 10 seconds; it did not.")
    broken.shutdown()
    sources: list[Executor] = [broken]

    def make() -> Executor:
        if not sources:
            raise lost
        return sources.pop()

    place = RemotePlace(home, SharedExecutor(make), "a cluster")
    begin(place)
    assert place.join(PATIENCE_S)
    view = read_run(home, "one")
    assert (view.state, view.message) == ("stopped", f"Stopped at step 0. {lost}")
    with pytest.raises(ExecutorError, match="it did not"):
        place.resume_training(home, "one")


def test_only_checkpoints_of_this_home_are_sent_and_only_whole_ones_added(place: RemotePlace) -> None:
    home = place.home
    run, _ = start(home, "one", TWO_PIECES)
    stop_after(run, 1, RunStarted)
    run.execute()
    packed = pack_run(home, "one")
    assert packed.step == 20  # after one round
    (home.root / "secret.key").unlink()
    with pytest.raises(UntrustedCheckpointError, match="was not made in this home"):
        pack_run(home, "one")
    piece = place.executor.call(train_piece, piece_of(pack_run(home, "one", trust=True), least_s=PATIENCE_S))
    assert isinstance(piece, TrainedPiece)
    assert (piece.state, piece.step) == ("finished", 120)
    files = piece.checkpoints[120]
    altered = replace(piece, checkpoints={120: {**files, "model.zip": files["model.zip"][:-1]}})
    with pytest.raises(DamagedCheckpointError, match=r"checkpoints/120' was altered on its way\."):
        add_piece(home, "one", altered)
    assert packed.checkpoint == pack_run(home, "one", trust=True).checkpoint
    add_piece(home, "one", piece, superseded=20)
    assert pack_run(home, "one").step == 120
    assert read_run(home, "one").checkpoints == (60, 120)


def piece_of(run: PackedRun, **changes: Any) -> Piece:
    defaults: dict[str, Any] = {
        "root": "/home", "least_s": 0.0, "most_s": 60.0, "changes": {}, "any_cpu": False, "cpu_capability": None,
    }  # fmt: skip
    return Piece(run=run, **(defaults | changes))


@pytest.mark.parametrize(
    ("made_with", "flags", "selected"),
    [
        ("AVX2", {"avx2", "avx512vl"}, {"ATEN_CPU_CAPABILITY": "avx2"}),
        ("DEFAULT", {"avx2"}, {"ATEN_CPU_CAPABILITY": "default"}),
        ("AVX2", {"avx2"}, {}),
        ("AVX512", {"avx2"}, {}),  # refused by the checkpoint, not by an illegal instruction
        (None, {"avx2", "avx512vl"}, {}),
    ],
)
def test_a_worker_computes_with_the_instructions_of_the_checkpoint(
    made_with: str | None, flags: set[str], selected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(piece_process, "_cpu_flags", lambda: flags)
    monkeypatch.delenv("ATEN_CPU_CAPABILITY", raising=False)
    metadata = json.dumps({"library_versions": {"cpu-capability": made_with} if made_with else {}}).encode()
    run = PackedRun(
        name="one", step=0, config=b"", checkpoint={"metadata.json": metadata}, tables={}, scalars=(), start={}
    )
    assert piece_process._cpu_environment(piece_of(run)) == selected
    assert piece_process._cpu_environment(piece_of(run, any_cpu=True)) == {}
    first = replace(run, checkpoint=None)
    assert piece_process._cpu_environment(piece_of(first, cpu_capability=made_with)) == selected


def test_a_piece_cannot_last_less_than_nothing(home: Home) -> None:
    with pytest.raises(ConfigError, match=r"A piece lasts 0 seconds or more; got -1\."):
        RemotePlace(home, SharedExecutor(ThreadPoolExecutor), "threads", least_s=-1)
