"""Positions other than the empty board from which a game starts."""

import re
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tetrarium.engine import PIECES, Games, GameState, KeyGames
from tetrarium.engine.board_tracker import ROWS_ABOVE, CellGrid, decode_cells, filled_columns
from tetrarium.engine.movegen.keys import spawn_position
from tetrarium.errors import GameError

Stream = tuple[int, int, int, int]

_CELLS: Final = re.compile(f"[{PIECES}x.]*")
_QUEUE: Final = re.compile(f"[{PIECES}]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPosition:
    """Board and pieces at the start of a game; its counters begin at 0.

    >>> position = StartPosition(cells="OO..OO..", queue="TI")
    >>> position.grid(width=4, height=4)[:2].tolist()
    [[1, 1, -1, -1], [1, 1, -1, -1]]

    Args:
        cells: As of ``encode_cells``, row 0 first; empty ones at the end can be left out.
        queue: Letters of the current piece and the preview.
        held: Letter of the held piece, if any.
        bag: 7-bag: bit set of the pieces left in the bag; script: index of the next piece; otherwise 0.

    Raises:
        GameError: if a value breaks its rule.
    """

    cells: str
    queue: str
    held: str | None = None
    bag: int = 0

    def __post_init__(self) -> None:
        is_text = isinstance(self.cells, str) and isinstance(self.queue, str)
        is_held = self.held is None or (isinstance(self.held, str) and len(self.held) == 1 and self.held in PIECES)
        is_bag = isinstance(self.bag, int) and not isinstance(self.bag, bool)
        if not (is_text and is_held and is_bag and _CELLS.fullmatch(self.cells) and _QUEUE.fullmatch(self.queue)):
            raise GameError(
                f"A start position has cells of {PIECES}x., pieces of {PIECES} and a bag in whole numbers; got "
                f"{(self.cells, self.queue, self.held, self.bag)!r:.120}. Correct it."
            )

    def grid(self, width: int, height: int) -> CellGrid:
        """Returns its cells, ``(height + ROWS_ABOVE, width) int8``.

        Raises:
            GameError: if it has cells above them.
        """
        n_cells = width * (height + ROWS_ABOVE)
        if len(self.cells) > n_cells:
            raise GameError(
                f"The cells of a start position lie in its {height + ROWS_ABOVE} lowest rows of {width}; got "
                f"{len(self.cells):,} cells. Use the board of its game."
            )
        return decode_cells(self.cells.ljust(n_cells, "."), width)

    def begin(self, games: Games | KeyGames, stream: Stream) -> None:
        """Puts the first game of a batch into this position.

        Args:
            games: The batch.
            stream: Random state from which the pieces behind the queue are drawn.

        Raises:
            GameError: if the position is not possible under the rules of the batch.
        """
        rules = games.rules
        columns = filled_columns(self.grid(rules.width, rules.height))
        state = GameState(
            columns=tuple(columns.tolist()),
            queue=tuple(map(PIECES.index, self.queue)),
            held=None if self.held is None else PIECES.index(self.held),
            bag=self.bag,
            stream=stream,
            lines=0,
            pieces=0,
            terminated=False,
        )
        if isinstance(games, Games):
            games.restore(0, state)
            return
        n_rows = rules.height + rules.hidden_rows
        is_free, x, y = spawn_position(columns, n_rows, state.queue[0], rules.height)
        if not is_free:
            raise GameError(f"The current piece must spawn on free cells; {self.queue[0]} does not. Clear them.")
        shared = {name: getattr(state, name) for name in ("columns", "queue", "held", "bag", "stream")}
        games.restore(0, replace(games.state(0), **shared, rotation=0, anchor_x=int(x), anchor_y=int(y)))
        games.set_board(0, np.asarray(columns))
