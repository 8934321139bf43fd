"""Games that a run kept, checked before they are shown: once for all who ask, and none that takes too long."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.environment.test_replays import squares
from tetrarium.dashboard import replaying
from tetrarium.dashboard.replaying import find_replay_of
from tetrarium.environment.replays import Replay
from tetrarium.errors import ReplayError


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "replays").mkdir()
    (tmp_path / "replays" / "first.tetris-replay").write_bytes(squares().to_bytes())
    return tmp_path


def test_a_game_is_checked_once_for_all_who_ask(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played = []

    def play(replay: Replay) -> Iterator[Any]:
        played.append(replay)
        time.sleep(0.1)
        yield from ()

    monkeypatch.setattr(Replay, "play", play)
    asking = [threading.Thread(target=find_replay_of, args=(run, "first")) for _ in range(4)]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    assert played == [squares()]


def test_a_game_that_takes_too_long_is_a_file_alone(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "_MOST_SHOWN", 4)
    with pytest.raises(ReplayError) as refused:
        find_replay_of(run, "first")
    assert str(refused.value) == (
        "A game of up to 4 actions is shown here; 'first.tetris-replay' has 5. Download its file and use "
        "`tetrarium watch`."
    )
    assert find_replay_of(run, "first", is_shown=False) == squares()
