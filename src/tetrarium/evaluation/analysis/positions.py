"""Positions of a recorded game, or such that were set up by hand, as rows of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine import PIECES, Games, GameState
from tetrarium.engine.random_streams import N_STREAM_WORDS
from tetrarium.engine.state_layout import LINES, N_PLACED, TERMINATED, GameRows
from tetrarium.environment import EnvConfig
from tetrarium.environment.placement_replays import reduce_to_placements
from tetrarium.environment.replays import Replay
from tetrarium.errors import GameError, ReplayError

UNKNOWN: Final = -1  # in place of an action
_STREAM: Final = (1,) * N_STREAM_WORDS  # arbitrary: pieces behind the visible ones are not used
_REMEDY: Final = "Copy it again from where it came from, or record the game again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """Positions in which a piece is to be placed, and what was played in them."""

    config: EnvConfig  # of a game in which an action is a placement
    rows: GameRows  # (n, COLUMNS + width) int64
    actions: npt.NDArray[np.int64]  # (n,); UNKNOWN where nothing was played
    is_recorded: bool  # whether they follow each other, so that the pieces behind the visible ones are known, too
    seconds: tuple[float, ...] = ()  # when each piece was placed, in a game by keys
    n_left_out: int = 0  # placements at the end that cannot be analyzed

    def __len__(self) -> int:
        return len(self.rows)


def replay_positions(replay: Replay) -> Positions:
    """Returns the positions of a recorded game, with the last one if the game was truncated there.

    Games by keys are reduced to their placements.

    Raises:
        ReplayError: if an action is illegal, or the game does not match the replay's lines, pieces and end.
    """
    reduced = reduce_to_placements(replay)
    replay = reduced.replay
    games = Games(replay.env_config.rules(), replay.seed, [replay.game])
    replay.begin(games)
    row = games.rows[0]
    actions = np.array([*replay.action_numbers(), UNKNOWN], dtype=np.int64)
    rows = np.empty((len(actions), len(row)), dtype=np.int64)
    for k, action in enumerate(actions[:-1]):
        rows[k] = row
        if row[TERMINATED] or action >= games.n_actions or games.nearest(0, int(action)) != action:
            raise ReplayError(
                f"Every action of a replay is legal; action {action} at piece {k + 1:,} is not. {_REMEDY}"
            )
        games.advance(actions[k : k + 1], max_pieces=len(actions), restart=False)
    rows[-1] = row
    stated = (replay.lines, replay.pieces, int(replay.terminated))
    if stated != (reached := (int(row[LINES]), int(row[N_PLACED]), int(row[TERMINATED]))):
        raise ReplayError(
            f"A replay reaches its stated lines, pieces and end, {stated}; this one reached {reached}. {_REMEDY}"
        )
    n = len(actions) - int(row[TERMINATED])
    return Positions(
        config=replay.env_config,
        rows=rows[:n],
        actions=actions[:n],
        is_recorded=True,
        seconds=reduced.seconds,
        n_left_out=reduced.n_left_out,
    )


def set_up_position(
    config: EnvConfig, columns: Sequence[int], pieces: str, *, held: str | None = None, lines: int = 0
) -> Positions:
    """Returns one position that was set up by hand.

    >>> position = set_up_position(EnvConfig(), [0] * 10, "TI")
    >>> position.config.preview, len(position)
    (1, 1)

    Args:
        config: The game; its preview is replaced by the number of pieces after the current one.
        columns: ``(width,)`` board, bit r = row r.
        pieces: Letters of the current piece and those that follow.
        held: Letter of the held piece, if there is one.
        lines: Lines cleared before.

    Raises:
        ConfigError: if there are too many or too few pieces for this game.
        GameError: if a letter is no piece, or the board is not possible in this game.
    """
    unknown = [letter for letter in pieces + (held or "") if letter not in PIECES]
    if unknown or not pieces:
        raise GameError(
            f"A position has a current piece, and all its pieces are of {PIECES}; got {(pieces, held)!r:.80}. "
            "Choose at least one."
        )
    config = replace(config, preview=len(pieces) - 1)
    state = GameState(
        columns=tuple(int(column) for column in columns),
        queue=tuple(map(PIECES.index, pieces)),
        held=None if held is None else PIECES.index(held),
        bag=0,
        stream=_STREAM,
        lines=lines,
        pieces=0,
        terminated=False,
    )
    games = Games(config.rules(), 0, [0])
    games.restore(0, state)
    return Positions(config=config, rows=games.rows, actions=np.array([UNKNOWN]), is_recorded=False)
