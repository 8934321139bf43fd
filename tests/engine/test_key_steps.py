"""Hand-made cases of the game by keys, from the guideline's published tables.

They follow https://tetris.wiki/T-Spin (corners, the fifth kick), https://tetris.wiki/Scoring (points),
https://tetris.wiki/Top_out (ends of a game), https://tetris.wiki/Marathon (speeds) and https://tetris.wiki/Lock_delay.
"""

from dataclasses import replace

import numpy as np
import pytest

from tests.engine.key_game import CLOCKWISE, COUNTER, HARD, HOLD, LEFT, NOTHING, RIGHT, SOFT, game, press
from tetrarium.engine import parse_board
from tetrarium.engine.srs import FULL_SPIN, MINI_SPIN, NO_SPIN
from tetrarium.errors import GameError

# A T-spin double at the left: the T falls beside the overhang and rotates under it.
DOUBLE = """
    ##........
    #...######
    ##.#######
"""


def test_a_t_spin_double_scores_1200_and_starts_back_to_back() -> None:
    games = game("T", DOUBLE)
    before = press(games, CLOCKWISE, *[LEFT] * 2, *[SOFT] * 18)
    move = games.move(0, CLOCKWISE)
    assert move.placement is None
    move = games.move(0, HARD)

    assert move.placement is not None
    assert (move.placement.spin, move.lines_placement, move.points) == (FULL_SPIN, 2, 1200)
    assert move.state_tp1.score == before.score + 1200
    assert (move.state_tp1.back_to_back, move.state_tp1.combo) == (True, 1)
    assert move.state_tp1.columns == (1, 1, *[0] * 8)


@pytest.mark.parametrize(("level", "lines"), [(1, 0), (2, 10), (7, 69)])
def test_clears_score_times_the_level_before_and_drops_do_not(level: int, lines: int) -> None:
    games = game("I", "#########.\n" * 4)
    games.restore(0, replace(games.state(0), lines=lines))
    before = press(games, CLOCKWISE, *[RIGHT] * 4)
    after = press(games, HARD)

    assert after.lines == lines + 4
    fallen = before.anchor_y - 1  # the anchor of the upright I is in its second row
    assert after.score == level * (800 + 2000) + 2 * fallen


def test_back_to_back_tetrises_and_what_breaks_them() -> None:
    games = game("I")
    points = []
    for n_rows in (4, 4, 1, 4, 4):
        games.set_board(0, parse_board("#.........\n" + "#########.\n" * n_rows))
        games.restore(0, replace(games.state(0), lines=0, combo=0))  # on level 1, without combos
        press(games, CLOCKWISE, *[RIGHT] * 4)
        points.append(games.move(0, HARD).points)

    assert points == [800, 1200, 100, 800, 1200]


def test_combos_count_from_the_second_clear_and_end_without_a_clear() -> None:
    games = game("O", "..########\n" * 8 + ".#########")
    points = []
    for _ in range(4):
        press(games, *[LEFT] * 4)
        points.append(games.move(0, HARD).points)
    assert points == [300, 350, 400, 450]
    press(games, *[RIGHT] * 4)
    assert games.move(0, HARD).state_tp1.combo == 0


@pytest.mark.parametrize(
    ("board", "script", "keys", "points"),
    [
        ("....######", "I", [LEFT] * 3, 100 + 800),
        ("..########\n..########", "O", [LEFT] * 4, 300 + 1200),
        ("#########.\n" * 4, "I", [CLOCKWISE, *[RIGHT] * 4], 800 + 2000),
    ],
)
def test_perfect_clears(board: str, script: str, keys: list[int], points: int) -> None:
    games = game(script, board)
    press(games, *keys)
    assert games.move(0, HARD).points == points


def test_soft_drops_score_one_point_per_row_and_hard_drops_two() -> None:
    games = game("O")
    assert press(games, SOFT, SOFT, SOFT).score == 3
    assert press(games, HARD).score == 3 + 2 * 16


def test_mini_t_spin_has_one_front_corner_occupied() -> None:
    games = game("T", "#.........\n...#######\n#.########")
    press(games, CLOCKWISE, *[LEFT] * 3, *[SOFT] * 30, COUNTER)
    move = games.move(0, HARD)

    assert move.placement is not None
    assert (move.placement.spin, move.lines_placement, move.points) == (MINI_SPIN, 1, 200)
    assert move.state_tp1.back_to_back


@pytest.mark.parametrize(
    ("floor", "lines", "points"),
    [(".#########", 3, 1600), ("..########", 2, 1200)],  # below, one corner in front of the T is free
)
def test_the_fifth_kick_makes_a_t_spin_full(floor: str, lines: int, points: int) -> None:
    games = game("T", f"#.........\n..........\n.#########\n..########\n{floor}")
    state = press(games, *[LEFT] * 2, *[SOFT] * 30, LEFT, CLOCKWISE)
    assert state.outcome == 5
    move = games.move(0, HARD)

    assert move.placement is not None
    assert (move.placement.spin, move.lines_placement, move.points) == (FULL_SPIN, lines, points)


def test_t_whose_last_key_was_a_move_is_no_t_spin() -> None:
    games = game("T", DOUBLE)
    press(games, CLOCKWISE, *[LEFT] * 2, *[SOFT] * 30, CLOCKWISE, SOFT)
    assert games.move(0, HARD).points == 1200  # a blocked key does not change the spin

    games = game("T", "...#######")
    press(games, CLOCKWISE, CLOCKWISE, *[LEFT] * 5, *[SOFT] * 30)
    move = games.move(0, HARD)
    assert move.placement is not None
    assert move.placement.spin == NO_SPIN


def test_hold_swaps_once_per_piece_and_takes_the_next_piece_when_empty() -> None:
    games = game("IOTL", preview=2)
    masks = np.zeros((1, 8), dtype=np.bool_)
    games.write_masks(games.rows, masks)
    assert masks[0].all()

    state = press(games, LEFT, HOLD)
    assert (state.held, state.queue, state.hold_used) == (0, (1, 2, 3), True)
    assert (state.rotation, state.anchor_x) == (0, 4)
    games.write_masks(games.rows, masks)
    assert masks[0].tolist() == [True] * 7 + [False]
    assert games.move(0, HOLD).action == NOTHING  # not allowed twice: counts as no key

    state = press(games, HARD)
    assert (state.queue, state.hold_used) == ((2, 3, 0), False)
    state = press(games, HOLD)
    assert (state.held, state.queue) == (2, (0, 3, 0))


def test_hold_key_is_illegal_without_hold() -> None:
    games = game("IO", hold=False)
    masks = np.zeros((1, 8), dtype=np.bool_)
    games.write_masks(games.rows, masks)
    assert not masks[0, HOLD]
    assert games.nearest(0, HOLD) == NOTHING
    before = games.rows.copy()
    press(games, HOLD)
    assert np.array_equal(games.rows, before)


def test_occupied_spawn_cell_is_a_block_out() -> None:
    games = game("O", "....##....\n" * 19)
    games.place(0, HARD)  # locks in rows 19 and 20: partly visible, no lock out; the next piece is blocked
    state = games.state(0)
    assert (state.terminated, state.pieces, state.falling, state.ghost) == (True, 1, (), ())
    with pytest.raises(GameError, match=r"^The game has ended\. Reset it before the next action\.$"):
        games.place(0, NOTHING)


def test_lock_out_ends_the_game_and_clears_nothing() -> None:
    games = game("O", "....##....\n" * 20)
    assert not games.state(0).terminated
    move = games.move(0, HARD)
    assert move.state_tp1.terminated
    assert move.placement is not None
    assert (move.placement.row, move.lines_placement, move.points) == (20, 0, 0)


def test_lock_partly_above_the_visible_rows_is_no_lock_out() -> None:
    games = game("I", "#.........\n" * 17)
    state = press(games, CLOCKWISE, *[LEFT] * 5, HARD)
    assert max(state.columns).bit_length() == 21
    assert not state.terminated


def test_overflow_rule_ends_the_game_on_any_cell_above() -> None:
    games = game("I", "....#.....\n" * 17, game_over="overflow", hidden_rows=4)
    assert press(games, CLOCKWISE, LEFT, HARD).terminated


def test_a_piece_spawns_in_rows_20_and_21_and_moves_down_at_once() -> None:
    assert sorted(game("T").state(0).falling) == [(3, 19), (4, 19), (4, 20), (5, 19)]
    assert sorted(game("I").state(0).falling) == [(3, 19), (4, 19), (5, 19), (6, 19)]
    assert sorted(game("O", "....##....\n" * 20).state(0).falling) == [(4, 20), (4, 21), (5, 20), (5, 21)]


# --- falling and locking ---


def test_a_piece_falls_a_row_a_second_on_level_1() -> None:
    games = game("O", gravity="level", key_rate=10)
    rows = [press(games, NOTHING).anchor_y for _ in range(30)]
    assert [rows.index(row) + 1 for row in (18, 17, 16)] == [10, 20, 30]


def test_higher_levels_are_faster_and_first_level_applies() -> None:
    for level, n_steps, n_rows in ((1, 10, 1), (2, 10, 1), (5, 10, 2), (10, 10, 15), (20, 1, 19)):
        games = game("O", gravity="level", key_rate=10, first_level=level)
        assert 19 - press(games, *[NOTHING] * n_steps).anchor_y == n_rows


def test_a_resting_piece_locks_after_half_a_second() -> None:
    games = game("O", gravity="level", key_rate=10)
    press(games, *[SOFT] * 19)
    assert games.state(0).pieces == 0
    assert [press(games, NOTHING).pieces for _ in range(5)] == [0, 0, 0, 0, 1]


def test_moves_reset_the_lock_delay_fifteen_times() -> None:
    games = game("O", gravity="level", key_rate=10)
    press(games, *[SOFT] * 19)
    n_moves = 0
    while games.state(0).pieces == 0:
        press(games, NOTHING, NOTHING)
        if games.state(0).pieces == 0:
            press(games, LEFT if n_moves % 2 else RIGHT)
            n_moves += 1
    assert n_moves == 15


def test_new_lowest_row_resets_the_lock_delay_and_its_moves() -> None:
    games = game("O", "....####..", gravity="level", key_rate=10)
    press(games, *[SOFT] * 18)
    assert press(games, *[RIGHT, LEFT] * 4).moves == 8
    assert press(games, *[RIGHT] * 4).moves == 12
    assert press(games, SOFT).moves == 0


def test_blocked_moves_do_not_reset_the_lock_delay() -> None:
    games = game("O", gravity="level", key_rate=10)
    press(games, *[LEFT] * 6, *[SOFT] * 19)
    assert [press(games, LEFT).pieces for _ in range(5)][-1] == 1


def test_without_gravity_only_a_hard_drop_locks() -> None:
    games = game("O")
    state = press(games, *[SOFT] * 30, *[NOTHING, LEFT, RIGHT] * 100)
    assert (state.pieces, state.anchor_y) == (0, 0)
    assert press(games, HARD).pieces == 1


def test_fall_after_a_rotation_is_no_t_spin() -> None:
    games = game("T", gravity="level", key_rate=10)
    press(games, CLOCKWISE)
    assert games.state(0).outcome == 1
    assert press(games, *[NOTHING] * 10).outcome == 0
