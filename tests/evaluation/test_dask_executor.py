"""Evaluations on the workers of a real Dask scheduler: the same games, whatever ends in between."""

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import tetrarium
from tests.dashboard.servers import wait_until
from tests.evaluation.dask_clusters import Cluster, running_cluster, send_signal
from tests.evaluation.sample_policies import SMALL, STACKER
from tests.evaluation.test_ledgers import CONFIGS, NAMES, POLICIES
from tetrarium.cli.main import main
from tetrarium.cli.places import _find_cluster
from tetrarium.errors import ConfigError, ExecutorError, PolicyError
from tetrarium.evaluation import Report, dask_executor, evaluate, evaluator, executors, ledger, work_queue
from tetrarium.evaluation import cluster as cluster_module
from tetrarium.evaluation.dask_executor import DaskExecutor, scheduler_address
from tetrarium.evaluation.executors import ExecutorStatus

N_SLICES: Final = 100
_LARGE: Final = 11_000_000  # bytes, such as those of a run; Dask warns from 10 MB on

pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster"), 2) as cluster:
        yield cluster


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[Cluster]:
    with running_cluster(tmp_path, 2) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def small_slices_and_short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "_CHECK_EVERY_S", 0.1)
    monkeypatch.setattr(cluster_module, "_ANSWER_S", 0.2)
    monkeypatch.setattr(ledger, "_WRITE_EVERY_S", 0.0)
    monkeypatch.setattr(evaluator, "SLICE_S", 0.0)
    monkeypatch.setattr(work_queue, "_COMPILED", (2, 5))


def play(policy: Any = STACKER, config: Any = SMALL, n_games: int = 12, **arguments: Any) -> Report:
    return evaluate(policy, config, n_games, 4, **({"max_pieces": 30, "n_threads": 2} | arguments))


def at(cluster: Cluster) -> Callable[[], DaskExecutor]:
    return lambda: DaskExecutor(str(cluster.file))


def await_workers(cluster: Cluster) -> None:
    """Waits until all workers have answered."""
    with at(cluster)() as executor:

        def are_found() -> bool:
            executor.check()
            return executor.n_workers == len(cluster.workers)

        wait_until(are_found)


@pytest.mark.parametrize(("policy", "config"), list(zip(POLICIES, CONFIGS.values(), strict=True)), ids=NAMES)
def test_games_are_those_of_this_process(policy: Any, config: Any, cluster: Cluster) -> None:
    assert play(policy, config, executor=at(cluster)).games == play(policy, config).games


def disturb(disturbances: list[Callable[[], None]]) -> Callable[[int, int], None]:
    """Returns a progress function that disturbs a cluster at regular numbers of pieces."""
    every = N_SLICES * 5 // (len(disturbances) + 1)

    def on_progress(n_pieces: int, _n_games: int) -> None:
        if disturbances and n_pieces > every:
            disturbances.pop(0)()

    return on_progress


def test_games_of_workers_that_end_or_hang_are_played_again(
    own_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "_OVERDUE_S", 0.5)
    own_cluster.add_worker()
    own_cluster.add_worker()
    await_workers(own_cluster)
    silent, killed, stopped, _ = own_cluster.workers
    send_signal(silent, signal.SIGSTOP)  # before it is asked for its sources
    disturbances: list[Callable[[], None]] = [killed.kill, lambda: send_signal(stopped, signal.SIGSTOP)]
    statuses: list[ExecutorStatus] = []
    progress = {"on_progress": disturb(disturbances), "on_workers": statuses.append}
    found = play(n_games=20, executor=at(own_cluster), **progress)
    assert not disturbances
    assert statuses[-1].n_repeated > 0
    assert found.games == play(n_games=20).games


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGSTOP], ids=["ends", "hangs"])
def test_a_lost_scheduler_ends_with_one_line_and_the_ledger_continues(
    sent: signal.Signals, own_cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_executor, "_CONNECT_S", 0.5)
    monkeypatch.setattr(dask_executor, "_CLOSE_S", 0.2)
    lost: list[Callable[[], None]] = [lambda: send_signal(own_cluster.scheduler, sent)]
    with pytest.raises(ExecutorError, match=r"A scheduler answers within .* did not .* Start it with `dask scheduler`"):
        play(n_games=20, ledger=tmp_path / "ledgers", executor=at(own_cluster), on_progress=disturb(lost))
    pieces: list[int] = []
    continued = play(n_games=20, ledger=tmp_path / "ledgers", on_progress=lambda n, _: pieces.append(n))
    assert pieces[0] > 0
    assert continued.games == play(n_games=20).games


def test_an_evaluation_whose_workers_all_left_ends_with_one_line(
    own_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill_all() -> None:
        monkeypatch.setattr(cluster_module, "_WORKERS_S", 0.3)
        for worker in own_cluster.workers:
            worker.kill()

    with pytest.raises(ExecutorError, match=r"A cluster has workers; within .* had none\. Start one in"):
        play(n_games=20, executor=at(own_cluster), on_progress=disturb([kill_all]))


def test_a_new_scheduler_is_found_in_the_same_file(cluster: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "scheduler.json"
    file.write_text('{"address": "tcp://127.0.0.1:1"}')
    connect = _find_cluster(str(file), insecure=False)
    file.write_text(cluster.file.read_text())
    with connect() as executor:
        assert play(executor=executor).games == play().games
        assert executor.submit(len, bytes(_LARGE)).result() == _LARGE, "without a warning"


def test_workers_of_other_sources_are_named_and_not_used(own_cluster: Cluster, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(Path(tetrarium.__file__).parent, other / "tetrarium", ignore=shutil.ignore_patterns("*.nb?"))
    (other / "tetrarium" / "added.py").touch()
    (other / "without" / "tetrarium").mkdir(parents=True)
    (other / "without" / "tetrarium" / "__init__.py").touch()
    own_cluster.add_other_worker(PYTHONPATH=str(other))
    own_cluster.add_other_worker(PYTHONPATH=str(other / "without"))
    sentences: list[str] = []
    with DaskExecutor(str(own_cluster.file), on_unused=sentences.append) as executor:

        def has_found_all() -> bool:
            executor.check()
            return len(sentences) == 2 and executor.n_workers == 2

        wait_until(has_found_all)
        assert play(executor=executor).games == play().games
    without, other_sources = sorted(sentences, key=lambda sentence: "source digest" in sentence)
    assert "is not used: it does not load this tetrarium (" in without
    assert "is not used: its source digest is " in other_sources


def test_without_workers_or_a_scheduler_the_reason_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "_WORKERS_S", 0.3)
    monkeypatch.setattr(dask_executor, "_CONNECT_S", 0.3)
    with running_cluster(tmp_path, 0) as cluster, pytest.raises(ExecutorError, match="A cluster has workers; within"):
        DaskExecutor(str(cluster.file))
    with pytest.raises(ExecutorError, match="A scheduler answers within") as caught:
        DaskExecutor("tcp://127.0.0.1:1")
    assert "\n" not in str(caught.value)
    with pytest.raises(ExecutorError, match=r"tls://127\.0\.0\.1:1 needs a certificate"):
        DaskExecutor("tls://127.0.0.1:1")


def test_policies_that_workers_cannot_load_are_refused(cluster: Cluster) -> None:
    class Local:
        features = ("holes",)

        def predict(self, observations: Any) -> Any:
            raise AssertionError

    with pytest.raises(PolicyError, match="can be pickled"):
        play(Local(), executor=at(cluster))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"address": "tcp://10.0.0.1:8786"}', "Use tls://, or pass --insecure"),
        ('{"address": 3}', "A Dask scheduler is tls://HOST:PORT"),
        ("[]", "A Dask scheduler is tls://HOST:PORT"),
        ("{", "it is no JSON"),
    ],
)
def test_addresses_in_files_are_checked(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "scheduler.json").write_text(content)
    with pytest.raises(ConfigError, match=message) as caught:
        scheduler_address(str(tmp_path / "scheduler.json"))
    assert caught.value.field == "on"
    assert scheduler_address("tcp://10.0.0.1:8786", insecure=True) == "tcp://10.0.0.1:8786"


def test_the_command_evaluates_on_a_cluster(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    def games(*arguments: str) -> Any:
        with pytest.raises(SystemExit) as ended:
            main(["evaluate", "dt-10", "--games", "3", "--max-pieces", "50", "--json", *arguments])
        assert ended.value.code == 0
        return json.loads(capsys.readouterr().out)["games"]

    assert games("--on", str(cluster.file)) == games()
