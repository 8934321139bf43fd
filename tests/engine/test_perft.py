"""Tests of perft against published counts, and of its errors.

The counts are those that other move generators publish, for a board 10 wide and 48 high.
"""

import numba
import pytest

from tests.engine.naive import LETTERS, Board, without_rows
from tests.engine.naive_srs import Space
from tetrarium.engine import perft
from tetrarium.errors import ConfigError

compiled_only = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="counts more than plain Python can in time")


def naive_perft(queue: str, board: Board, width: int, height: int, spawn_row: int) -> int:
    space = Space(board, LETTERS.index(queue[0]), width, height)
    ways = space.lock_cells(space.spawn(spawn_row))
    if len(queue) == 1:
        return len(ways)
    boards = [board | cells for cells in ways]
    full = [[row for row in range(height) if all((x, row) in lying for x in range(width))] for lying in boards]
    cleared = [without_rows(lying, rows) for lying, rows in zip(boards, full, strict=True)]
    return sum(naive_perft(queue[1:], lying, width, height, spawn_row) for lying in cleared)


@pytest.mark.parametrize(("letter", "n_ways"), [*zip("IOSZLJT", (17, 9, 17, 17, 34, 34, 34), strict=True)])
def test_one_piece(letter: str, n_ways: int) -> None:
    assert perft(letter, 1) == n_ways


@pytest.mark.parametrize(
    ("queue", "counts"), [("IOLJSZT", (17, 153, 5_266)), ("IIIIII", (17, 289, 5_069))], ids=["seven", "I"]
)
def test_three_pieces(queue: str, counts: tuple[int, ...]) -> None:
    assert tuple(perft(queue, depth) for depth in (1, 2, 3)) == counts


@compiled_only
@pytest.mark.parametrize(
    ("queue", "depth", "n_ways"),
    [("IOLJSZT", 4, 188_374), ("IOLJSZT", 5, 3_497_187), ("IIIIII", 4, 92_025), ("IIIIII", 5, 1_725_571)],
)
def test_five_pieces(queue: str, depth: int, n_ways: int) -> None:
    assert perft(queue, depth) == n_ways


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("queue", "spawn_row", "n_ways"),
    [
        ("IIIIII", 20, 33_325_433),
        ("IIIIII", 19, 33_325_345),
        ("IOLJSZT", 20, 2_647_076_135),
        ("LJSZTIO", 20, 2_852_978_763),
    ],
)
def test_all_pieces(queue: str, spawn_row: int, n_ways: int) -> None:
    assert perft(queue, len(queue), spawn_row=spawn_row) == n_ways


@pytest.mark.parametrize(
    ("queue", "width", "height", "spawn_row"),
    [("TIL", 4, 8, 4), ("JSI", 5, 9, 5), ("IIZ", 4, 12, 8), ("SOT", 6, 60, 56), ("IIT", 4, 24, 16)],
)
def test_small_boards_match_the_naive_count(queue: str, width: int, height: int, spawn_row: int) -> None:
    expected = naive_perft(queue, frozenset(), width, height, spawn_row)
    assert perft(queue, len(queue), width=width, height=height, spawn_row=spawn_row) == expected


@compiled_only
@pytest.mark.parametrize(("queue", "spawn_row", "height"), [("IIIII", 14, 18), ("IIIII", 16, 20), ("IIIOT", 12, 16)])
def test_tall_stacks_match_the_naive_count(queue: str, spawn_row: int, height: int) -> None:
    """Stacks outgrow the low words, and then the height up to which all open positions are reachable."""
    expected = naive_perft(queue, frozenset(), 4, height, spawn_row)
    assert perft(queue, len(queue), width=4, height=height, spawn_row=spawn_row) == expected


def test_lines_clear() -> None:
    """Two I side by side fill a row of eight, which leaves the board empty."""
    assert perft("II", 2, width=8) > perft("I", 1, width=8)
    assert perft("IIO", 3, width=8) == naive_perft("IIO", frozenset(), 8, 48, 20)


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        (("IOX", 2), {}, "A queue is piece letters from 'IOTLJSZ'; got 'IOX'. Write it like 'IOLJSZT'."),
        (("", 1), {}, "A queue is piece letters from 'IOTLJSZ'; got ''. Write it like 'IOLJSZT'."),
        (("iol", 1), {}, "A queue is piece letters from 'IOTLJSZ'; got 'iol'. Write it like 'IOLJSZT'."),
        (("IOL", 0), {}, "depth is a whole number from 1 to 3; got 0. Choose one in that range."),
        (("IOL", -2), {}, "depth is a whole number from 1 to 3; got -2. Choose one in that range."),
        (("IOL", 4), {}, "depth is a whole number from 1 to 3; got 4. Choose one in that range."),
        (("IOL", 2.0), {}, "depth is a whole number from 1 to 3; got 2.0. Choose one in that range."),
        (("I", 1), {"height": 23}, "height is a whole number from 24 to 60; got 23. Choose one in that range."),
        (("I", 1), {"height": 61}, "height is a whole number from 24 to 60; got 61. Choose one in that range."),
        (("I", 1), {"width": 3}, "width is a whole number from 4 to 16; got 3. Choose one in that range."),
        (("I", 1), {"width": 17}, "width is a whole number from 4 to 16; got 17. Choose one in that range."),
        (("I", 1), {"spawn_row": 3}, "spawn_row is a whole number from 4 to 56; got 3. Choose one in that range."),
        (("I", 1), {"spawn_row": 57}, "spawn_row is a whole number from 4 to 56; got 57. Choose one in that range."),
    ],
)
def test_invalid_arguments_raise(arguments: tuple[str, int], settings: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        perft(*arguments, **settings)
    assert str(error.value) == message
