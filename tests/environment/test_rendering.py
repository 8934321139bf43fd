"""Pictures and text of known boards, cell by cell, and a piece grid that follows whole games."""

import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tetrarium.engine.afterstates.feature_rows import nearest_action
from tetrarium.engine.board_tracker import EMPTY, FILLED
from tetrarium.engine.boards import Columns, board_cells, parse_board
from tetrarium.engine.placement.games import Games
from tetrarium.engine.rules import Rules
from tetrarium.environment.board_snapshot import BoardSnapshot, PieceGrid, make_snapshot
from tetrarium.environment.pictures.colors import PIECE_COLORS, THEMES
from tetrarium.environment.pictures.rendering import render_rgb
from tetrarium.environment.pictures.text_board import render_ansi
from tetrarium.errors import ConfigError, GameError

I, O, T, L, J, S, Z = range(7)
BOARD = """
    #...
    ##.#
"""
CELL = 24
LEFT = CELL  # left edge of column 0 in a picture
CYAN, YELLOW, PURPLE, RED = (PIECE_COLORS[piece] for piece in (I, O, T, Z))
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def game(board: str = BOARD, height: int = 4, **others: Any) -> BoardSnapshot:
    given = {"columns": parse_board(board), "height": height, "queue": (O, T, I), "lines": 1234, "pieces": 56}
    return make_snapshot(**(given | others))


def laid_out(columns: Columns, piece: int, **others: Any) -> BoardSnapshot:
    return make_snapshot(columns=columns, height=4, queue=(piece,), lines=0, pieces=0, **others)


def cell_center(picture: npt.NDArray[np.uint8], column: int, row: int) -> tuple[int, ...]:
    """Color of the middle of a cell in a picture of default size."""
    y = cell_top(picture, row) + CELL // 2
    return tuple(picture[y, LEFT + column * CELL + CELL // 2].tolist())


def cell_top(picture: npt.NDArray[np.uint8], row: int) -> int:
    return picture.shape[0] - CELL - (row + 1) * CELL  # a margin of one cell under the floor


# Piece grids


def test_a_piece_grid_follows_the_engine_through_whole_games() -> None:
    rules = Rules(width=5, height=8, hidden_rows=4, randomizer="uniform", preview=0)
    rng = np.random.default_rng(5)
    n_lines = 0
    for number in range(100):
        games = Games(rules, seed=1, numbers=[number])
        colors = PieceGrid(width=5, height=8)
        while not games.terminated[0]:
            piece = int(games.queue[0, 0])
            action = int(rng.integers(4 * 5))
            lines_before = int(games.lines[0])
            played = int(nearest_action(piece, action, 5))
            games.place(0, played)
            lines_placement = colors.place(piece, played % 4, played // 4)
            assert lines_placement == int(games.lines[0]) - lines_before
            assert np.array_equal(colors.cells != EMPTY, board_cells(games.columns[0], 12))
        n_lines += int(games.lines[0])
    assert n_lines > 10


def test_each_cell_keeps_its_piece() -> None:
    board = PieceGrid(width=4, height=4)
    assert board.place(O, 0, 0) == 0
    assert board.place(J, 0, 1) == 0
    assert board.cells[:4].tolist() == [[O, O, -1, -1], [O, O, -1, -1], [-1, J, J, J], [-1, J, -1, -1]]


def test_pieces_fall_with_their_cells_when_rows_vanish() -> None:
    board = PieceGrid(width=5, height=6)
    assert [board.place(*placement) for placement in ((O, 0, 0), (O, 0, 2), (T, 0, 0), (Z, 0, 1))] == [0, 0, 0, 0]
    assert board.place(I, 1, 4) == 2
    assert board.cells[:4].tolist() == [[T, T, T, -1, I], [-1, T, Z, Z, I], [-1, Z, Z, -1, -1], [-1] * 5]


def test_a_piece_grid_accepts_a_board_of_unknown_pieces() -> None:
    board = PieceGrid(width=4, height=4, columns=parse_board(BOARD))
    assert board.place(I, 1, 2) == 1
    assert board.cells[:4].tolist() == [
        [FILLED, EMPTY, I, EMPTY],
        [EMPTY, EMPTY, I, EMPTY],
        [EMPTY, EMPTY, I, EMPTY],
        [EMPTY, EMPTY, EMPTY, EMPTY],
    ]


def test_a_piece_that_ends_the_game_clears_nothing() -> None:
    board = PieceGrid(width=4, height=4, columns=parse_board("###.\n#..#\n#...\n#..."))
    assert board.place(I, 1, 3) == 0  # only its lowest cell lies on the board
    assert board.cells[3].tolist() == [FILLED, FILLED, FILLED, I]


def test_a_piece_grid_rejects_illegal_placements() -> None:
    board = PieceGrid(width=4, height=4)
    with pytest.raises(GameError, match=r"^The piece fits in columns 0 to 2; got 3\. Choose one of these\.$"):
        board.place(O, 0, 3)
    for _ in range(2):
        board.place(I, 1, 0)
    with pytest.raises(GameError, match=r"^A game that has ended takes no piece\. Make a new board\.$"):
        board.place(I, 1, 1)


# Snapshots


def test_known_cells_never_contradict_the_board() -> None:
    colors = np.full((1, 4), Z, dtype=np.int8)
    snapshot = laid_out(parse_board(BOARD), O, cells=colors)
    assert snapshot.cells[:3].tolist() == [[Z, Z, EMPTY, Z], [FILLED, EMPTY, EMPTY, EMPTY], [EMPTY] * 4]


def test_ghost_rests_where_the_engine_would_put_the_piece() -> None:
    columns = parse_board(BOARD)
    assert laid_out(columns, O, action=4 * 2).ghost == ((2, 1), (2, 2), (3, 1), (3, 2))
    assert laid_out(columns, I, action=4 * 2 + 1).ghost == ((2, 0), (2, 1), (2, 2), (2, 3))
    assert laid_out(columns, I, action=4 * 2 + 1).current == ((2, 4), (2, 5), (2, 6), (2, 7))


def test_a_lost_game_shows_its_last_piece_and_no_current_one() -> None:
    snapshot = laid_out(parse_board("#...\n" * 5), O, action=0)
    assert snapshot.current == ()
    assert snapshot.ghost == ()
    assert snapshot.cells[4].tolist() == [FILLED, EMPTY, EMPTY, EMPTY]


def test_a_snapshot_rejects_a_grid_or_an_action_that_does_not_fit() -> None:
    with pytest.raises(
        GameError, match=r"^A grid of cells is 4 columns wide; got shape \(4, 5\)\. Pass this board's grid\.$"
    ):
        laid_out(parse_board(BOARD), O, cells=np.zeros((4, 5), dtype=np.int8))
    with pytest.raises(GameError, match=r"^The ghost of an action lies on the board; got action 12\. "):
        laid_out(parse_board(BOARD), O, action=12)


# Pictures


@pytest.mark.parametrize("theme", sorted(THEMES))
def test_picture_shows_every_cell(theme: str) -> None:
    colors = np.full((4, 4), EMPTY, dtype=np.int8)
    colors[0, 0], colors[1, 0] = Z, I
    picture = render_rgb(game(cells=colors), theme=theme)
    assert cell_center(picture, 0, 0) == RED
    assert cell_center(picture, 0, 1) == CYAN
    assert cell_center(picture, 1, 0) == THEMES[theme].filled
    assert cell_center(picture, 2, 0) == THEMES[theme].board
    assert cell_center(picture, 1, 4) == YELLOW  # the O hovers in the middle of the four columns
    assert cell_center(picture, 0, 4) == THEMES[theme].background


def test_a_cell_has_a_lighter_top_edge_and_a_gap() -> None:
    colors = np.full((1, 4), Z, dtype=np.int8)
    picture = render_rgb(game(cells=colors))
    top = cell_top(picture, 0)
    assert picture[top, LEFT + 5].tolist() == [round(part + (255 - part) * 0.3) for part in RED]
    assert picture[top + 4, LEFT + 5].tolist() == list(RED)
    assert picture[top + 4, LEFT + CELL - 1].tolist() == list(THEMES["dark"].grid)


def test_ghost_is_one_outline_in_the_color_of_its_piece() -> None:
    picture = render_rgb(game(action=4 * 2))
    left, top = LEFT + 2 * CELL, cell_top(picture, 2)  # an O in columns 2 and 3, rows 1 and 2
    assert cell_center(picture, 2, 1) == THEMES["dark"].board
    assert picture[top, left].tolist() == list(YELLOW)
    assert picture[top + 2 * CELL - 2, left + 2 * CELL - 2].tolist() == list(YELLOW)
    inside = picture[top + 2 : top + 2 * CELL - 3, left + 2 : left + 2 * CELL - 3]
    assert not (inside == YELLOW).all(axis=2).any()
    assert cell_center(picture, 2, 4) == YELLOW  # and the piece hovers above it


def test_size_follows_the_cells_and_is_even() -> None:
    tall = game("." * 10, height=20)
    assert render_rgb(tall).shape == (24 * 24 + 36, 10 * 24 + 24 * 8, 3)
    assert render_rgb(tall, cell_px=48).shape == (48 * 24 + 72, 10 * 48 + 48 * 8, 3)
    for cell_px in (4, 7, 13, 25):
        height, width, _ = render_rgb(tall, cell_px=cell_px).shape
        assert (height % 2, width % 2) == (0, 0)


def test_a_low_board_leaves_room_for_all_pieces_that_follow() -> None:
    low, longer = (render_rgb(game(queue=(O, *[I] * n))) for n in (1, 6))
    assert longer.shape[0] > low.shape[0]


def test_pictures_of_a_game_are_of_one_size_whatever_follows() -> None:
    for cell_px in (4, 24):
        flat, tall = (render_rgb(game(queue=(O, *[piece] * 5)), cell_px=cell_px) for piece in (I, T))
        assert flat.shape == tall.shape


def test_full_rows_flash_without_a_current_piece() -> None:
    picture = render_rgb(game("####\n#...", full_rows=(1,)))
    assert cell_center(picture, 1, 1) == THEMES["dark"].text
    assert cell_center(picture, 0, 0) == THEMES["dark"].filled
    assert cell_center(picture, 1, 4) == THEMES["dark"].background


def test_hold_and_score_have_a_place_only_where_they_count() -> None:
    plain, held, scored = (render_rgb(game("." * 10, height=20, **more)) for more in ({}, {"held": Z}, {"score": 7}))
    assert (plain == RED).all(axis=2).sum() == 0
    assert (held == RED).all(axis=2).sum() > 4 * 12 * 12
    assert (plain != scored).any()
    assert plain.shape == held.shape == scored.shape


def test_numbers_are_drawn() -> None:
    picture, other = (render_rgb(game(lines=lines)) for lines in (1234, 1235))
    changed = np.argwhere((picture != other).any(axis=2))
    assert len(changed) > 0
    assert changed[:, 1].min() > LEFT + 4 * CELL  # in the panel alone


def test_large_numbers_stay_in_the_picture() -> None:
    picture = render_rgb(game(lines=10**12))
    assert (picture[:, -CELL:] == THEMES["dark"].background).all()


def test_a_picture_rejects_unknown_themes_and_sizes() -> None:
    with pytest.raises(ConfigError, match=r"^theme is one of dark, light; got 'drak'\. Did you mean 'dark'\?$"):
        render_rgb(game(), theme="drak")
    with pytest.raises(ConfigError, match=r"^cell_px is from 4 to 128; got 3\. Choose one in that range\.$"):
        render_rgb(game(), cell_px=3)


# Text


def test_plain_text_beside() -> None:
    text = render_ansi(game(height=9, queue=(O, T), action=4 * 2), color=False)
    assert text.splitlines() == [
        "| . . . .|  now",
        "| . . . .|  O",
        "| . . . .|",
        "| . . . .|  next",
        "| . . . .|  T",
        "| . . . .|",
        "| . .::::|",
        "|[] .::::|",
        "|[][] .[]|  lines  1,234",
        "+--------+  pieces    56",
    ]


def test_a_low_board_stands_beside_the_end_of_the_panel() -> None:
    text = render_ansi(game("....", queue=(O, T)), color=False)
    assert text.splitlines() == [
        "            now",
        "            O",
        "",
        "| . . . .|  next",
        "| . . . .|  T",
        "| . . . .|",
        "| . . . .|  lines  1,234",
        "+--------+  pieces    56",
    ]


def test_plain_text_below() -> None:
    assert render_ansi(game(action=4 * 2, held=Z, score=5), color=False, narrow=True).splitlines() == [
        "|....|",
        "|..::|",
        "|#.::|",
        "|##.#|",
        "+----+",
        "now O  next T I  hold Z",
        "score 5  lines 1,234  pieces 56",
    ]


def test_plain_text_of_a_lost_game_shows_the_rows_above() -> None:
    text = render_ansi(game("#...\n" * 5), color=False, narrow=True)
    assert text.splitlines()[:2] == ["|#...|", "|#...|"]
    assert text.count("|#...|") == 5


def test_colored_text_is_the_board_in_half_blocks() -> None:
    text = render_ansi(game(action=4 * 2), narrow=True)
    assert ESCAPE.sub("", text).splitlines() == [
        "",
        "   ▀▀",
        "│  ▄▄│",
        "│▀▄▀▀│",
        "└────┘",
        "next ▄▀▄ ▄▄▄▄",
        "lines 1,234  pieces 56",
    ]


def test_colored_text_has_the_colors_of_the_pieces() -> None:
    colors = np.full((2, 4), EMPTY, dtype=np.int8)
    colors[0, 0], colors[1, 0] = Z, I
    line = render_ansi(game(cells=colors), narrow=True).splitlines()[3]
    assert line.startswith(f"│{_escape(38, CYAN)}{_escape(48, RED)}▀\x1b[0m{_escape(38, (134, 141, 158))}▄\x1b[0m ")
    next_pieces = render_ansi(game(), narrow=True).splitlines()[5]
    assert next_pieces.startswith(
        f"next {_escape(38, PURPLE)}▄\x1b[0m{_escape(38, PURPLE)}{_escape(48, PURPLE)}▀\x1b[0m"
    )


def test_colored_ghost_is_a_darker_shade() -> None:
    line = render_ansi(game(action=4 * 2), narrow=True).splitlines()[2]
    assert line == f"│  {_escape(38, (106, 86, 20))}▄▄\x1b[0m│"


def _escape(target: int, color: tuple[int, int, int]) -> str:
    return f"\x1b[{target};2;{';'.join(map(str, color))}m"


def test_plain_text_is_ascii_and_colored_text_keeps_its_height() -> None:
    for board in (BOARD, "#...\n" * 5, "...."):
        assert render_ansi(game(board, height=9), color=False).isascii()
        assert len(render_ansi(game(board, height=9)).splitlines()) == 8
