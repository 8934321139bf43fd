"""Demo processes, from start to stop."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.workers.servers import wait_for
from tests.workers.test_training_workers import until
from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError, HomeError, WorkerError
from tetrarium.evaluation import named_policy, play_moves
from tetrarium.events import BoardShown, Event, StateChanged, TableShown
from tetrarium.registry.files.process_lock import Owner
from tetrarium.registry.home import Home
from tetrarium.workers.directories.process_directory import list_demos, read_demo, remove_demo
from tetrarium.workers.processes import launcher, worker_host
from tetrarium.workers.processes.launcher import start_demo, start_shared_demo
from tetrarium.workers.protocol.client import WorkerClient
from tetrarium.workers.protocol.status_files import read_address

pytestmark = pytest.mark.timeout(600)  # the first start compiles the engine


@pytest.fixture
def home(tetrarium_home: Path) -> Iterator[Home]:
    located = Home.locate(tetrarium_home)
    yield located
    for folder in located.demos.glob("*"):
        address = read_address(folder)
        if address is not None:
            os.kill(address.pid, signal.SIGKILL)


def shows(event: Event, n_pieces: int) -> bool:
    return isinstance(event, BoardShown) and event.pieces_game >= n_pieces


def connected(home: Home, name: str) -> WorkerClient:
    wait_for(lambda: read_address(home.demo_folder(name)) is not None)
    return WorkerClient.connect(home.demo_folder(name))


def test_a_demo_plays_pauses_and_resumes(home: Home) -> None:
    name = start_demo(home, "dt-10", seed=5, pieces_per_second=40)
    with connected(home, name) as worker:
        boards = [
            event
            for event in until(worker, lambda event: shows(event, 12), boards_per_second=60, action_values=True)
            if isinstance(event, BoardShown)
        ]
        moves = list(play_moves(named_policy("dt-10"), EnvConfig(), seed=5, max_pieces=60))
        for shown in boards:
            assert shown.queue == moves[shown.pieces_game].state_t.queue, "the game that `watch` and `evaluate` play"
            assert shown.action_values is None or shown.action_values["chosen"] == moves[shown.pieces_game].action
        assert any(shown.action_values for shown in boards)
        assert [shown.pieces_game for shown in boards] == list(range(boards[0].pieces_game, 13)), "each one"

        worker.command("pause")
        wait_for(lambda: worker.command("status")["state"] == "paused")
        step = worker.command("status")["step"]
        still = until(worker, lambda event: isinstance(event, BoardShown) and event.paused, boards_per_second=60)[-1]
        assert isinstance(still, BoardShown) and still.step == step
        worker.command("speed", pieces_per_second=1_000)
        worker.command("resume")
        until(worker, lambda event: shows(event, 60), boards_per_second=60)
        worker.command("new-game")
        again = until(worker, lambda event: isinstance(event, BoardShown) and event.game == 2, boards_per_second=60)[-1]
        assert isinstance(again, BoardShown) and again.pieces_game < 60
        assert worker.command("stop")["message"] == "Stopping."
        until(worker, lambda event: isinstance(event, StateChanged) and event.state == "stopped")
    wait_for(lambda: not home.demo_folder(name).exists())
    assert list_demos(home) == [], "the folder is deleted"


def test_without_viewers_no_piece_is_placed(home: Home) -> None:
    name = start_demo(home, "random", env_config=EnvConfig.literature(10), pieces_per_second=1_000)
    view = read_demo(home, name)
    assert (view.agent, view.state, view.is_alive, view.pieces_per_second) == ("random", "starting", True, 1_000.0)
    with connected(home, name) as worker:
        wait_for(lambda: worker.command("status")["state"] == "running")
        assert not [event for event in worker.events(0.5) if isinstance(event, BoardShown)]
        assert worker.command("status")["step"] == 0
        with pytest.raises(
            HomeError, match=rf"Only a demo that has ended can be removed; '{name}' is running. Stop it first"
        ):
            remove_demo(home, name)
        address = read_address(home.demo_folder(name))
        assert address is not None
        os.kill(address.pid, signal.SIGKILL)
    wait_for(lambda: not read_demo(home, name).is_alive)
    assert read_demo(home, name).state == "crashed"
    remove_demo(home, name)
    assert list_demos(home) == []


def test_a_shared_demo_does_not_wait_for_the_compiler(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "are_kernels_cached", lambda _rules: False)
    name = start_shared_demo(home, "dellacherie")
    with connected(home, name) as worker:
        shown = until(worker, lambda event: shows(event, 5), boards_per_second=60)[-1]
    address = read_address(home.demo_folder(name))
    assert address is not None
    assert b"NUMBA_DISABLE_JIT=1\0" in Path(f"/proc/{address.pid}/environ").read_bytes()
    move = list(play_moves(named_policy("dellacherie"), EnvConfig(), max_pieces=6))[-1]
    assert isinstance(shown, BoardShown) and shown.queue == move.state_t.queue, "the game that is compiled elsewhere"


def test_a_failed_demo_keeps_its_reason(home: Home) -> None:
    (home.root / "wrong").mkdir(parents=True)
    name = start_demo(home, str(home.root / "wrong"))
    view = wait_for(lambda: None if (view := read_demo(home, name)).is_alive else view)

    assert view.state == "failed" and "wrong" in view.error
    remove_demo(home, name)


def test_an_invalid_demo_is_refused_before_anything_is_created(home: Home) -> None:
    with pytest.raises(ConfigError, match=r"Unknown agent 'dt-11'\. .* Did you mean 'dt-10'\?"):
        start_demo(home, "dt-11")
    with pytest.raises(WorkerError, match="pieces_per_second is a number from 1 to 1,000; got 0"):
        start_demo(home, "dt-10", pieces_per_second=0)
    with pytest.raises(WorkerError, match=r"seed is a number from 0 to 4,294,967,295; got -1"):
        start_demo(home, "dt-10", seed=-1)
    with pytest.raises(HomeError, match="There is no demo 'x'"):
        read_demo(home, "x")
    assert not home.demos.exists()


def table(events: list[Event]) -> list[TableShown]:
    return [event for event in events if isinstance(event, TableShown)]


def test_a_table_of_nine_plays_separate_games(home: Home) -> None:
    names = ["dt-10", "random", "dellacherie", "dt-10", *["random"] * 5]
    name = start_demo(home, names, seed=5, pieces_per_second=200, same_pieces=False)
    assert (read_demo(home, name).seats, read_demo(home, name).together) == (tuple(names), False)
    with connected(home, name) as worker:

        def has_played(event: Event) -> bool:
            return isinstance(event, TableShown) and min(seat["games_ended"] for seat in event.seats[4:]) >= 2

        shown = table(until(worker, has_played, boards_per_second=60))
        last = shown[-1].seats
        assert [seat["seat"] for seat in last] == list(range(9)) and [seat["agent"] for seat in last] == names
        assert last[0]["cells"] != last[3]["cells"] and last[0]["pieces_game"] == last[3]["pieces_game"]
        moves = list(play_moves(named_policy("dt-10"), EnvConfig(), seed=5 + 3, max_pieces=last[3]["pieces_game"] + 1))
        assert tuple(last[3]["queue"]) == moves[-1].state_t.queue, "each seat has a seed of its own"
        for before, after in pairwise(shown):
            for one, next_one in zip(before.seats, after.seats, strict=True):
                assert next_one["games_ended"] <= next_one["game"] <= next_one["games_ended"] + 1
                assert next_one["lines_total"] >= one["lines_total"]
                assert next_one["best_lines_game"] >= next_one["lines_game"]
        assert all(len(seat["ghost"]) == 4 for seat in last if not seat["is_over"])

        worker.command("pause")
        wait_for(lambda: worker.command("status")["state"] == "paused")
        step = worker.command("status")["step"]
        still = table(until(worker, lambda event: isinstance(event, TableShown) and event.paused))[-1]
        assert still.step == step >= sum(seat["pieces_game"] for seat in still.seats)
        worker.command("stop")
    wait_for(lambda: not home.demo_folder(name).exists())


def test_a_table_has_one_to_nine_seats(home: Home) -> None:
    for names in ([], ["random"] * 10):
        with pytest.raises(ConfigError, match=rf"A table has 1 to 9 seats; got {len(names)}\. Name 1 to 9 agents\."):
            start_demo(home, names)
    with pytest.raises(ConfigError, match=r"Unknown agent 'dt-11'"):
        start_demo(home, ["dt-10", "dt-11"])
    assert not home.demos.exists()


_STARTER = """
import sys
from tetrarium.registry.home import Home
from tetrarium.workers.human_play.human_game_control import SessionOptions
from tetrarium.workers.processes.launcher import start_demo, start_human_game

start_demo(Home.locate(), "dt-10")
start_human_game(Home.locate(), SessionOptions())
sys.stdin.read()
"""


def test_demos_and_human_games_end_with_a_killed_starter(home: Home) -> None:
    starter = subprocess.Popen([sys.executable, "-c", _STARTER], stdin=subprocess.PIPE)
    folders: list[Path] = []

    def listen() -> bool:
        folders[:] = [*home.demos.glob("*"), *home.human_games.glob("*")]
        return len(folders) == 2 and all(map(read_address, folders))

    wait_for(listen)
    assert all(owner is not None and owner.expires for owner in map(Owner.read, folders))
    starter.kill()
    starter.communicate()
    wait_for(lambda: not any(map(Path.exists, folders)))


def test_a_reused_process_number_is_no_starter(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_process: int, _signal: int) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    ended: list[str] = []
    times = iter(["1", "1", "2"])
    monkeypatch.setattr(worker_host, "_CHECK_STARTER_EVERY_S", 0.0)
    with monkeypatch.context() as patched:
        patched.setattr(worker_host, "start_time", lambda _process: next(times))
        worker_host._call_after(os.getpid(), lambda: ended.append("by its user"))
    monkeypatch.setattr(worker_host.os, "kill", refuse)
    worker_host._call_after(os.getpid(), lambda: ended.append("by another user"))
    assert ended == ["by its user", "by another user"]
