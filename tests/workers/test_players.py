"""Processes that play for people to watch."""

import os
import signal
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.workers.served import wait_for
from tests.workers.test_training_workers import until
from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError, HomeError, WorkerError
from tetrarium.evaluation import named_policy, play_moves
from tetrarium.events import BoardShown, Event, SeatsShown, StateChanged
from tetrarium.registry.home import Home
from tetrarium.workers.client import WorkerClient
from tetrarium.workers.files import read_address
from tetrarium.workers.launching import list_players, read_player, remove_player, start_player, start_table

pytestmark = pytest.mark.timeout(600)  # a first start compiles the engine


@pytest.fixture
def home(tetrarium_home: Path) -> Iterator[Home]:
    located = Home.locate(tetrarium_home)
    yield located
    for folder in located.players.glob("*"):
        address = read_address(folder)
        if address is not None:
            os.kill(address.pid, signal.SIGKILL)


def shows(event: Event, n_pieces: int) -> bool:
    return isinstance(event, BoardShown) and event.pieces_game >= n_pieces


def connected(home: Home, name: str) -> WorkerClient:
    wait_for(lambda: read_address(home.player_folder(name)) is not None)
    return WorkerClient.connect(home.player_folder(name))


def test_a_player_plays_pauses_and_goes_on_for_who_watches(home: Home) -> None:
    name = start_player(home, "dt-10", seed=5, pieces_per_second=40)
    with connected(home, name) as worker:
        boards = [
            event
            for event in until(worker, lambda event: shows(event, 12), boards_per_second=60, thoughts=True)
            if isinstance(event, BoardShown)
        ]
        moves = list(play_moves(named_policy("dt-10"), EnvConfig(), seed=5, max_pieces=60))
        for shown in boards:
            assert shown.queue == moves[shown.pieces_game].state_t.queue, "the game that `watch` and `evaluate` play"
            assert shown.thoughts is None or shown.thoughts["chosen"] == moves[shown.pieces_game].action
        assert any(shown.thoughts for shown in boards)
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
    wait_for(lambda: not home.player_folder(name).exists())
    assert list_players(home) == [], "it leaves nothing behind"


def test_with_nobody_watching_no_piece_is_placed(home: Home) -> None:
    name = start_player(home, "random", env_config=EnvConfig.literature(10), pieces_per_second=1_000)
    view = read_player(home, name)
    assert (view.what, view.state, view.is_alive, view.pieces_per_second) == ("random", "starting", True, 1_000.0)
    with connected(home, name) as worker:
        wait_for(lambda: worker.command("status")["state"] == "running")
        assert not [event for event in worker.events(0.5) if isinstance(event, BoardShown)]
        assert worker.command("status")["step"] == 0
        with pytest.raises(HomeError, match=rf"A player that still plays is not removed; '{name}' does. Stop it first"):
            remove_player(home, name)
        address = read_address(home.player_folder(name))
        assert address is not None
        os.kill(address.pid, signal.SIGKILL)
    wait_for(lambda: not read_player(home, name).is_alive)
    assert read_player(home, name).state == "dead"
    remove_player(home, name)
    assert list_players(home) == []


def test_a_player_that_fails_says_why(home: Home) -> None:
    (home.root / "wrong").mkdir(parents=True)
    name = start_player(home, str(home.root / "wrong"))
    view = wait_for(lambda: None if (view := read_player(home, name)).is_alive else view)

    assert view.state == "failed" and "wrong" in view.error
    remove_player(home, name)


def test_what_cannot_be_played_is_refused_before_anything_is_made(home: Home) -> None:
    with pytest.raises(ConfigError, match=r"there is no 'dt-11'\. Did you mean 'dt-10'\?"):
        start_player(home, "dt-11")
    with pytest.raises(WorkerError, match="pieces_per_second is a number from 1 to 1,000; got 0"):
        start_player(home, "dt-10", pieces_per_second=0)
    with pytest.raises(WorkerError, match=r"seed is a number from 0 to 4,294,967,295; got -1"):
        start_player(home, "dt-10", seed=-1)
    with pytest.raises(HomeError, match="There is no player 'x'"):
        read_player(home, "x")
    assert not home.players.exists()


def table(events: list[Event]) -> list[SeatsShown]:
    return [event for event in events if isinstance(event, SeatsShown)]


def test_nine_play_at_one_table_each_its_own_games(home: Home) -> None:
    names = ["dt-10", "random", "dellacherie", "dt-10", *["random"] * 5]
    name = start_table(home, names, seed=5, pieces_per_second=200, same_pieces=False)
    assert (read_player(home, name).seats, read_player(home, name).together) == (tuple(names), False)
    with connected(home, name) as worker:

        def has_played(event: Event) -> bool:
            return isinstance(event, SeatsShown) and min(seat["games_ended"] for seat in event.seats[4:]) >= 2

        shown = table(until(worker, has_played, boards_per_second=60))
        last = shown[-1].seats
        assert [seat["seat"] for seat in last] == list(range(9)) and [seat["what"] for seat in last] == names
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
        still = table(until(worker, lambda event: isinstance(event, SeatsShown) and event.paused))[-1]
        assert still.step == step >= sum(seat["pieces_game"] for seat in still.seats)
        worker.command("stop")
    wait_for(lambda: not home.player_folder(name).exists())


def test_a_table_has_a_seat_for_one_and_up_to_nine(home: Home) -> None:
    for names in ([], ["random"] * 10):
        with pytest.raises(ConfigError, match=rf"A table has 1 to 9 seats; got {len(names)}\. Name so many players\."):
            start_table(home, names)
    with pytest.raises(ConfigError, match=r"there is no 'dt-11'"):
        start_table(home, ["dt-10", "dt-11"])
    assert not home.players.exists()
