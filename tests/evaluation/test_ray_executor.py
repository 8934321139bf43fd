"""Evaluations on the nodes of a real Ray cluster; its library is large, so ``make oracle`` runs them where it is."""

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.evaluation.sample_policies import SMALL, STACKER
from tests.evaluation.test_ledgers import CONFIGS, NAMES, POLICIES
from tetrarium.errors import ExecutorError
from tetrarium.evaluation import Report, evaluate, evaluator, executors, work_queue
from tetrarium.evaluation.ray_executor import RayExecutor

pytest.importorskip("ray")
pytestmark = pytest.mark.oracle


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Cluster of two nodes on this machine."""
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    cluster.add_node(num_cpus=1, include_dashboard=False)
    cluster.second = cluster.add_node(num_cpus=1)
    yield cluster
    cluster.shutdown()


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluator, "SLICE_S", 0.0)
    monkeypatch.setattr(work_queue, "_COMPILED", (2, 5))


def play(policy: Any = STACKER, config: Any = SMALL, n_games: int = 12, **arguments: Any) -> Report:
    return evaluate(policy, config, n_games, 4, **({"max_pieces": 30, "n_threads": 2} | arguments))


def own_pid() -> int:
    return os.getpid()


def at(cluster: Any) -> Callable[[], RayExecutor]:
    return lambda: RayExecutor(f"ray:{cluster.address}")


def test_games_are_those_of_this_process(cluster: Any) -> None:
    for policy in POLICIES:
        for config in CONFIGS.values():
            assert play(policy, config, executor=at(cluster)).games == play(policy, config).games, NAMES


def test_auto_finds_the_cluster_of_this_machine(cluster: Any) -> None:
    assert cluster.address
    assert play(executor=lambda: RayExecutor("ray:auto")).games == play().games


def test_games_of_a_lost_node_are_played_again(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "_OVERDUE_S", 5.0)
    disturbances = [
        lambda: cluster.remove_node(cluster.second, allow_graceful=False),
        lambda: cluster.add_node(num_cpus=1),
    ]

    def on_progress(n_pieces: int, _n_games: int) -> None:
        if disturbances and n_pieces > 300:
            disturbances.pop(0)()

    assert play(n_games=40, executor=at(cluster), on_progress=on_progress).games == play(n_games=40).games
    assert not disturbances


def test_processes_that_are_killed_lose_nothing(cluster: Any) -> None:
    import ray

    killed: list[int] = []

    def on_progress(n_pieces: int, _n_games: int) -> None:
        if len(killed) < 2 and n_pieces > 300 * (len(killed) + 1):
            pid = ray.get(ray.remote(own_pid).remote())
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    assert play(n_games=40, executor=at(cluster), on_progress=on_progress).games == play(n_games=40).games
    assert len(killed) == 2


@pytest.mark.parametrize("address", ["ray:auto", "ray:127.0.0.1:1", "ray:none.invalid:6379"])
def test_without_a_cluster_the_reason_is_one_line(address: str) -> None:
    with pytest.raises(ExecutorError, match=r"A Ray cluster answers within 10 seconds; ray:") as caught:
        RayExecutor(address)
    assert "\n" not in str(caught.value)
