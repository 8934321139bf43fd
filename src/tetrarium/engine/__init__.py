"""The rules of Tetris as pure functions on integer arrays.

A game is a row of integers in a batch, ``Games``; its rules are data, ``Rules``; what a policy sees of it is a table of
afterstates, one row an action, laid out by ``make_layout``. Kernels that other packages compile into their own loops
are in ``afterstates`` and ``games``; they do not check what they are given.

>>> import numpy as np
>>> games = Games(Rules(width=10, height=20, hidden_rows=4, randomizer="7-bag", preview=1), seed=0, numbers=[0])
>>> layout = make_layout(["column_heights", "holes"], width=10, preview=1)
>>> rows, masks = np.zeros((1, games.n_actions, row_length(layout)), np.float32), np.zeros((1, games.n_actions), bool)
>>> games.observe(layout, rows, masks)
"""

from tetrarium.engine.boards import Columns, board_cells, draw_board, parse_board
from tetrarium.engine.features import FEATURES, Layout, feature_width, make_layout, row_length
from tetrarium.engine.games import Games, GameState
from tetrarium.engine.key_games import KeyGames
from tetrarium.engine.key_rules import KeyRules
from tetrarium.engine.key_states import KeyMove, KeyState
from tetrarium.engine.keys import KEYS
from tetrarium.engine.perft import perft
from tetrarium.engine.pieces import MAX_ORIENTATIONS, N_ORIENTATIONS, N_PIECES, PIECE_WIDTHS, PIECES, orientation_cells
from tetrarium.engine.rules import RANDOMIZERS, Rules
from tetrarium.engine.states import Move
from tetrarium.engine.transitions import are_kernels_cached

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
    "Rules",
    "are_kernels_cached",
    "board_cells",
    "draw_board",
    "feature_width",
    "make_layout",
    "orientation_cells",
    "parse_board",
    "perft",
    "row_length",
]
