"""One game of an evaluation as a replay."""

from typing import Any

import numpy as np

from tetrarium.engine.game_rows import LINES, N_PLACED, OVER
from tetrarium.environment import EnvConfig
from tetrarium.environment.replays import Replay, pack_actions
from tetrarium.evaluation.matches import Match, require_playable
from tetrarium.evaluation.policies import LinearPolicy

__all__ = ["record_game"]


def record_game(policy: LinearPolicy, config: EnvConfig, seed: int, game: int, max_pieces: int) -> Replay:
    """Plays the very game that ``evaluate`` plays under this seed and number, compiled, and returns it as a replay.

    >>> record_game(LinearPolicy({"holes": -1.0}), EnvConfig(), seed=0, game=0, max_pieces=5).pieces
    5

    Args:
        policy: What plays.
        config: Fixes the game.
        seed: 0 or more.
        game: Number of the game, 0 or more.
        max_pieces: Where it is cut off.

    Raises:
        PolicyError: if the policy does not play this game.
    """
    require_playable(policy, config)
    match = Match.begin(config, seed, (game,))
    actions: Any = policy.seat(match).record(0, max_pieces)
    lines, pieces, over = (int(match.games.rows[0, place]) for place in (LINES, N_PLACED, OVER))
    return Replay(
        env_config=config,
        seed=seed,
        game=game,
        actions=pack_actions(config, np.asarray(actions).tolist()),
        lines=lines,
        pieces=pieces,
        over=bool(over),
        about={"agent": policy.name},
    )
