"""Tests of the guideline's points, from the tables of https://tetris.wiki/Scoring and https://tetris.wiki/Combo."""

import pytest

from tetrarium.engine.scoring import level_at, lock_points
from tetrarium.engine.srs import FULL_SPIN, MINI_SPIN, NO_SPIN


def points(
    n_lines: int, spin: int = NO_SPIN, *, level: int = 1, back_to_back: int = 0, combo: int = 0, is_empty: bool = False
) -> tuple[int, int, int]:
    return tuple(map(int, lock_points(n_lines, spin, level, back_to_back, combo, is_empty)))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("n_lines", "spin", "expected"),
    [
        (0, NO_SPIN, 0),
        (1, NO_SPIN, 100),
        (2, NO_SPIN, 300),
        (3, NO_SPIN, 500),
        (4, NO_SPIN, 800),
        (0, MINI_SPIN, 100),
        (1, MINI_SPIN, 200),
        (2, MINI_SPIN, 400),
        (0, FULL_SPIN, 400),
        (1, FULL_SPIN, 800),
        (2, FULL_SPIN, 1200),
        (3, FULL_SPIN, 1600),
    ],
)
@pytest.mark.parametrize("level", [1, 2, 17])
def test_points_are_multiplied_by_the_level(n_lines: int, spin: int, expected: int, level: int) -> None:
    assert points(n_lines, spin, level=level)[0] == expected * level


@pytest.mark.parametrize(
    ("n_lines", "spin", "expected"),
    [
        (4, NO_SPIN, 1200),
        (1, MINI_SPIN, 300),
        (2, MINI_SPIN, 600),
        (1, FULL_SPIN, 1200),
        (2, FULL_SPIN, 1800),
        (3, FULL_SPIN, 2400),
    ],
)
def test_back_to_back_scores_one_and_a_half_times(n_lines: int, spin: int, expected: int) -> None:
    assert points(n_lines, spin, back_to_back=1) == (expected, 1, 1)
    assert points(n_lines, spin, back_to_back=1, level=3)[0] == 3 * expected


@pytest.mark.parametrize(("n_lines", "expected"), [(1, 100), (2, 300), (3, 500)])
def test_plain_clear_breaks_back_to_back(n_lines: int, expected: int) -> None:
    assert points(n_lines, back_to_back=1) == (expected, 0, 1)


@pytest.mark.parametrize(("spin", "expected"), [(NO_SPIN, 0), (MINI_SPIN, 100), (FULL_SPIN, 400)])
@pytest.mark.parametrize("back_to_back", [0, 1])
def test_lock_without_lines_keeps_back_to_back_and_ends_the_combo(spin: int, expected: int, back_to_back: int) -> None:
    assert points(0, spin, back_to_back=back_to_back, combo=5) == (expected, back_to_back, 0)


def test_combo_counts_from_the_second_clear() -> None:
    combo, gained = 0, []
    for _ in range(4):
        scored, _, combo = points(1, combo=combo, level=2)
        gained.append(scored)

    assert gained == [200, 300, 400, 500]
    assert combo == 4


def test_a_combo_is_not_multiplied_by_back_to_back() -> None:
    assert points(4, back_to_back=1, combo=3)[0] == 1200 + 150


@pytest.mark.parametrize(("n_lines", "expected"), [(1, 900), (2, 1500), (3, 2300), (4, 2800)])
def test_perfect_clear_adds_to_the_clear(n_lines: int, expected: int) -> None:
    assert points(n_lines, is_empty=True)[0] == expected
    assert points(n_lines, is_empty=True, level=4)[0] == 4 * expected


def test_back_to_back_tetris_perfect_clear_has_its_own_points() -> None:
    assert points(4, back_to_back=1, is_empty=True)[0] == 1200 + 3200
    assert points(2, FULL_SPIN, back_to_back=1, is_empty=True)[0] == 1800 + 1200


def test_levels_rise_every_ten_rows() -> None:
    assert [int(level_at(lines)) for lines in (0, 9, 10, 19, 20, 195)] == [1, 1, 2, 2, 3, 20]
