"""Games in people's hands as folders, and what they played as files: how many there may be, and what is refused."""

import os
from pathlib import Path

import pytest

from tetrarium.environment.replays import Replay
from tetrarium.errors import HomeError, WorkerError
from tetrarium.registry.home import Home
from tetrarium.training.runs.folder import take_lock
from tetrarium.workers import kept_games
from tetrarium.workers.hand_orders import Wishes
from tetrarium.workers.hand_rounds import hand_game
from tetrarium.workers.hands import MOST_HANDS, HandConfig, list_hands, read_hand, remove_hand, start_hand
from tetrarium.workers.held_keys import Handling
from tetrarium.workers.kept_games import MOST_KEPT, find_game, keep_game, list_games

WISHES = Wishes(mode="sprint", level=3, seed=9, opponent="du", pace=None, handling=Handling(das_ms=90, arr_ms=0))


def make(home: Home, name: str) -> Path:
    folder = home.hand_folder(name)
    folder.mkdir(parents=True)
    HandConfig(wishes=WISHES, started="2026-11-22T20:00:00+00:00").write(folder)
    return folder


def replay(pieces: int = 3) -> Replay:
    return Replay(
        env_config=hand_game(1), seed=5, game=0, actions=b"\0\6\6", lines=0, pieces=pieces, over=False,
        about={"mode": "sprint", "seconds": 1.5, "score": 20},
    )  # fmt: skip


def test_what_was_wished_comes_back(tmp_path: Path) -> None:
    home = Home.locate(tmp_path)
    assert HandConfig.read(make(home, "a")).wishes == WISHES


def test_no_more_than_eight_are_played_at_once(tmp_path: Path) -> None:
    home = Home.locate(tmp_path)
    locks = [take_lock(make(home, f"h{k}")) for k in range(MOST_HANDS)]
    make(home, "dead")
    try:
        with pytest.raises(WorkerError) as caught:
            start_hand(home, Wishes())
        assert str(caught.value) == "At most 8 games are played at once, and so many are. End one of them."
        assert sorted(view.id for view in list_hands(home)) == [f"h{k}" for k in range(8)], "who died was removed"
        with pytest.raises(HomeError, match="A game that is still played is not removed; 'h0' is"):
            remove_hand(home, "h0")
    finally:
        for lock in locks:
            os.close(lock)
    assert read_hand(home, "h0").state == "dead"


@pytest.mark.parametrize(
    "content", ["", "[]", '{"wishes": {"mode": "x"}, "started": ""}', '{"wishes": 3, "started": ""}']
)
def test_a_damaged_folder_is_no_game(tmp_path: Path, content: str) -> None:
    home = Home.locate(tmp_path)
    (make(home, "a") / "hand.json").write_text(content)
    with pytest.raises(HomeError, match="There is no game 'a' in anybody's hands"):
        read_hand(home, "a")


def test_games_are_kept_under_names_of_their_own_and_the_oldest_go(tmp_path: Path) -> None:
    home = Home.locate(tmp_path)
    home.games.mkdir()
    old = [home.games / f"20200101-{k:06}-free-1.tetris-replay" for k in range(MOST_KEPT)]
    for path in old:
        path.touch()
    (home.games / "notes.txt").touch()
    first, second = keep_game(home, replay()), keep_game(home, replay())
    assert first != second
    assert [path.exists() for path in old[:4]] == [False, False, True, True]
    assert (home.games / "notes.txt").exists()
    assert {game.name for game in list_games(home, 5)} == {first, second}, "what is no replay is left out"
    game = list_games(home, 1)[0]
    assert (game.mode, game.seed, game.pieces, game.score, game.seconds) == ("sprint", 5, 3, 20, 1.5)
    assert Replay.from_bytes(find_game(home, first).read_bytes()) == replay()
    for path in old:  # named by a clock that was ahead
        path.with_name(f"2099{path.name[4:]}").touch()
    third = keep_game(home, replay())
    assert find_game(home, third).exists() and len(list(home.games.iterdir())) == MOST_KEPT + 1


@pytest.mark.parametrize("name", ["notes.txt", "none.tetris-replay", "../a.tetris-replay"])
def test_what_is_no_game_is_not_found(tmp_path: Path, name: str) -> None:
    home = Home.locate(tmp_path)
    home.games.mkdir()
    (home.games / "notes.txt").touch()
    with pytest.raises(HomeError):
        find_game(home, name)


def test_games_that_end_in_the_same_second_do_not_overwrite_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As two processes do, of which each has looked before the other has written."""
    home = Home.locate(tmp_path)
    names: list[str] = []
    write_file = kept_games.write_file

    def write_later(path: Path, data: bytes) -> None:
        monkeypatch.setattr(kept_games, "write_file", write_file)
        names.append(keep_game(home, replay()))
        write_file(path, data)

    monkeypatch.setattr(kept_games, "write_file", write_later)
    names.append(keep_game(home, replay()))
    assert len(set(names)) == len(list_games(home, 5)) == 2
