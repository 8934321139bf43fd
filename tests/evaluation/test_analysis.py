"""Analysis of games: the values are those by which a policy plays, and a blunder is found where it was made."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.evaluation.sample_policies import SMALL, STACKER, network
from tetrarium.engine import KEYS, PIECES
from tetrarium.environment import EnvConfig
from tetrarium.environment.human_games import HumanGame
from tetrarium.environment.placement_replays import reduce_to_placements
from tetrarium.environment.replays import Replay, pack_actions
from tetrarium.errors import GameError, PolicyError, ReplayError
from tetrarium.evaluation import Analysis, LinearPolicy, RandomPolicy, analyze, named_policy
from tetrarium.evaluation.analysis.analyzer import N_AHEAD, Analyzer
from tetrarium.evaluation.analysis.positions import replay_positions, set_up_position
from tetrarium.evaluation.analysis.results import MISTAKE_SHARE
from tetrarium.evaluation.single_games import PolicyGame, play_moves, record_game

GUIDELINE = EnvConfig.guideline().with_changes(actions="reachable")
BY_KEYS = EnvConfig.guideline().with_changes(actions="keys", key_rate=60)
PRESSED = ("nothing", "left", "right", "clockwise", "counter-clockwise", "soft drop", "soft drop", "hold", "hard drop")


def recorded_with_blunder(policy: Any, config: EnvConfig, n_pieces: int, blunder: int) -> Replay:
    """Records a game of a policy that plays the worst placement, of those that do not lose, at one piece."""
    game = PolicyGame(policy, config, 0, 0)
    actions = []
    for piece in range(n_pieces):
        if piece == blunder:
            values = game.values()
            assert values is not None
            game.next_action = int(np.argmin(np.where(np.isfinite(values), values, np.inf)))
        assert game.next_action is not None
        actions.append(game.next_action)
        game.place()
    state = game._batch.games.state(0)
    return Replay(
        env_config=config, seed=0, game=0, actions=pack_actions(config, actions), lines=state.lines,
        pieces=state.pieces, terminated=state.terminated,
    )  # fmt: skip


def pressed_at_random(seed: int, n_keys: int) -> HumanGame:
    game, random = HumanGame(BY_KEYS, seed, 0), np.random.default_rng(seed)
    for key in random.integers(len(PRESSED), size=n_keys).tolist():
        if game.state.terminated:
            break
        game.press(PRESSED[key])
    return game


@pytest.mark.parametrize("config", [SMALL, GUIDELINE], ids=["drops", "lock positions with hold"])
@pytest.mark.parametrize("policy", [STACKER, network()], ids=["linear", "network"])
def test_values_are_those_by_which_the_policy_plays(config: EnvConfig, policy: Any) -> None:
    replay = record_game(named_policy("dellacherie"), config, seed=3, game=0, max_pieces=12)
    analysis = analyze(replay, policy)
    playing = PolicyGame(policy, config, 3, 0)
    for position, move in zip(analysis, replay.play(), strict=False):
        playing._batch.games.restore(0, move.state_t)
        values = playing.values()
        assert values is not None
        for candidate in position.best:
            assert (-np.inf if candidate.value is None else candidate.value) == values[candidate.action]
        assert position.best[0].action == playing._runner.choose(0)
        assert position.played is not None
        assert (-np.inf if position.played.value is None else position.played.value) == values[move.action]
        assert position.rank is not None
        assert np.count_nonzero(values > values[move.action]) < position.rank
        played = (position.played.rotation, position.played.column, position.played.row, position.played.lines)
        lock = move.placement
        assert played == (lock.rotation, lock.column, lock.row, move.lines_placement)
        assert position.n_legal >= len(position.best) == min(5, position.n_legal)
        assert (position.pieces, position.lines) == (move.state_t.pieces, move.state_t.lines)


def test_a_planted_blunder_is_found_first() -> None:
    analysis = analyze(recorded_with_blunder(STACKER, EnvConfig(), 60, blunder=41), STACKER)
    assert analysis.mistakes[0] == 41
    assert analysis[41].is_mistake
    assert analysis[41].drop == analysis.drops.max() > analysis.spread * MISTAKE_SHARE
    assert [k for k, position in enumerate(analysis) if position.rank not in {1, None}] == [41]
    assert analysis.share_best == 59 / 60


def test_the_last_position_of_a_truncated_game_has_no_placement_and_that_of_a_lost_one_is_left_out() -> None:
    truncated = analyze(record_game(STACKER, SMALL, seed=0, game=0, max_pieces=5), STACKER)
    assert (len(truncated), truncated[-1].played, truncated[-1].rank) == (6, None, None)
    moves = list(play_moves(RandomPolicy(), SMALL, seed=0))
    actions = pack_actions(SMALL, [move.action for move in moves])
    lost = Replay(
        env_config=SMALL, seed=0, game=0, actions=actions, lines=moves[-1].state_tp1.lines, pieces=len(moves),
        terminated=True,
    )  # fmt: skip
    analysis = analyze(lost, STACKER)
    assert len(analysis) == len(moves)
    assert analysis[-1].played is not None
    assert analysis[-1].played.ends
    assert analysis[-1].played.value is None
    low = EnvConfig(height=4)
    policy = named_policy("dellacherie")
    doomed = analyze(record_game(policy, low, seed=1, game=0, max_pieces=500), policy)
    assert doomed[-1].best[0].value is None, "no placement survives"
    assert (doomed.share_best, doomed.mistakes) == (1.0, [])
    assert np.isfinite(doomed.spread)


def test_placements_ahead_are_those_that_the_policy_makes_in_the_recorded_game() -> None:
    replay = record_game(STACKER, EnvConfig(), seed=1, game=0, max_pieces=12)
    positions = replay_positions(replay)
    analyzer = Analyzer(positions, STACKER)
    analyzer.value(0, len(positions))
    analyzer.look_ahead(0, len(positions))
    analysis = Analysis("stacker", positions, analyzer.records)
    for k in range(12 - N_AHEAD):
        placed = [(move.piece, move.placement.column, move.lines_placement) for move in replay.play()]
        ahead = [(PIECES.index(one.piece), one.column, one.lines) for one in analysis[k].best[0].ahead]
        assert ahead == placed[k + 1 : k + 1 + N_AHEAD]
    assert all(len(one.ahead) == N_AHEAD for one in analysis[0].best)


@pytest.mark.parametrize("seed", range(6))
def test_a_game_by_keys_is_analyzed_by_its_lock_positions(seed: int) -> None:
    game = pressed_at_random(seed, 400)
    boards = [move.state_tp1.columns for move in game.replay().play() if move.placement is not None]
    reduced = reduce_to_placements(game.replay())
    assert [move.state_tp1.columns for move in reduced.replay.play()] == boards
    assert reduced.n_left_out == 0
    assert list(reduced.seconds) == sorted(reduced.seconds)
    assert reduced.seconds[-1] <= len(game.replay()) / BY_KEYS.key_rate
    analysis = analyze(game.replay(), STACKER)
    assert [position.played is not None for position in analysis][: len(boards)] == [True] * len(boards)


def test_a_position_set_up_by_hand_looks_no_further_than_its_pieces() -> None:
    positions = set_up_position(EnvConfig(hold=True), [0, 0] + [3] * 8, "OITL", held="S")
    analyzer = Analyzer(positions, STACKER)
    analyzer.value(0, 1)
    analyzer.look_ahead(0, 1)
    (position,) = Analysis("stacker", positions, analyzer.records)
    assert (position.queue, position.held, position.played) == ("OITL", "S", None)
    best = position.best[0]
    assert (best.piece, best.column, best.lines, len(best.ahead)) == ("O", 0, 2, 3)
    assert {one.piece for one in best.ahead} <= set("ITLS")


def test_unsuitable_advisors_games_and_positions_are_refused() -> None:
    replay = record_game(STACKER, SMALL, seed=0, game=0, max_pieces=5)
    with pytest.raises(PolicyError, match=r"An advisor values placements; 'random' only chooses them\. Choose a"):
        analyze(replay, RandomPolicy())
    narrow = replace(replay, env_config=EnvConfig(width=5), actions=b"", pieces=0, lines=0, terminated=False)
    with pytest.raises(PolicyError, match=r"plays width=10 only; got width=5\."):
        analyze(narrow, LinearPolicy({"column_heights": [1.0] * 10}))
    with pytest.raises(ReplayError, match=r"Every action of a replay is legal; action 23 at piece 1 is not"):
        analyze(replace(replay, actions=bytes([23, *replay.actions[1:]])), STACKER)
    with pytest.raises(ReplayError, match=r"reaches its stated lines, pieces and end, \(9, 5, 0\)"):
        analyze(replace(replay, lines=9), STACKER)
    held = replace(
        pressed_at_random(0, 0).replay(), actions=bytes([KEYS.index("hold")] * 2), terminated=False
    )  # no piece locks between the two
    with pytest.raises(ReplayError, match=r"Every key of a replay is legal; key 7 at step 2 is not"):
        analyze(held, STACKER)
    with pytest.raises(GameError, match=r"all its pieces are of IOTLJSZ; got \('IX', None\)"):
        set_up_position(EnvConfig(), [0] * 10, "IX")
    with pytest.raises(GameError, match=r"The board of a game in play has no full row"):
        set_up_position(EnvConfig(), [1] * 10, "I")
