"""Single games of an evaluation, played one placement at a time by a policy or from a replay, and their recording.

The next action is known before it is played, so that viewers see the intended placement.
"""

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tetrarium.engine.batches import IndependentCopies
from tetrarium.engine.board_tracker import BoardTracker
from tetrarium.engine.placement.states import Move
from tetrarium.engine.random_streams import make_stream
from tetrarium.engine.state_layout import LINES, N_PLACED, TERMINATED
from tetrarium.environment import EnvConfig
from tetrarium.environment.replays import Replay, pack_actions
from tetrarium.evaluation.evaluator import env_config, piece_limit
from tetrarium.evaluation.policies import LinearPolicy
from tetrarium.evaluation.policy_runner import GameBatch, as_playable, require_playable


def play_moves(
    policy: Any, config: EnvConfig | Mapping[str, Any], seed: int = 0, game: int = 0, *, max_pieces: int | None = None
) -> Iterator[Move]:
    """Plays the game that ``evaluate`` plays under this seed and number, and yields every placement.

    Arguments are checked at the call, not at the first placement.

    >>> from tetrarium.environment import EnvConfig
    >>> from tetrarium.evaluation import RandomPolicy
    >>> [move.lines_placement for move in play_moves(RandomPolicy(), EnvConfig(), seed=0, max_pieces=3)]
    [0, 0, 0]

    Args:
        policy: As for ``evaluate``.
        config: The game.
        seed: 0 or more.
        game: Number of the game, 0 or more.
        max_pieces: As for ``evaluate``.

    Raises:
        ConfigError: if a number is out of range.
        PolicyError: if the policy does not play this game.
    """
    config = env_config(config)
    playable = as_playable(policy)
    require_playable(playable, config)
    limit = piece_limit(config, max_pieces)
    batch = GameBatch.begin(config, seed, (game,))
    runner = playable.make_runner(batch)

    def moves() -> Iterator[Move]:
        games = batch.games
        state_t = games.state(0)
        while not state_t.terminated and state_t.pieces < limit:
            move = games.move(0, runner.choose(0))
            yield move
            state_t = move.state_tp1

    return moves()


class SingleGame(Protocol):
    """Game in progress, of which the next action is known."""

    next_action: int | None  # None at the end of the game

    def begin_tracker(self, tracker: BoardTracker) -> None:
        """Puts a tracker at the start of the game."""

    def place(self) -> None:
        """Plays the next action."""

    def values(self) -> npt.NDArray[np.float32] | None:
        """Returns ``(n_actions,)`` action values, -inf for illegal actions; None for a policy without values."""


class PolicyGame(IndependentCopies):
    """Game of a seed, as ``evaluate`` plays it.

    >>> from tetrarium.evaluation import named_policy
    >>> game = PolicyGame(named_policy("dellacherie"), EnvConfig(), seed=0, number=0)
    >>> next_action = game.next_action
    >>> game.place()
    >>> next_action, game.next_action
    (0, 8)
    """

    def __init__(self, policy: Any, config: EnvConfig, seed: int, number: int) -> None:
        self._batch = GameBatch.begin(config, seed, (number,))
        self._limit = piece_limit(config, None)
        self._set_policy(policy)
        self.stream = tuple(int(word) for word in make_stream(seed, number))
        self.next_action: int | None = self._runner.choose(0)

    def begin_tracker(self, tracker: BoardTracker) -> None:
        """Puts a tracker at the start of the game."""
        tracker.begin(self.stream)

    def take_policy(self, policy: Any) -> None:
        """Replaces the policy, from the action after the next one on."""
        if policy is not self._policy:
            self._set_policy(policy)

    def _set_policy(self, policy: Any) -> None:
        self._policy = policy
        self._playable: Any = as_playable(policy)
        self._runner = self._playable.make_runner(self._batch)
        self._valuing: Any = None  # made at the first request

    def place(self) -> None:
        """Plays the next action."""
        games = self._batch.games
        assert self.next_action is not None
        games.place(0, self.next_action)
        has_ended = games.rows[0, TERMINATED] or games.rows[0, N_PLACED] >= self._limit
        self.next_action = None if has_ended else self._runner.choose(0)

    def values(self) -> npt.NDArray[np.float32] | None:
        """Returns ``(n_actions,)`` action values; None for a policy without values."""
        if not hasattr(self._playable, "make_value_runner"):
            return None
        if self._valuing is None:
            self._valuing = self._playable.make_value_runner(self._batch)
        return np.asarray(self._valuing.values())


class _ReplayedGame:
    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self._moves = replay.play()
        self.place()

    def place(self) -> None:
        move = next(self._moves, None)
        self.next_action = None if move is None else move.action

    def begin_tracker(self, tracker: BoardTracker) -> None:
        """Puts a tracker at the start of the game."""
        self._replay.begin_tracker(tracker)

    def values(self) -> None:
        """Returns None: a replay holds no action values."""


def games_of_policy(policy: Any, config: EnvConfig, seed: int) -> Iterator[SingleGame]:
    """Yields the games of a seed one after another, without end.

    Raises:
        PolicyError: if the policy does not play this game.
    """
    require_playable(as_playable(policy), config)
    return (PolicyGame(policy, config, seed, number) for number in count())


def games_of_replay(replay: Replay) -> Iterator[SingleGame]:
    """Yields one recorded game repeatedly, without end."""
    replay.play()  # raises at the call what it would raise
    return (_ReplayedGame(replay) for _ in count())


def record_game(policy: LinearPolicy, config: EnvConfig, seed: int, game: int, max_pieces: int) -> Replay:
    """Plays the game that ``evaluate`` plays under this seed and number, compiled, and returns its replay.

    >>> record_game(LinearPolicy({"holes": -1.0}), EnvConfig(), seed=0, game=0, max_pieces=5).pieces
    5

    ``max_pieces``: pieces after which it is truncated.

    Raises:
        PolicyError: if the policy does not play this game.
    """
    require_playable(policy, config)
    batch = GameBatch.begin(config, seed, (game,))
    actions: Any = policy.make_runner(batch).record(0, max_pieces)
    lines, pieces, terminated = (int(batch.games.rows[0, place]) for place in (LINES, N_PLACED, TERMINATED))
    return Replay(
        env_config=config,
        seed=seed,
        game=game,
        actions=pack_actions(config, np.asarray(actions).tolist()),
        lines=lines,
        pieces=pieces,
        terminated=bool(terminated),
        about={"agent": policy.name},
    )
