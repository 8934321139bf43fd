"""Folders of human games and the archive of saved games: limits, names and damaged files."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tetrarium.dashboard.routes.replays import replay_boards
from tetrarium.engine import PIECES
from tetrarium.engine.board_tracker import EMPTY, FILLED, encode_cells
from tetrarium.environment import EnvConfig
from tetrarium.environment.board_snapshot import PieceGrid
from tetrarium.environment.placement_replays import reduce_to_placements
from tetrarium.environment.replays import Replay
from tetrarium.environment.start_position import StartPosition
from tetrarium.errors import ConfigError, HomeError, ReplayError, WorkerError
from tetrarium.evaluation import named_policy
from tetrarium.evaluation.analysis.positions import replay_positions
from tetrarium.evaluation.single_games import record_game
from tetrarium.registry.files.process_lock import acquire_lock
from tetrarium.registry.home import Home
from tetrarium.workers.directories.game_reference import RecordedGame, resolve_game, set_up_game
from tetrarium.workers.directories.human_starts import human_start
from tetrarium.workers.directories.process_directory import (
    HUMAN_GAMES,
    HumanGameConfig,
    list_human_games,
    read_human_game,
    remove_human_game,
)
from tetrarium.workers.human_play import saved_games
from tetrarium.workers.human_play.human_game_control import SessionOptions
from tetrarium.workers.human_play.input import Handling
from tetrarium.workers.human_play.saved_games import MAX_GAMES, find_game, list_games, list_records, save_game
from tetrarium.workers.human_play.session import GameSession, human_game_config
from tetrarium.workers.processes.launcher import MAX_HUMAN_GAMES, start_human_game

OPTIONS = SessionOptions(
    mode="sprint", level=3, seed=9, opponent="du", pace=None, handling=Handling(das_ms=90, arr_ms=0)
)


def make(home: Home, name: str) -> Path:
    folder = home.human_game_folder(name)
    folder.mkdir(parents=True)
    HUMAN_GAMES.write_config(folder, HumanGameConfig(options=OPTIONS, started="2026-11-22T20:00:00+00:00"))
    return folder


def replay(pieces: int = 3) -> Replay:
    return Replay(
        env_config=human_game_config(1), seed=5, game=0, actions=b"\0\6\6", lines=0, pieces=pieces, terminated=False,
        about={"mode": "sprint", "seconds": 1.5, "score": 20},
    )  # fmt: skip


def test_options_survive_a_round_trip(tmp_path: Path) -> None:
    home = Home.locate(tmp_path)
    assert HUMAN_GAMES.read_config(home, make(home, "a").name).options == OPTIONS


def test_at_most_eight_human_games_run_at_once(tmp_path: Path) -> None:
    home = Home.locate(tmp_path)
    locks = [acquire_lock(make(home, f"h{k}")) for k in range(MAX_HUMAN_GAMES)]
    make(home, "crashed")
    try:
        with pytest.raises(WorkerError) as caught:
            start_human_game(home, SessionOptions())
        assert str(caught.value) == "At most 8 human games can run at once, and 8 are running. Stop one first."
        assert sorted(view.id for view in list_human_games(home)) == [f"h{k}" for k in range(8)], (
            "the dead one was removed"
        )
        with pytest.raises(
            HomeError, match=r"Only a human game that has ended can be removed; 'h0' is running\. Stop it first\."
        ):
            remove_human_game(home, "h0")
    finally:
        for lock in locks:
            os.close(lock)
    assert read_human_game(home, "h0").state == "crashed"


@pytest.mark.parametrize(
    "content", ["", "[]", '{"options": {"mode": "x"}, "started": ""}', '{"options": 3, "started": ""}']
)
def test_a_game_with_a_damaged_config_is_damaged(tmp_path: Path, content: str) -> None:
    home = Home.locate(tmp_path)
    (make(home, "a") / "human-game.json").write_text(content)
    assert read_human_game(home, "a").state == "damaged"


def test_games_are_saved_under_unique_names_and_the_oldest_are_deleted(tmp_path: Path) -> None:
    home = Home.locate(tmp_path)
    home.games.mkdir()
    old = [home.games / f"20200101-{k:06}-free-1.tetris-replay" for k in range(MAX_GAMES)]
    for path in old:
        path.touch()
    (home.games / "notes.txt").touch()
    first, second = save_game(home, replay()), save_game(home, replay())
    assert first != second
    assert [path.exists() for path in old[:4]] == [False, False, True, True]
    assert (home.games / "notes.txt").exists()
    assert {game.name for game in list_games(home, 5)} == {first, second}, "files that are no replays are skipped"
    game = list_games(home, 1)[0]
    assert (game.mode, game.seed, game.pieces, game.score, game.seconds) == ("sprint", 5, 3, 20, 1.5)
    assert Replay.from_bytes(find_game(home, first).read_bytes()) == replay()
    for path in old:  # named by a wrong clock
        path.with_name(f"2099{path.name[4:]}").touch()
    third = save_game(home, replay())
    assert find_game(home, third).exists() and len(list(home.games.iterdir())) == MAX_GAMES + 1


def test_records_are_the_best_whole_games_of_each_mode(tmp_path: Path) -> None:
    home, game = Home.locate(tmp_path), replay()
    sprints = {
        "slow": {"seconds": 40.0}, "fast": {"seconds": 30.5, "keys": 300, "finesse_faults": 7},
        "continued": {"seconds": 1.0, "continued_at": 2},
    }  # fmt: skip
    names = {
        title: save_game(home, dataclasses.replace(game, lines=40, about={"mode": "sprint", "score": 9, **about}))
        for title, about in sprints.items()
    }
    save_game(home, dataclasses.replace(game, lines=39, about={"mode": "sprint", "seconds": 2.0}))
    for score in (5, 80, 7):
        save_game(home, dataclasses.replace(game, about={"mode": "free", "score": score}))
    fastest, highest = list_records(home)
    assert (fastest.name, fastest.keys, fastest.finesse_faults) == (names["fast"], 300, 7)
    assert (highest.mode, highest.score, highest.keys) == ("free", 80, None)


def test_a_person_plays_on_from_any_position_under_its_rules_with_the_same_pieces(tmp_path: Path) -> None:
    narrow = EnvConfig(width=8, height=12, preview=2)
    recorded = record_game(named_policy("dellacherie"), narrow, seed=3, game=1, max_pieces=30)
    moves, colors = list(recorded.play()), PieceGrid(8, 12)
    for move in moves[:12]:
        colors.follow(move)
    session = GameSession(SessionOptions(mode="free"), 0, human_start(RecordedGame(title="", replay=recorded), 12, 0))
    before = session.game.state
    assert (before.columns, before.queue) == (moves[12].state_t.columns, moves[12].state_t.queue)
    assert np.array_equal(session.game.cells, colors.cells)
    for piece in range(12, 15):
        session.game.press("hard drop")
        assert session.game.state.queue == moves[piece].state_tp1.queue
    played = session.replay()
    assert (played.pieces, played.about["continued_at"]) == (3, 12)
    again = Replay.from_json(Replay.from_bytes(played.to_bytes()).to_json())
    assert again == played
    *_, last = again.play()
    assert last.state_tp1 == session.game.state
    assert replay_positions(again).rows[0, -8:].tolist() == list(before.columns)
    assert replay_boards(reduce_to_placements(again).replay, 0, 1).cells[0] == encode_cells(colors.cells).rstrip(".")
    path = tmp_path / "played.tetris-replay"
    path.write_bytes(played.to_bytes())
    assert human_start(resolve_game(str(path), Home.locate(tmp_path)), 3, 0).position.queue == "".join(
        PIECES[piece] for piece in session.game.state.queue
    )


def test_a_position_set_up_by_hand_gets_the_pieces_that_it_does_not_state() -> None:
    cells = np.full((10, 6), EMPTY, dtype=np.int8)
    cells[0, :5] = FILLED
    game = RecordedGame(title="", replay=set_up_game(cells, "TI", None, width=6, height=8))
    start = human_start(game, 0, seed=4)
    assert (start.position.queue[:2], len(start.position.queue), start.config.hold) == ("TI", 6, True)
    assert start == human_start(game, 0, seed=4)
    assert start.position.queue != human_start(game, 0, seed=5).position.queue
    drawn = GameSession(SessionOptions(), 4, start).game
    for _ in range(3):
        drawn.press("hard drop")
    seven = [*start.position.queue[2:], *(PIECES[piece] for piece in drawn.state.queue[3:])]
    assert sorted(seven) == sorted(PIECES), "the drawn pieces are a bag"


def test_a_person_cannot_play_on_where_the_game_has_ended_or_the_board_is_full() -> None:
    lost = record_game(named_policy("random"), EnvConfig(height=4), seed=1, game=0, max_pieces=100)
    assert lost.terminated
    with pytest.raises(
        ConfigError, match=r"A person plays on from a position before the end, 0 to \d+; got \d+\. Choose"
    ):
        human_start(RecordedGame(title="", replay=lost), lost.pieces, 0)
    high = record_game(named_policy("random"), EnvConfig(height=4), seed=1, game=0, max_pieces=1)
    damaged = dataclasses.replace(
        high, stream=(1, 2, 3, 4), start=StartPosition(cells=".xxxxxxxxx" * 4, queue="TI", bag=5), pieces=0, actions=b""
    )
    assert list(damaged.play()) == []
    for changes in ({"cells": "x" * 10}, {"queue": "T"}, {"held": "S"}, {"cells": "x" * 81}):
        impossible = dataclasses.replace(damaged, start=dataclasses.replace(damaged.start, **changes))  # type: ignore[type-var]
        with pytest.raises(ReplayError, match=r"A replay starts in a position that its rules allow\."):
            impossible.play()
    for changes, rule in (({"stream": None}, "A start position has a stream"), ({"start": "T"}, "start is a Start")):
        with pytest.raises(ReplayError, match=rule):
            dataclasses.replace(damaged, **changes)
    values: Any
    for values in ({"cells": "?", "queue": "T"}, {"cells": "", "queue": "T", "more": 1}, {"queue": "T"}, [], None):
        content = json.dumps({**json.loads(damaged.to_json()), "start": values})
        with pytest.raises(ReplayError, match=r"start is"):
            Replay.from_json(content)


@pytest.mark.parametrize("name", ["notes.txt", "none.tetris-replay", "../a.tetris-replay"])
def test_a_file_that_is_no_game_is_not_found(tmp_path: Path, name: str) -> None:
    home = Home.locate(tmp_path)
    home.games.mkdir()
    (home.games / "notes.txt").touch()
    with pytest.raises(HomeError):
        find_game(home, name)


def test_games_that_end_in_the_same_second_do_not_overwrite_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes choose a name before either has written its file."""
    home = Home.locate(tmp_path)
    names: list[str] = []
    write_file = saved_games.write_file

    def write_later(path: Path, data: bytes) -> None:
        monkeypatch.setattr(saved_games, "write_file", write_file)
        names.append(save_game(home, replay()))
        write_file(path, data)

    monkeypatch.setattr(saved_games, "write_file", write_later)
    names.append(save_game(home, replay()))
    assert len(set(names)) == len(list_games(home, 5)) == 2
