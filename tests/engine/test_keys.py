"""Tests of single keys against the naive twin."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.naive import board_of
from tests.engine.naive_srs import MOVES, Space, State
from tests.engine.test_srs import box_anchor
from tests.strategies import board_columns, pieces
from tetrarium.engine.movegen.keys import (
    BLOCKED,
    HARD_DROP,
    HOLD,
    KEYS,
    NOTHING,
    ROTATE_CLOCKWISE,
    ROTATE_COUNTER_CLOCKWISE,
    fall_distance,
    fits,
    press_key,
    spawn_position,
)
from tetrarium.engine.srs import anchor_in_orientation

KEY_OF_TWIN = {"soft drop": "down"}


@given(st.data())
def test_keys_match_the_naive_piece(data: st.DataObject) -> None:
    width, height, piece = data.draw(st.integers(4, 16)), data.draw(st.integers(4, 16)), data.draw(pieces)
    columns = data.draw(board_columns(width, height))
    n_rows = height + 4
    space, board = Space(board_of(columns), piece, width, n_rows), np.array(columns, dtype=np.int64)

    def anchored(state: State) -> tuple[int, int, int]:
        x, y = box_anchor(piece, state[2])
        return state[2], state[0] + x, state[1] + y

    state: State = (data.draw(st.integers(-2, width)), data.draw(st.integers(-2, n_rows)), data.draw(st.integers(0, 3)))
    assert fits(board, n_rows, piece, *anchored(state)) == space.fits(state)
    for key in data.draw(st.lists(st.sampled_from(range(1, 6)), max_size=20)) if space.fits(state) else []:
        expected = space.press(state, KEY_OF_TWIN.get(KEYS[key], KEYS[key]))
        found = press_key(board, n_rows, piece, *anchored(state), key)
        assert found == ((*anchored(expected[0]), expected[1]) if expected else (*anchored(state), BLOCKED))
        state = expected[0] if expected else state
        x, y, rotation = state
        falls = fall_distance(board, piece, *anchored(state))
        assert not space.fits((x, y - falls - 1, rotation)) and all(
            space.fits((x, y - n, rotation)) for n in range(falls + 1)
        )


def test_other_keys_do_not_shift_a_piece() -> None:
    board = np.zeros(10, dtype=np.int64)
    for key in (NOTHING, HARD_DROP, HOLD):
        assert press_key(board, 40, 2, 0, 4, 20, key) == (0, 4, 20, BLOCKED)
    for key in (ROTATE_CLOCKWISE, ROTATE_COUNTER_CLOCKWISE):
        assert press_key(board, 40, 1, 0, 4, 20, key) == (0, 4, 20, BLOCKED)


def test_spawning_piece_moves_down_where_free() -> None:
    for piece in range(7):
        x = 3 + anchor_in_orientation(piece, 0)[0] + (piece == 1)
        board = np.zeros(10, dtype=np.int64)
        assert spawn_position(board, 40, piece, 20) == (True, x, 19)
        board[4:6] = (1 << 20) - 1
        assert spawn_position(board, 40, piece, 20) == (True, x, 20)
        board[4:6] = (1 << 21) - 1
        assert spawn_position(board, 40, piece, 20) == (False, x, 20)


def test_names_of_the_keys() -> None:
    assert set(MOVES) == {KEY_OF_TWIN.get(key, key) for key in ("left", "right", "soft drop")}
    assert [KEYS[key] for key in (NOTHING, HARD_DROP, HOLD)] == ["nothing", "hard drop", "hold"]
