"""Checks of replays before they are shown."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.environment.test_replays import squares
from tetrarium.dashboard.routes import replays
from tetrarium.dashboard.routes.replays import find_replay
from tetrarium.environment.replays import Replay
from tetrarium.errors import ReplayError


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "replays").mkdir()
    (tmp_path / "replays" / "first.tetris-replay").write_bytes(squares().to_bytes())
    return tmp_path


def test_a_replay_is_checked_once_for_simultaneous_requests(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played_replays = []

    def play(replay: Replay) -> Iterator[Any]:
        played_replays.append(replay)
        time.sleep(0.1)
        yield from ()

    monkeypatch.setattr(Replay, "play", play)
    threads = [threading.Thread(target=find_replay, args=(run, "first")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert played_replays == [squares()]


def test_a_replay_that_is_too_long_can_only_be_downloaded(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "_MAX_CHECKED", 4)
    with pytest.raises(ReplayError) as caught:
        find_replay(run, "first")
    assert str(caught.value) == (
        "Replays of at most 4 actions can be shown; 'first.tetris-replay' has 5. Download the file and use "
        "`tetrarium watch`."
    )
    assert find_replay(run, "first", is_checked=False) == squares()
