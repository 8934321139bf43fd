"""Analyzer: values all placements of a position by a policy, and plays the best ones on.

The values are those of the policy's value runner, by which it also plays in ``evaluate``. The analysis of a position
is one record of ``RECORD``, so that a long game is one array.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine import Games
from tetrarium.engine.state_layout import HELD, TERMINATED, GameRows
from tetrarium.errors import PolicyError
from tetrarium.evaluation.analysis.positions import UNKNOWN, Positions
from tetrarium.evaluation.policy_runner import GameBatch, as_playable, require_playable

N_BEST: Final = 5  # placements of a position that are listed
N_AHEAD: Final = 5  # further pieces that the policy plays after each of them
N_CANDIDATES: Final = N_BEST + 1  # with the played placement
_LIMIT: Final = 1 << 62  # of pieces
_CHUNK: Final = 64  # positions whose candidates are played at once

PLACED_FIELDS: Final = ("piece", "rotation", "column", "row", "spin", "lines")  # as ``Placement``; piece -1 for none
PLACED: Final = np.dtype([(name, "i1") for name in PLACED_FIELDS])
CANDIDATE: Final = np.dtype(
    [
        ("action", "i2"),  # UNKNOWN where there is none
        ("value", "f4"),  # -inf where the policy counts the placement as lost
        ("ends", "?"),  # whether the placement ends the game
        ("placed", PLACED),
        ("ahead", PLACED, (N_AHEAD,)),  # placements that the policy makes next
    ]
)
RECORD: Final = np.dtype(
    [
        ("is_valued", "?"),
        ("has_ahead", "?"),
        ("n_legal", "i2"),
        ("median", "f4"),  # of the values of all legal placements that do not lose
        ("rank", "i2"),  # of the played placement, 1 for the best; 0 where nothing was played
        ("played", CANDIDATE),
        ("best", CANDIDATE, (N_BEST,)),
    ]
)
Records = npt.NDArray[np.void]  # (n,) RECORD


def empty_records() -> Records:
    """Returns the records of no position."""
    return np.zeros(0, dtype=RECORD)


def empty_candidates(shape: tuple[int, ...]) -> npt.NDArray[np.void]:
    """Returns candidates that name no placement."""
    candidates = np.zeros(shape, dtype=CANDIDATE)
    candidates["action"] = UNKNOWN
    candidates["value"] = -np.inf
    candidates["placed"]["piece"] = UNKNOWN
    candidates["ahead"]["piece"] = UNKNOWN
    return candidates


class Analyzer:
    """Policy that is asked about the positions of one game.

    Args:
        positions: The positions.
        policy: As for ``evaluate``; one that values placements.

    Raises:
        PolicyError: if the policy does not play this game, or has no values.
    """

    def __init__(self, positions: Positions, policy: Any) -> None:
        playable: Any = as_playable(policy)
        if not hasattr(playable, "make_value_runner"):
            raise PolicyError(
                f"An advisor values placements; {playable.name!r} only chooses them. Choose a linear controller, or "
                "an agent that this package has trained."
            )
        require_playable(playable, positions.config)
        self.positions = positions
        self.records = np.zeros(len(positions), dtype=RECORD)  # those that are not valued yet have no meaning
        self._game = GameBatch.begin(positions.config, 0, (0,))
        self._valuing = playable.make_value_runner(self._game)
        self._choosing = playable.make_runner(self._game)
        self._after = GameBatch.begin(positions.config, 0, tuple(range(_CHUNK * N_CANDIDATES)))
        self._playing = playable.make_runner(self._after)

    def value(self, first: int, end: int) -> None:
        """Values the positions from ``first`` to before ``end``, and fills their records."""
        for start in range(first, end, _CHUNK):
            self._value_chunk(slice(start, min(start + _CHUNK, end)))

    def _value_chunk(self, part: slice) -> None:
        games, rows, played = self._game.games, self.positions.rows[part], self.positions.actions[part]
        masks = np.empty((len(rows), games.n_actions), dtype=np.bool_)
        games.write_masks(rows, masks)
        actions = np.full((len(rows), N_CANDIDATES), UNKNOWN, dtype=np.int64)
        values = np.full(actions.shape, -np.inf, dtype=np.float32)
        records = self.records[part]
        for k, row in enumerate(rows):
            games.rows[0] = row
            valued = self._valuing.values()
            order = self._ranked(valued, np.flatnonzero(masks[k]))
            best = order[:N_BEST]
            actions[k, : len(best)], actions[k, N_BEST] = best, played[k]
            values[k, : len(best)] = valued[best]
            if played[k] != UNKNOWN:
                values[k, N_BEST] = valued[played[k]]
                records["rank"][k] = 1 + order.tolist().index(played[k])
            n_finite = np.isfinite(valued).sum()
            records["median"][k] = valued[order[(n_finite - 1) // 2]] if n_finite else -np.inf
        candidates = empty_candidates(actions.shape)
        candidates["action"], candidates["value"] = actions, values
        self._play(rows, candidates)
        records["n_legal"] = masks.sum(axis=1)
        records["best"], records["played"] = candidates[:, :N_BEST], candidates[:, N_BEST]
        records["is_valued"] = True

    def _ranked(self, values: npt.NDArray[np.float32], legal: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Returns legal actions by falling value; among equals the policy's choice comes first."""
        order = legal[np.argsort(-values[legal], kind="stable")]
        if len(order) > 1 and values[order[0]] == values[order[1]]:
            chosen = self._choosing.choose(0)
            if values[chosen] == values[order[0]]:
                order = np.concatenate(([chosen], order[order != chosen]))
        return order

    def _play(self, rows: GameRows, candidates: npt.NDArray[np.void]) -> npt.NDArray[np.bool_]:
        """Plays every candidate and describes it; returns which ones leave a game to be continued, flat."""
        games, actions = self._after.games, candidates["action"].astype(np.int64)
        n = actions.size
        games.rows[:n] = np.repeat(rows, N_CANDIDATES, axis=0)
        self._advance(np.where(actions == UNKNOWN, actions[:, :1], actions).ravel())
        is_known = (actions != UNKNOWN).ravel()
        candidates["ends"] = (is_known & (games.rows[:n, TERMINATED] == 1)).reshape(actions.shape)
        candidates["placed"][actions != UNKNOWN] = _placed(games, n)[is_known]
        alive: npt.NDArray[np.bool_] = is_known & (games.rows[:n, TERMINATED] == 0)
        return alive

    def _advance(self, actions: npt.NDArray[np.int64]) -> None:
        """Plays one action in each of the first games; the others are reset."""
        games = self._after.games
        padded = np.zeros(games.n_games, dtype=np.int64)
        padded[: len(actions)] = actions
        games.advance(padded, max_pieces=_LIMIT, restart=False, reset_mask=np.arange(games.n_games) >= len(actions))

    def look_ahead(self, first: int, end: int) -> None:
        """Plays the best and the played placements on, in valued positions from ``first`` to before ``end``.

        In a recorded game the pieces are those that really came; otherwise only visible ones are placed.
        """
        for start in range(first, end, _CHUNK):
            self._look_ahead_chunk(slice(start, min(start + _CHUNK, end)))

    def _look_ahead_chunk(self, part: slice) -> None:
        games, rows, records = self._after.games, self.positions.rows[part], self.records[part]
        candidates = np.concatenate((records["best"], records["played"][:, None]), axis=1)
        alive = self._play(rows, candidates)
        n, n_ahead = alive.size, np.array([self._n_ahead(row) for row in rows])
        ahead = candidates["ahead"].reshape(n, N_AHEAD)
        for step in range(n_ahead.max(initial=0)):
            alive &= np.repeat(n_ahead > step, N_CANDIDATES)
            actions = np.zeros(n, dtype=np.int64)
            for game in np.flatnonzero(alive).tolist():
                actions[game] = self._playing.choose(game)
            games.rows[:n][~alive] = rows[0]  # any position that has a legal action
            actions[~alive] = candidates["action"][0, 0]
            self._advance(actions)
            ahead[alive, step] = _placed(games, n)[alive]
            alive &= games.rows[:n, TERMINATED] == 0
        candidates["ahead"] = ahead.reshape(candidates["ahead"].shape)
        records["best"], records["played"] = candidates[:, :N_BEST], candidates[:, N_BEST]
        records["has_ahead"] = True

    def _n_ahead(self, row: npt.NDArray[np.int64]) -> int:
        """Returns the number of pieces that can be placed after the next one."""
        config = self.positions.config
        if self.positions.is_recorded:
            return N_AHEAD
        return min(N_AHEAD, max(0, config.preview - (config.hold and row[HELD] == 0)))


def _placed(games: Games, n: int) -> npt.NDArray[np.void]:
    """Returns the placements of the last step in the first games, ``(n,) PLACED``."""
    placed = np.empty(n, dtype=PLACED)
    placed["piece"] = games.step_piece[:n]
    for number, name in enumerate(("rotation", "column", "row", "spin")):
        placed[name] = games.placements[:n, number]
    placed["lines"] = games.step_lines[:n]
    return placed
