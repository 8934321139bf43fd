"""Games that are played one placement after the other: by a policy, or again by a replay.

Each tells the placement to come before it is made, so that watchers see what is intended.
"""

from collections.abc import Iterator
from itertools import count
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tetrarium.engine.game_rows import N_PLACED, OVER
from tetrarium.engine.streams import make_stream
from tetrarium.environment import EnvConfig
from tetrarium.environment.replays import Replay
from tetrarium.evaluation.evaluator import piece_limit
from tetrarium.evaluation.matches import Match, require_playable
from tetrarium.evaluation.predicting import as_playable

__all__ = ["PlayedGame", "PolicyGame", "games_of_policy", "games_of_replay"]


class PlayedGame(Protocol):
    """One game under way."""

    stream: tuple[int, ...]  # that it starts with
    coming: int | None  # the placement to come; None at the end

    def place(self) -> None:
        """Makes the placement to come."""

    def values(self) -> npt.NDArray[np.float32] | None:
        """What the player values each placement to come at, -inf where it is not legal; None if it values none."""


class PolicyGame:
    """A game of a seed, as ``evaluate`` plays it.

    >>> from tetrarium.evaluation import named_policy
    >>> game = PolicyGame(named_policy("dellacherie"), EnvConfig(), seed=0, number=0)
    >>> coming = game.coming
    >>> game.place()
    >>> coming, game.coming
    (0, 8)

    Args:
        policy: Who plays.
        config: Fixes the game.
        seed: 0 or more.
        number: Number of the game.
    """

    def __init__(self, policy: Any, config: EnvConfig, seed: int, number: int) -> None:
        self._match = Match.begin(config, seed, (number,))
        self._limit = piece_limit(config, None)
        self._sit_down(policy)
        self.stream = tuple(int(word) for word in make_stream(seed, number))
        self.coming: int | None = self._seat.choose(0)

    def take_policy(self, policy: Any) -> None:
        """Lets another play on, from the placement after the one to come."""
        if policy is not self._policy:
            self._sit_down(policy)

    def _sit_down(self, policy: Any) -> None:
        self._policy = policy
        self._playable: Any = as_playable(policy)
        self._seat = self._playable.seat(self._match)
        self._valuing: Any = None  # made for the first who asks

    def place(self) -> None:
        """Makes the placement to come."""
        games = self._match.games
        assert self.coming is not None
        games.place(0, self.coming)
        has_ended = games.rows[0, OVER] or games.rows[0, N_PLACED] >= self._limit
        self.coming = None if has_ended else self._seat.choose(0)

    def values(self) -> npt.NDArray[np.float32] | None:
        """What the policy values each placement to come at; None if it values none."""
        if not hasattr(self._playable, "valuing_seat"):
            return None
        if self._valuing is None:
            self._valuing = self._playable.valuing_seat(self._match)
        return np.asarray(self._valuing.values())


class _ReplayedGame:
    def __init__(self, replay: Replay) -> None:
        self.stream = replay.stream or tuple(int(word) for word in make_stream(replay.seed, replay.game))
        self._moves = replay.play()
        self.place()

    def place(self) -> None:
        move = next(self._moves, None)
        self.coming = None if move is None else move.action

    def values(self) -> None:
        """Nobody knows any more."""


def games_of_policy(policy: Any, config: EnvConfig, seed: int) -> Iterator[PlayedGame]:
    """Yields the games of a seed, one after another, for ever.

    Raises:
        PolicyError: if the policy does not play this game.
    """
    require_playable(as_playable(policy), config)
    return (PolicyGame(policy, config, seed, number) for number in count())


def games_of_replay(replay: Replay) -> Iterator[PlayedGame]:
    """Yields one recorded game again and again."""
    replay.play()  # refuses now what it would refuse
    return (_ReplayedGame(replay) for _ in count())
