"""Recording a batch: every game becomes a replay that plays to the same board, before and after an interruption."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tetrarium.engine import GameState, Rules
from tetrarium.engine.placement.games import Games
from tetrarium.environment import EnvConfig
from tetrarium.environment.core import GameCore
from tetrarium.environment.recording import GameRecorder
from tetrarium.environment.replays import Replay
from tetrarium.errors import GameError

N_GAMES = 50
FEW: dict[str, Any] = {"features": ("max_height",)}  # what is seen plays no part, and takes the time
CUT = EnvConfig(height=10, max_pieces=12, **FEW)  # at random, some games end before the cut and some reach it
CONFIGS = (
    CUT,
    EnvConfig(height=6, width=6, randomizer="uniform", preview=0, max_pieces=7, **FEW),
    EnvConfig(height=6, width=4, randomizer="IOTLJSZ", preview=6, **FEW),
)

Ended = tuple[Replay, GameState]


def random_actions(core: GameCore, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Any action in range: one that is not legal is played as the nearest."""
    return rng.integers(0, core.games.n_actions, core.games.n_games)


def result_of(core: GameCore, index: int) -> GameState:
    """The state in which a game ended, before it was started anew."""
    other = Games(core.config.rules(), seed=0, numbers=[0])
    other.rows[0] = core.games.state_after.rows[index]
    return other.state(0)


def record(core: GameCore, recorder: GameRecorder, rng: np.random.Generator, n_steps: int) -> list[Ended]:
    """Plays at random; returns each game's replay beside the state in which the batch left it."""
    ended: list[Ended] = []
    for _ in range(n_steps):
        outcome = core.step(random_actions(core, rng), restart=True)
        replays = recorder.note()
        indices = np.flatnonzero(outcome.terminated | outcome.truncated).tolist()
        assert [replay.game for replay in replays] == indices
        ended += [(replay, result_of(core, index)) for replay, index in zip(replays, indices, strict=True)]
    return ended


def last_state(replay: Replay) -> GameState:
    *_, last = replay.play()
    return last.state_tp1


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.randomizer)
def test_every_game_plays_again_to_the_same_state(config: EnvConfig) -> None:
    core = GameCore(config, N_GAMES, seed=3)
    ended = record(core, GameRecorder(core, seed=3), np.random.default_rng(0), n_steps=300)

    assert len(ended) > 5 * N_GAMES
    for replay, state in ended:
        assert last_state(replay) == state  # the stream included, so that the next game starts alike, too
        assert (replay.lines, replay.pieces, replay.terminated) == (state.lines, state.pieces, state.terminated)
        assert replay.truncated == (not state.terminated)
    if config.max_pieces is not None:
        assert {replay.terminated for replay, _ in ended} == {True, False}


def test_the_first_game_starts_from_the_stream_of_its_seed() -> None:
    core = GameCore(CUT, 3, seed=8)
    (first, _), *_ = record(core, GameRecorder(core, seed=8), np.random.default_rng(1), n_steps=30)
    by_number = Replay(
        env_config=CUT,
        seed=8,
        game=first.game,
        actions=first.actions,
        lines=first.lines,
        pieces=first.pieces,
        terminated=first.terminated,
    )
    assert list(by_number.play()) == list(first.play())


@pytest.mark.compiled  # the same in plain Python, but long
def test_a_state_put_back_gives_the_same_replays() -> None:
    core = GameCore(CUT, N_GAMES, seed=0)
    recorder = GameRecorder(core, seed=0)
    record(core, recorder, np.random.default_rng(0), n_steps=150)
    saved: dict[str, Any] = {"core": core.state(), "recorder": recorder.state()}
    whole = record(core, recorder, np.random.default_rng(7), n_steps=150)

    later = GameCore(CUT, N_GAMES, seed=0)
    resumed = GameRecorder(later, seed=0)
    later.set_state(saved["core"])
    resumed.set_state(saved["recorder"])
    assert record(later, resumed, np.random.default_rng(7), n_steps=150) == whole
    assert len(saved["recorder"]["actions"]) == saved["recorder"]["lengths"].sum()


def test_a_state_holds_games_longer_than_there_was_room_for() -> None:
    config = EnvConfig(randomizer="O", **FEW)
    core = GameCore(config, 2, seed=0)
    recorder = GameRecorder(core, seed=0)
    for step in range(600):
        core.step(np.full(2, 4 * (2 * step % 10)), restart=True)
        assert recorder.note() == []
    other = GameRecorder(GameCore(config, 2, seed=0), seed=0)
    other.set_state(recorder.state())
    core.step(np.array([0, 4]), restart=True)

    for noted in (recorder, other):
        noted._core = core
        assert noted.note() == []
        replay = noted.replay(1)
        assert replay is not None
        assert (len(replay), replay.pieces, replay.lines, replay.terminated) == (601, 601, 240, False)
        assert last_state(replay) == core.games.state(1)


def test_a_game_already_in_progress_is_skipped_and_the_next_is_recorded() -> None:
    core = GameCore(CUT, 4, seed=0)
    rng = np.random.default_rng(0)
    core.step(random_actions(core, rng), restart=True)
    recorder = GameRecorder(core, seed=0)
    assert recorder.replay(0) is None

    first_ends: set[int] = set()
    for _ in range(60):
        outcome = core.step(random_actions(core, rng), restart=True)
        noted = {replay.game: replay for replay in recorder.note()}
        for index in np.flatnonzero(outcome.terminated | outcome.truncated).tolist():
            assert (index in noted) == (index in first_ends)
            first_ends.add(index)
        for replay in noted.values():
            assert last_state(replay).pieces == replay.pieces
    assert first_ends == {0, 1, 2, 3}


def test_recording_begins_anew_after_a_reset() -> None:
    core = GameCore(CUT, 2, seed=0)
    recorder = GameRecorder(core, seed=0)
    core.step(np.array([0, 0]), restart=True)
    recorder.note()
    core.reset()  # streams go on
    recorder.begin()
    core.step(np.array([8, 12]), restart=True)
    recorder.note()

    for index in range(2):
        replay = recorder.replay(index)
        assert replay is not None
        assert last_state(replay) == core.games.state(index)


def test_of_a_game_that_is_too_long_no_replay_is_made() -> None:
    core = GameCore(EnvConfig(randomizer="O", max_pieces=520, **FEW), 2, seed=0)
    recorder = GameRecorder(core, seed=0, max_actions=300)
    for step in range(1040):
        core.step(np.array([4 * (2 * step % 10), 4 * (2 * (step // 50) % 10)]), restart=True)
        replays = recorder.note()
        assert all(replay.game == 1 and len(replay) < 50 for replay in replays)
    assert recorder._actions.shape[1] == 512


def test_a_board_that_was_set_is_not_recorded() -> None:
    core = GameCore(CUT, 2, seed=0)
    core.games.set_board(0, np.array([1, *[0] * 9], dtype=np.int64))
    recorder = GameRecorder(core, seed=0)
    assert recorder.replay(0) is None
    assert recorder.replay(1) is not None


def test_a_state_of_other_games_is_refused() -> None:
    state = GameRecorder(GameCore(CUT, 3, seed=0), seed=0).state()
    with pytest.raises(GameError, match=r"^Recorded games fit the batch of 2; got lengths of shape \(3,\) for 0 "):
        GameRecorder(GameCore(CUT, 2, seed=0), seed=0).set_state(state)
    state["lengths"][1] = 4
    with pytest.raises(GameError, match=r"^Recorded games fit the batch of 3; .* for 0 actions\. Use the state that"):
        GameRecorder(GameCore(CUT, 3, seed=0), seed=0).set_state(state)


def test_rules_are_those_of_the_core() -> None:
    core = GameCore(CUT, 1, seed=0)
    replay = GameRecorder(core, seed=0).replay(0)
    assert replay is not None
    assert replay.env_config.rules() == Rules(width=10, height=10, hidden_rows=4, randomizer="7-bag", preview=1)
    assert list(replay.play()) == []
