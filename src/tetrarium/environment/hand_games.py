"""A game in the hands of a person: what a key did, what is said of a placement, and the game as a replay.

Time goes by in key steps, so many a second as the config says: a step in which nobody presses anything is the key for
nothing. So a game is its config, its seed and its keys, as every other, and a replay of it runs at the speed at which
it was played.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from tetrarium.engine import KEYS, KeyGames, KeyMove, KeyState
from tetrarium.engine.scoring import LINES_PER_LEVEL
from tetrarium.engine.srs import FULL_SPIN, MINI_SPIN
from tetrarium.environment.config import EnvConfig
from tetrarium.environment.replays import MAX_ACTIONS, Replay
from tetrarium.environment.scene import CellGrid, ColourBoard

__all__ = ["Flash", "HandGame", "level_of", "said_of"]

_CLEARS: Final = ("", "Single", "Double", "Triple", "Tetris")
_SPINS: Final = {MINI_SPIN: "Mini T-spin", FULL_SPIN: "T-spin"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flash:
    """A board with full rows, just before they go."""

    columns: tuple[int, ...]
    cells: CellGrid
    rows: tuple[int, ...]


def level_of(state: KeyState, config: EnvConfig) -> int:
    """The level that a game has come to."""
    return config.first_level + state.lines // LINES_PER_LEVEL


def said_of(move: KeyMove, config: EnvConfig) -> list[str]:
    """What is said of a placement, in lines of at most 14 letters; nothing of an ordinary one."""
    if move.placement is None:
        return []
    before, after = move.state_t, move.state_tp1
    said = []
    spin = _SPINS.get(move.placement.spin, "")
    clear = _CLEARS[move.lines_placement]
    if clear and before.back_to_back and after.back_to_back:
        said.append("Back-to-back")
    if spin:
        said.append(spin)
    if clear:
        said.append(clear)
    if after.combo > 1:
        said.append(f"Combo {after.combo - 1}")
    if clear and not any(after.columns):
        said.append("Perfect clear")
    if move.points:
        said.append(f"+{move.points:,}")
    if level_of(after, config) > level_of(before, config):
        said.append(f"Level {level_of(after, config)}")
    return said


class HandGame:
    """One game, from its first piece on.

    Args:
        config: A game by keys.
        seed: Which games.
        number: Which of them.
    """

    def __init__(self, config: EnvConfig, seed: int, number: int) -> None:
        self.config = config
        self.seed = seed
        self.number = number
        self._games = KeyGames(config.key_rules(), seed, [number])
        self._colours = ColourBoard(config.width, config.height)
        self._keys = bytearray()
        self.state = self._games.state(0)

    @property
    def cells(self) -> CellGrid:
        """Which piece left each cell."""
        return self._colours.cells

    @property
    def is_full(self) -> bool:
        """Whether a replay has no room for another key."""
        return len(self._keys) >= MAX_ACTIONS

    def press(self, key: str) -> tuple[KeyMove, Flash | None]:
        """Presses one of ``KEYS``; returns what it did, and rows that it filled as they were before they went."""
        move = self._games.move(0, KEYS.index(key))
        self._keys.append(move.action)
        flash = self._flash(move) if move.lines_placement else None
        self._colours.follow(move)
        self.state = move.state_tp1
        return move, flash

    def _flash(self, move: KeyMove) -> Flash:
        assert move.piece is not None
        assert move.placement is not None
        lock = move.placement
        board = ColourBoard(self.config.width, self.config.height)
        board.cells[:] = self._colours.cells
        board.rest(move.piece, lock.rotation, lock.column, lock.row, clears=False)
        filled = board.cells >= 0
        columns = (filled.astype(np.int64) << np.arange(len(filled))[:, None]).sum(axis=0)
        return Flash(
            columns=tuple(columns.tolist()), cells=board.cells, rows=tuple(np.flatnonzero(filled.all(axis=1)).tolist())
        )

    def replay(self, **about: str | float) -> Replay:
        """The game as far as it has come, with whatever else is worth knowing of it."""
        return Replay(
            env_config=self.config,
            seed=self.seed,
            game=self.number,
            actions=bytes(self._keys),
            lines=self.state.lines,
            pieces=self.state.pieces,
            over=self.state.over,
            about={"agent": "by hand", "score": self.state.score, **about},
        )
