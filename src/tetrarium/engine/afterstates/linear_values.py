"""The straight drop that a linear controller plays: all left columns of a rotation are valued at once.

Nothing is stored, and features of weight 0 are not computed. Values are summed in the order of the features, so that
they equal, to the last bit, the numbers of a row of ``write_rows`` times their weights, added one after the other.
Boards on which rows vanish, a few in a hundred, are built and summed as a whole.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine.afterstates import feature_kernels
from tetrarium.engine.afterstates import vectorized_drops as drops
from tetrarium.engine.afterstates.feature_kernels import LaneSum, NumberSum
from tetrarium.engine.compiling import bit_length, kernel, popcount
from tetrarium.engine.features import FEATURES, Layout, feature_width
from tetrarium.engine.pieces import MAX_ORIENTATIONS, N_ORIENTATIONS, PIECE_HEIGHTS, PIECE_WIDTHS
from tetrarium.engine.rules import CompiledRules, Rules
from tetrarium.engine.simd import column_vectors as vec
from tetrarium.engine.simd.board_vectors import N_LANES, broadcast
from tetrarium.engine.simd.column_features import rows_outside_windows

RowWeights = npt.NDArray[np.float64]  # (row length,) one for each number of a row

_LARGEST_WEIGHT: Final = 1e300  # sums of larger ones may not be finite
_LOSES: Final = float("-inf")


def supports_linear_values(rules: Rules, weights: RowWeights) -> bool:
    """Returns whether ``best_drop`` plays by these rules and weights: straight drops without hold, finite sums."""
    return type(rules.compiled) is CompiledRules and bool(np.abs(weights).max() < _LARGEST_WEIGHT)


def nonzero_features(layout: Layout, weights: RowWeights, rules: Rules) -> Layout:
    """Removes features from a layout whose weights are all 0; the others keep their positions."""
    nonzero = layout.copy()
    for feature, name in enumerate(FEATURES):
        first = layout[feature]
        if first >= 0 and not weights[first : first + feature_width(name, rules.width, rules.preview)].any():
            nonzero[feature] = -1
    return nonzero


@kernel
def _value_cleared(cells, full, piece, rotation, left, bottom, rules, layout, weights):
    """The value of a placement that fills these rows; the piece is not on the board yet."""
    placed = drops.piece_lanes(piece, rotation, left, bottom, cells)
    n_eroded = vec.sum_lanes(vec.count_bits(placed & broadcast(full, cells)))
    outside = ~vec.greater_than(broadcast(rules.width, cells), vec.lane_indices(cells))
    after = drops.remove_rows(cells | placed, full) | outside
    landing_height = bottom + 0.5 * (PIECE_HEIGHTS[piece, rotation] - 1)
    sink = NumberSum(0.0, weights)
    return feature_kernels.add_board_features(
        sink, after, landing_height, popcount(full), n_eroded, rules, layout
    ).value


@kernel
def best_drop(columns, piece, rules, layout, weights):
    """The action of the largest weighted sum, and this sum; the first one, orientation-major, among equals.

    A placement that ends the game counts as minus infinity; where all do, the action is 0.

    Args:
        columns: ``(width,) int64`` board, without a full row and without a cell above the visible ones.
        piece: Which one is dropped.
        rules: ``CompiledRules`` that ``supports_linear_values`` allows.
        layout: Positions of those features that have a weight other than 0.
        weights: ``(row length,) float64``.
    """
    board = drops.describe_board(drops.load_board(columns, rules), rules)
    indices = vec.lane_indices(board.cells)
    outside = feature_kernels.describe_outside(board, rules, layout)
    open_outside = rows_outside_windows(~board.cells)
    loses = vec.broadcast_value(_LOSES, indices)
    best = loses
    choice = indices ^ indices
    for rotation in range(N_ORIENTATIONS[piece]):
        piece_height = PIECE_HEIGHTS[piece, rotation]
        drop = drops.drop_rotation(board, piece, rotation)
        sink = LaneSum(vec.broadcast_value(0.0, indices), weights)
        values = feature_kernels.add_drop_features(sink, board, outside, drop, piece_height, rules, layout).values
        fits = vec.greater_than(broadcast(rules.width - PIECE_WIDTHS[piece, rotation] + 1, indices), indices)
        fits = fits & vec.greater_than(broadcast(rules.height - piece_height + 1, indices), drop.bottoms)
        full = drop.cells[0] & drop.cells[1] & drop.cells[2] & drop.cells[3] & ~open_outside & fits
        cleared = vec.nonzero_lanes(full)
        while cleared != 0:
            left = bit_length(cleared & -cleared) - 1
            rows, bottom = vec.get_lane(full, left), vec.get_lane(drop.bottoms, left)
            value = _value_cleared(board.cells, rows, piece, rotation, left, bottom, rules, layout, weights)
            values = vec.replace_value(values, left, value)
            cleared &= cleared - 1
        values = vec.select_values(fits, values, loses)
        better = vec.values_greater_than(values, best, indices)
        best = vec.select_values(better, values, best)
        choice = vec.select(better, indices + broadcast(N_LANES * rotation, indices), choice)
    value, found = vec.max_value(best, choice)
    return MAX_ORIENTATIONS * (found % N_LANES) + found // N_LANES, value
