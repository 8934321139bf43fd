"""The rules of Tetris as pure functions on integer arrays.

A game is a row of integers in a batch (``Games``, or ``KeyGames`` for games by keys); its rules are data (``Rules``,
``KeyRules``); a policy observes it as a table of afterstates, one feature row per action, laid out by ``make_layout``.

Conventions:

- *Boards* are columns, ``(…, width) int64``: bit r of a column is row r, row 0 at the bottom.
- *Pieces* are indices into ``PIECES``. Rotation 0 is the one in which a piece spawns, each further one a clockwise
  turn; rotations that fill the same cells are one orientation.
- *Actions* of straight drops are ``4 * column + rotation``, where ``column`` is that of the leftmost cell. Where
  actions are lock positions, action k is the k-th in the order of ``movegen.lock_positions``. With hold there are as
  many actions again, in the same order, for the piece that comes into play when the current one is held. Actions of
  games by keys are indices into ``KEYS``.
- *Feature rows* hold the features in the order in which ``make_layout`` received them. The row of an illegal action is
  -1 throughout.
- *Random streams*: each game draws its pieces from a stream of its own, seeded by ``(seed, game number)``. A game is
  the same in a batch of any size, on any number of threads.
- *Kernels* are compiled functions on arrays and integers, without annotations. Public functions check their arguments;
  kernels do not.

Packages: ``simd`` (vectors of columns and rows),
``afterstates`` (feature rows), ``movegen`` (the Super Rotation System: lock positions, T-spins, key paths, perft),
``placement`` (games in which an action is a placement), ``keyplay`` (games by keys).

>>> import numpy as np
>>> games = Games(Rules(width=10, height=20, hidden_rows=4, randomizer="7-bag", preview=1), seed=0, numbers=[0])
>>> layout = make_layout(["column_heights", "holes"], width=10, preview=1)
>>> rows, masks = np.zeros((1, games.n_actions, row_length(layout)), np.float32), np.zeros((1, games.n_actions), bool)
>>> games.observe(layout, rows, masks)
"""

from tetrarium.engine.boards import Columns, board_cells, draw_board, parse_board
from tetrarium.engine.features import FEATURES, Layout, feature_width, make_layout, row_length
from tetrarium.engine.keyplay.games import KeyGames
from tetrarium.engine.keyplay.rules import KeyRules
from tetrarium.engine.keyplay.states import KeyMove, KeyState
from tetrarium.engine.movegen.keys import KEYS
from tetrarium.engine.movegen.lock_positions import Placement
from tetrarium.engine.movegen.perft import perft
from tetrarium.engine.pieces import MAX_ORIENTATIONS, N_ORIENTATIONS, N_PIECES, PIECE_WIDTHS, PIECES, orientation_cells
from tetrarium.engine.placement.games import Games
from tetrarium.engine.placement.states import GameState, Move
from tetrarium.engine.placement.transitions import are_kernels_cached, compile_kernels, link_kernels
from tetrarium.engine.rules import RANDOMIZERS, Rules

__all__ = [
    "FEATURES",
    "KEYS",
    "MAX_ORIENTATIONS",
    "N_ORIENTATIONS",
    "N_PIECES",
    "PIECES",
    "PIECE_WIDTHS",
    "RANDOMIZERS",
    "Columns",
    "GameState",
    "Games",
    "KeyGames",
    "KeyMove",
    "KeyRules",
    "KeyState",
    "Layout",
    "Move",
    "Placement",
    "Rules",
    "are_kernels_cached",
    "board_cells",
    "compile_kernels",
    "draw_board",
    "feature_width",
    "link_kernels",
    "make_layout",
    "orientation_cells",
    "parse_board",
    "perft",
    "row_length",
]
