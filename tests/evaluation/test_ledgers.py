"""Ledgers and executors: the same games wherever, however often and in however many parts they are played."""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation.sample_policies import SMALL, STACKER, Predictor, compiled_only, network
from tests.registry.faulty_disks import small_disk
from tests.torture.test_full_disk import fill
from tests.workers.servers import wait_for
from tetrarium.environment import EnvConfig
from tetrarium.errors import (
    AlreadyRunningError,
    ConfigError,
    ExecutorError,
    LedgerError,
    PolicyError,
    describe_os_error,
)
from tetrarium.evaluation import LinearPolicy, RandomPolicy, Report, evaluate, evaluator, executors, ledger, work_queue
from tetrarium.evaluation.executors import ExecutorStatus, local_processes
from tetrarium.evaluation.policy_runner import GameBatch
from tetrarium.evaluation.work_queue import Task, WorkQueue
from tetrarium.registry.files.process_lock import is_stopped, run_lock

POLICIES = [RandomPolicy(), STACKER, network()]
NAMES = ["random", "stacker", "small net"]
CONFIGS = {
    "drop": SMALL,
    "hold": EnvConfig(width=6, height=6, hold=True),
    "reachable": EnvConfig.guideline().with_changes(width=6, height=8, actions="reachable"),
}


RENAMED = LinearPolicy({name: weight for name, (weight,) in STACKER.weights.items()}, name="another name")


class InlineExecutor(Executor):
    """Executor that plays a slice when it is sent."""

    def submit(self, function: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(function(*arguments, **named))
        return done


@pytest.fixture(autouse=True)
def small_slices_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "_WRITE_EVERY_S", 0.0)
    monkeypatch.setattr(evaluator, "_PROGRESS_S", 0.0)
    monkeypatch.setattr(evaluator, "SLICE_S", 0.0)
    monkeypatch.setattr(work_queue, "_COMPILED", (2, 5))


def play(policy: Any = STACKER, config: EnvConfig = SMALL, n_games: int = 12, **arguments: Any) -> Report:
    return evaluate(policy, config, n_games, 4, **({"max_pieces": 30, "n_threads": 1} | arguments))


def interrupt_after(n_pieces_more: int) -> Callable[[int, int], None]:
    """Returns a progress function that ends the evaluation after some more pieces."""
    at_start: list[int] = []

    def on_progress(n_pieces: int, _n_games: int) -> None:
        at_start.append(n_pieces)
        if n_pieces >= at_start[0] + n_pieces_more:
            raise KeyboardInterrupt

    return on_progress


def progress_of(**arguments: Any) -> tuple[Report, list[int]]:
    """Returns a report, and the pieces at each call of the progress function."""
    pieces: list[int] = []
    report = play(on_progress=lambda n_pieces, _n_games: pieces.append(n_pieces), **arguments)
    return report, pieces


def interrupted(parent: Path, n_pieces: int = 120) -> Path:
    """Ends an evaluation early; returns its ledger's folder."""
    with pytest.raises(KeyboardInterrupt):
        play(ledger=parent, executor=InlineExecutor(), on_progress=interrupt_after(n_pieces))
    (folder,) = parent.iterdir()
    return folder


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("policy", POLICIES, ids=NAMES)
def test_an_evaluation_in_parts_has_the_games_of_one_that_was_not_interrupted(
    policy: Any, config: EnvConfig, tmp_path: Path
) -> None:
    expected = play(policy, config).games
    n_parts = 0
    while True:
        n_parts += 1
        executor = InlineExecutor() if n_parts % 2 else None  # else a thread
        try:
            found = play(policy, config, ledger=tmp_path, executor=executor, on_progress=interrupt_after(25)).games
            break
        except KeyboardInterrupt:
            continue
    assert found == expected
    assert n_parts > 1


def test_a_finished_evaluation_is_not_played_again_and_is_extended_by_more_games(tmp_path: Path) -> None:
    first = play(n_games=5, ledger=tmp_path, executor=InlineExecutor())
    repeated, pieces = progress_of(n_games=5, ledger=tmp_path)
    assert repeated.games == first.games
    assert pieces[0] == pieces[-1] == first.pieces_total
    assert repeated.seconds >= first.seconds

    extended, pieces = progress_of(ledger=tmp_path, policy=RENAMED)
    assert pieces[0] == first.pieces_total
    assert extended.games == play().games
    assert play(n_games=3, ledger=tmp_path).games == first.games[:3]

    _, pieces = progress_of(ledger=tmp_path, fresh=True)
    assert pieces[0] == 0


def test_a_ledger_is_of_the_weights_the_game_the_seed_and_the_limit(tmp_path: Path) -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"policy": LinearPolicy({"holes": -1})},
        {"policy": network()},
        {"policy": RandomPolicy()},
        {"config": SMALL.with_changes(height=7)},
        {"max_pieces": 29},
    ]
    for change in changes:
        play(**({"n_games": 1} | change), ledger=tmp_path, executor=InlineExecutor())
    evaluate(STACKER, SMALL, 1, 5, max_pieces=30, n_threads=1, ledger=tmp_path, executor=InlineExecutor())
    assert len(list(tmp_path.iterdir())) == len(changes) + 1


def test_a_short_evaluation_writes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ledger, "_WRITE_EVERY_S", 3600.0)
    play(ledger=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_line_that_was_cut_off_is_dropped_and_its_game_played_again(tmp_path: Path) -> None:
    play(ledger=tmp_path, executor=InlineExecutor())
    (folder,) = tmp_path.iterdir()
    whole = (folder / "games.ledger").read_bytes()
    (folder / "unfinished.states").unlink()
    last = len(whole.splitlines(keepends=True)[-1])
    for end in (b"", whole[-last : -last // 2], whole[-last:-1], bytes(20), b"1,2,3,0 00000000\n"):
        (folder / "games.ledger").write_bytes(whole[:-last] + end)
        assert play(ledger=tmp_path, executor=InlineExecutor()).games == play().games
        assert sorted((folder / "games.ledger").read_bytes().splitlines()) == sorted(whole.splitlines())


def test_a_damaged_ledger_and_one_of_another_evaluation_are_refused_by_name(tmp_path: Path) -> None:
    folder = interrupted(tmp_path)
    games, unfinished = folder / "games.ledger", folder / "unfinished.states"
    whole = games.read_bytes()
    assert len(whole.splitlines()) > 3
    header, first, *others = whole.splitlines(keepends=True)
    altered = bytes([first[0] ^ 1]) + first[1:]
    twice = ledger._line("0,1,2,1") + ledger._line("0,1,3,1")
    remedy = "Restore it from a copy, or pass --fresh to play all games again."
    for content, reason in [
        (b"".join([header, altered, *others]), f"{str(games)!r} is damaged: line 2 is altered. {remedy}"),
        (b"x" + whole, f"{str(games)!r} is damaged: line 1 is altered. {remedy}"),
        (whole + twice, f"{str(games)!r} is damaged: it has two results of a game. {remedy}"),
        (ledger._line("{}") + b"".join([first, *others]), f"{str(games)!r} belongs to another one. Move it away, or"),
    ]:
        games.write_bytes(content)
        with pytest.raises(LedgerError) as refused:
            play(ledger=tmp_path)
        assert reason in str(refused.value)
        assert "\n" not in str(refused.value)
        assert games.read_bytes() == content
    games.write_bytes(whole)
    unfinished.write_bytes(unfinished.read_bytes()[:-1])
    with pytest.raises(LedgerError, match=r"unfinished\.states' is damaged: its checksum differs"):
        play(ledger=tmp_path)
    assert play(ledger=tmp_path, fresh=True).games == play().games


def test_ledgers_that_nobody_continued_are_found_and_deleted(tmp_path: Path) -> None:
    folder = interrupted(tmp_path)
    assert ledger.find_old_ledgers(tmp_path, days=1) == []
    (old,) = ledger.find_old_ledgers(tmp_path, days=0)
    assert (old.key, old.n_bytes) == (folder.name, sum(path.stat().st_size for path in folder.iterdir()))
    with run_lock(folder):
        assert ledger.find_old_ledgers(tmp_path, days=0) == []
        ledger.delete_ledgers(tmp_path, [old])
        assert folder.exists()
    ledger.delete_ledgers(tmp_path, [old])
    assert not folder.exists()
    with pytest.raises(ConfigError, match=r"Days are 0 or more; got -1\."):
        ledger.find_old_ledgers(tmp_path, days=-1)


def test_slices_suit_the_number_of_workers() -> None:
    states = GameBatch.begin(SMALL, 0, tuple(range(64))).states(64, False)
    queue = WorkQueue(states, Task(policy=STACKER, config=SMALL, max_pieces=30), 1, slice_s=1.0)
    queue.suit(400, 8.0)
    assert queue.slice_s == 8.0
    taken = queue.take()
    assert taken is not None
    assert len(taken.listed) == 1, "few games each, so that all workers have some"


def test_one_process_at_a_time_writes_a_ledger(tmp_path: Path) -> None:
    folder = interrupted(tmp_path)
    with run_lock(folder), pytest.raises(AlreadyRunningError) as refused:
        play(ledger=tmp_path)
    assert str(refused.value) == (
        f"One process at a time plays an evaluation; another one is playing that in {str(folder)!r}. Wait until it has "
        "ended, or stop it and run the command again, which continues."
    )


@compiled_only
def test_a_full_disk_is_reported_in_one_line_and_the_evaluation_continues_with_free_space(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as place:
        folder = interrupted(place)
        whole = (folder / "games.ledger").read_bytes()
        filler = fill(place, 0)
        with pytest.raises(OSError, match="No space left") as refused:
            play(ledger=place, executor=InlineExecutor())
        assert describe_os_error(refused.value).startswith(f"The operating system refused '{folder}/")
        assert (folder / "games.ledger").read_bytes().startswith(whole)
        filler.unlink()
        assert play(ledger=place).games == play().games


PROGRAM = """
import os, signal, sys
from concurrent.futures import ThreadPoolExecutor
from tests.evaluation.sample_policies import SMALL, STACKER
from tetrarium.evaluation import evaluate, evaluator, ledger, work_queue
ledger._WRITE_EVERY_S = evaluator.SLICE_S = 0.0
work_queue._COMPILED = (2, 5)
def kill(n_pieces, n_games):
    if n_pieces >= 120:
        os.kill(os.getpid(), signal.SIGKILL)
with ThreadPoolExecutor(1) as executor:
    evaluate(STACKER, SMALL, 12, 4, max_pieces=30, n_threads=1, ledger=sys.argv[1], executor=executor, on_progress=kill)
"""


@compiled_only
def test_an_evaluation_that_was_killed_continues(tmp_path: Path) -> None:
    process = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], check=False)  # needs no torch
    assert process.returncode == -signal.SIGKILL
    report, pieces = progress_of(ledger=tmp_path)
    assert pieces[0] > 90
    assert report.games == play().games


@compiled_only
def test_slices_of_workers_that_are_killed_or_stopped_are_played_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The function that made the executor makes another one; an executor of the caller cannot be replaced."""
    monkeypatch.setattr(executors, "_OVERDUE_SLICES", 0.0)
    started: list[Executor] = []
    first: dict[int, int] = {}  # pieces when the first, second, … executor was started
    signals = {1: [signal.SIGSTOP, 0, signal.SIGKILL], 2: [signal.SIGSTOP]}  # that their workers get; 0 is none
    statuses: list[ExecutorStatus] = []

    def start() -> Executor:
        started.append(local_processes(1)())
        return started[-1]

    def disturb(n_pieces: int, _n_games: int) -> None:
        """Sends a worker its signals from its first slice on; a stopped one has further slices when it is killed."""
        if n_pieces > first.setdefault(len(started), n_pieces) and signals.get(len(started)):
            os.kill(multiprocessing.active_children()[0].pid or 0, signals[len(started)].pop(0))
            if len(started) == 2:
                monkeypatch.setattr(executors, "_OVERDUE_S", 0.2)

    record = {"on_progress": disturb, "on_workers": lambda status: statuses.append(replace(status))}
    report = play(executor=start, ledger=tmp_path, **record)
    assert report.games == play().games
    none, _, stopped = sorted({status.n_lost for status in statuses})
    assert none == 0
    assert {(status.n_workers, status.n_repeated) for status in statuses if status.n_lost < stopped} == {(1, 0)}
    assert len(started) == 3
    assert multiprocessing.active_children() == []

    with pytest.raises(ExecutorError) as refused:
        play(executor=started[0], ledger=tmp_path, fresh=True)
    assert str(refused.value) == (
        "Slices are played by workers that stay alive; one ended, and the executor takes no more (BrokenProcessPool). "
        "Make a new executor and evaluate again; with a ledger, the evaluation continues."
    )


def test_processes_that_are_stopped_do_not_keep_an_executor_from_ending() -> None:
    with local_processes(1)() as executor:
        pid = executor.submit(os.getpid).result()
        os.kill(pid, signal.SIGSTOP)
        wait_for(lambda: is_stopped(pid), 10.0)
    assert multiprocessing.active_children() == []


def test_a_policy_that_cannot_be_compared_or_sent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as refused:
        play(Predictor(), ledger=tmp_path)
    assert str(refused.value) == (
        "A ledger needs a policy with a 'digest' of its weights; 'predictor' has none. Set one, or evaluate without a "
        "ledger."
    )

    class Local(Predictor):
        """Class that no other process can import."""

    with pytest.raises(PolicyError, match="A policy that other processes play can be pickled; 'predictor' cannot"):
        play(Local(), executor=InlineExecutor())
