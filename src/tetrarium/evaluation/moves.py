"""Plays one game of an evaluation piece by piece, for people who watch and for recorders."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tetrarium.engine.states import Move
from tetrarium.evaluation.evaluator import piece_limit
from tetrarium.evaluation.matches import Match, require_playable
from tetrarium.evaluation.predicting import as_playable

if TYPE_CHECKING:
    from tetrarium.environment import EnvConfig

__all__ = ["Move", "play_moves"]


def play_moves(
    policy: Any, config: "EnvConfig", seed: int = 0, game: int = 0, *, max_pieces: int | None = None
) -> Iterator[Move]:
    """Plays the very game that ``evaluate`` plays under this seed and number, and yields every placement.

    The arguments are checked at the call, not at the first placement.

    >>> from tetrarium.environment import EnvConfig
    >>> from tetrarium.evaluation import RandomPolicy
    >>> [move.lines_placement for move in play_moves(RandomPolicy(), EnvConfig(), seed=0, max_pieces=3)]
    [0, 0, 0]

    Args:
        policy: As for ``evaluate``.
        config: Fixes the game.
        seed: 0 or more.
        game: Number of the game, 0 or more.
        max_pieces: As for ``evaluate``.

    Raises:
        ConfigError: if a number is out of range.
        PolicyError: if the policy does not play this game.
    """
    playable = as_playable(policy)
    require_playable(playable, config)
    limit = piece_limit(config, max_pieces)
    match = Match.begin(config, seed, (game,))
    seat = playable.seat(match)

    def moves() -> Iterator[Move]:
        games = match.games
        state_t = games.state(0)
        while not state_t.over and state_t.pieces < limit:
            move = games.move(0, seat.choose(0))
            yield move
            state_t = move.state_tp1

    return moves()
