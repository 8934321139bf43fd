"""Who plays beside a person: an opponent on the same pieces, and an adviser for the person's own.

Both choose placements, in a game of straight drops or lock positions without hold. Pieces come from the same random
stream as in the person's game, so that both get the same ones in the same order.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tetrarium.engine import GameState, KeyState
from tetrarium.engine.colouring import GameFollower
from tetrarium.engine.streams import N_STREAM_WORDS
from tetrarium.environment import EnvConfig
from tetrarium.environment.showing import shown_board
from tetrarium.errors import GameError, PolicyError
from tetrarium.evaluation.matches import Match, require_playable
from tetrarium.evaluation.played import PolicyGame
from tetrarium.evaluation.predicting import as_playable
from tetrarium.events import BoardShown

__all__ = ["Advice", "Adviser", "Opponent", "rival_game"]

_OF_KEYS: Final = ("gravity", "key_rate", "first_level", "max_pieces")
_STREAM: Final = (1,) * N_STREAM_WORDS  # of a game from which nothing is drawn


def rival_game(policy: Any, trained_for: EnvConfig | None, hand: EnvConfig) -> EnvConfig:
    """The game that a policy plays beside a person's.

    Args:
        policy: Who plays.
        trained_for: The game that it was made for, if for any.
        hand: The person's game.

    Raises:
        PolicyError: if it plays by keys, with hold, or on a board of another width.
    """
    made_for = trained_for or EnvConfig()
    name = getattr(policy, "name", "the policy")
    for setting, plays, needed in (
        ("actions='keys'", made_for.actions == "keys", "placements"),
        ("hold", made_for.hold, "no hold"),
    ):
        if plays:
            raise PolicyError(
                f"Who plays beside a person plays {needed}; {name!r} was trained with {setting}. Choose another one."
            )
    if made_for.width != hand.width:
        raise PolicyError(
            f"Who plays beside a person plays boards {hand.width} wide; {name!r} was trained for {made_for.width}. "
            "Choose another one."
        )
    if made_for.preview > hand.preview:
        raise PolicyError(
            f"Who plays beside a person sees at most {hand.preview} pieces ahead; {name!r} was trained with "
            f"{made_for.preview}. Choose another one."
        )
    plain = {name: getattr(EnvConfig(), name) for name in _OF_KEYS}
    config = made_for.with_changes(height=hand.height, randomizer=hand.randomizer, illegal_action="nearest", **plain)
    require_playable(as_playable(policy), config)
    return config


class Opponent:
    """A game that a policy plays on the pieces of a person's.

    Args:
        policy: Who plays.
        config: As ``rival_game`` gives it.
        seed: Of the person's game, which is number 0 of it.
        goal: Rows at which it has finished, if at any.
    """

    def __init__(self, policy: Any, config: EnvConfig, seed: int, goal: int | None) -> None:
        self._game = PolicyGame(policy, config, seed, number=0)
        self._follower = GameFollower(config.rules())
        self._follower.warm()
        self._follower.begin(self._game.stream)
        self._goal = goal
        self.seconds = 0.0  # when it placed its latest piece

    @property
    def pieces(self) -> int:
        """Pieces that it has placed."""
        return self._follower.pieces

    @property
    def lines(self) -> int:
        """Rows that it has cleared."""
        return self._follower.lines

    @property
    def score(self) -> int:
        """Its points."""
        return self._follower.score

    @property
    def has_finished(self) -> bool:
        """Whether it has reached the goal."""
        return self._goal is not None and self.lines >= self._goal

    @property
    def is_over(self) -> bool:
        """Whether its game has ended otherwise."""
        return not self.has_finished and self._game.coming is None

    def play_until(self, seconds: float, pieces: int, pace: float | None) -> bool:
        """Places what is due; returns whether there was anything.

        Args:
            seconds: Of the person's game.
            pieces: That the person has placed.
            pace: Pieces a second; None for as many as the person.
        """
        if self.is_over or self.has_finished:
            return False
        is_due = self.pieces < pieces if pace is None else seconds >= self.seconds + 1 / pace
        if is_due:
            coming = self._game.coming
            assert coming is not None
            self._follower.follow([coming])
            self._game.place()
            self.seconds = seconds if pace is None else max(self.seconds + 1 / pace, seconds - 1 / pace)
        return is_due

    def board(self, is_paused: bool) -> BoardShown:
        """The message that shows its game."""
        return shown_board(self._follower, step=self.pieces, game=1, thoughts=None, is_paused=is_paused)


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """Where a policy would place a person's piece."""

    cells: tuple[int, ...]  # row * width + column
    value: float | None  # by its own measure; None where it has none


class Adviser:
    """Says what a policy would do in a person's place.

    Args:
        policy: Whose advice it is.
        config: As ``rival_game`` gives it.
    """

    def __init__(self, policy: Any, config: EnvConfig) -> None:
        playable: Any = as_playable(policy)
        self._match = Match.begin(config, seed=0, numbers=(0,))
        self._seat = playable.seat(self._match)
        self._valuing = playable.valuing_seat(self._match) if hasattr(playable, "valuing_seat") else None
        self._follower = GameFollower(config.rules())
        self._follower.warm()

    def advise(self, state: KeyState) -> Advice | None:
        """The placement of the current piece; None where its own game knows no such board, or has ended."""
        games = self._match.games
        bare = GameState(
            columns=state.columns,
            queue=state.queue[: 1 + games.rules.preview],
            bag=0,
            stream=_STREAM,
            lines=state.lines,
            pieces=state.pieces,
            over=False,
        )
        if state.over:
            return None
        try:
            games.restore(0, bare)
        except GameError:  # the stack is higher than in its game
            return None
        action = self._seat.choose(0)
        self._follower.begin_at(games.rows[0])
        cells = self._follower.resting_cells(np.array([action], dtype=np.int64))[0]
        value = None if self._valuing is None else float(self._valuing.values()[action])
        return Advice(cells=cells, value=value if value is not None and np.isfinite(value) else None)
