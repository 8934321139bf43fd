"""Human games: games that a person plays by keys, labels of their line clears, and their replays.

Time passes in key steps, ``EnvConfig.key_rate`` a second; a step without a key press plays the key ``"nothing"``. So a
game is determined by its config, seed and keys, like every other, and its replay runs at the speed of play.
"""

from typing import Final

from tetrarium.engine import KEYS, KeyGames, KeyMove, KeyState
from tetrarium.engine.batches import IndependentCopies
from tetrarium.engine.board_tracker import CellGrid
from tetrarium.engine.scoring import LINES_PER_LEVEL
from tetrarium.engine.srs import FULL_SPIN, MINI_SPIN
from tetrarium.environment.board_snapshot import BoardSnapshot, PieceGrid, line_clear_snapshot, state_snapshot
from tetrarium.environment.config import EnvConfig
from tetrarium.environment.replays import MAX_ACTIONS, Replay
from tetrarium.environment.start_position import StartPosition, Stream

_CLEARS: Final = ("", "Single", "Double", "Triple", "Tetris")
_SPINS: Final = {MINI_SPIN: "Mini T-spin", FULL_SPIN: "T-spin"}


def level_of(state: KeyState, config: EnvConfig) -> int:
    """Returns the level of a game."""
    return config.first_level + state.lines // LINES_PER_LEVEL


def clear_label(move: KeyMove, config: EnvConfig) -> list[str]:
    """Returns the label of a placement, in lines of at most 14 characters; empty for an ordinary placement."""
    if move.placement is None:
        return []
    before, after = move.state_t, move.state_tp1
    lines = []
    spin = _SPINS.get(move.placement.spin, "")
    clear = _CLEARS[move.lines_placement]
    if clear and before.back_to_back and after.back_to_back:
        lines.append("Back-to-back")
    if spin:
        lines.append(spin)
    if clear:
        lines.append(clear)
    if after.combo > 1:
        lines.append(f"Combo {after.combo - 1}")
    if clear and not any(after.columns):
        lines.append("Perfect clear")
    if move.points:
        lines.append(f"+{move.points:,}")
    if level_of(after, config) > level_of(before, config):
        lines.append(f"Level {level_of(after, config)}")
    return lines


class HumanGame(IndependentCopies):
    """Game that a person plays.

    Args:
        config: Settings of a game by keys.
        seed: 0 or more.
        number: Number of the game under the seed.
        start: Position in which it starts; by default an empty board.
        stream: Random state after the pieces of ``start`` were drawn, with it only.
    """

    def __init__(
        self,
        config: EnvConfig,
        seed: int,
        number: int,
        *,
        start: StartPosition | None = None,
        stream: Stream | None = None,
    ) -> None:
        self.config = config
        self.seed = seed
        self.number = number
        self._games = KeyGames(config.key_rules(), seed, [number])
        self._grid = PieceGrid(config.width, config.height)
        self._keys = bytearray()
        self._start, self._stream = start, stream
        if start is not None and stream is not None:
            start.begin(self._games, stream)
            self._grid.cells[:] = start.grid(config.width, config.height)
        self.state = self._games.state(0)

    @property
    def cells(self) -> CellGrid:
        """``(rows, width) int8``, the piece that left each cell."""
        return self._grid.cells

    @property
    def starts_from_position(self) -> bool:
        """True if it started from a position other than the empty board."""
        return self._start is not None

    @property
    def is_full(self) -> bool:
        """True if a replay has no room for another key."""
        return len(self._keys) >= MAX_ACTIONS

    def snapshot(self) -> BoardSnapshot:
        """Returns the board as it is now."""
        return state_snapshot(self.state, height=self.config.height, cells=self.cells, can_hold=True)

    def press(self, key: str) -> tuple[KeyMove, BoardSnapshot | None]:
        """Presses one of ``KEYS``; returns the key step and, if it cleared rows, the board just before they vanish."""
        move = self._games.move(0, KEYS.index(key))
        self._keys.append(move.action)
        self.state = move.state_tp1
        full = line_clear_snapshot(self.snapshot(), self._grid.cells, move) if move.lines_placement else None
        self._grid.follow(move)
        return move, full

    def replay(self, **about: str | float) -> Replay:
        """Returns the replay of the game so far; ``about`` adds entries to its ``about``."""
        return Replay(
            env_config=self.config,
            seed=self.seed,
            game=self.number,
            stream=self._stream,
            start=self._start,
            actions=bytes(self._keys),
            lines=self.state.lines,
            pieces=self.state.pieces,
            terminated=self.state.terminated,
            about={"agent": "by hand", "score": self.state.score, **about},
        )
