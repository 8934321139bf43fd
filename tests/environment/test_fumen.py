"""Fumens: boards and placed pieces come back as they were, and as the published package reads and writes them."""

import contextlib
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tetrarium.engine import N_PIECES, PIECES, orientation_cells
from tetrarium.engine.board_tracker import EMPTY, FILLED, CellGrid
from tetrarium.environment.fumen import (
    HEIGHT,
    MAX_CHARACTERS,
    WIDTH,
    FumenPage,
    decode_fumen,
    encode_fumen,
    is_fumen,
    quiz_comment,
)
from tetrarium.errors import FumenError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # escapes of its source
    from py_fumen.decoder import decode as published_decode
    from py_fumen.encoder import encode as published_encode
    from py_fumen.field import create_inner_field
    from py_fumen.page import Flags, Page

SIGNS = f"{PIECES}X_"  # by cell; the last one is that of EMPTY


@st.composite
def pages(draw: st.DrawFn) -> FumenPage:
    rows = draw(st.lists(st.lists(st.integers(EMPTY, FILLED), min_size=WIDTH, max_size=WIDTH), max_size=HEIGHT))
    cells = np.full((HEIGHT, WIDTH), EMPTY, dtype=np.int8)
    cells[: len(rows)] = np.array(rows, dtype=np.int8).reshape(-1, WIDTH)
    comment = draw(
        st.sampled_from(["", "a comment, 日本 & ü 100 %", quiz_comment("TIO", "S"), quiz_comment("T", None)])
    )
    piece = draw(st.none() | st.integers(0, N_PIECES - 1))
    if piece is None:
        return FumenPage(cells=cells, comment=comment)
    shape = orientation_cells(piece, draw(st.integers(0, 3)))
    column = draw(st.integers(0, WIDTH - 1 - max(x for x, _ in shape)))
    row = draw(st.integers(0, HEIGHT - 1 - max(y for _, y in shape)))
    placed = tuple(sorted(((column + x, row + y) for x, y in shape), key=lambda cell: cell[::-1]))
    for x, y in placed:
        cells[y, x] = EMPTY
    return FumenPage(cells=cells, piece=PIECES[piece], placed=placed, comment=comment)


def as_known(page: FumenPage) -> tuple[Any, ...]:
    text = ["".join(SIGNS[cell] for cell in row) for row in page.cells.tolist()]
    return text, page.piece, sorted(page.placed), page.comment


def as_published(page: Any) -> tuple[Any, ...]:
    field, placed = page.get_field(), page.operation
    text = ["".join(field.at(x, y) for x in range(WIDTH)) for y in range(HEIGHT)]
    piece = None if placed is None else placed.piece_type
    return text, piece, [] if placed is None else sorted((cell.x, cell.y) for cell in placed.positions()), page.comment


@given(st.lists(pages(), min_size=1, max_size=4))
def test_pages_come_back_and_the_published_package_reads_them_alike(given_pages: list[FumenPage]) -> None:
    text = encode_fumen(given_pages)
    assert list(map(as_known, decode_fumen(text))) == list(map(as_known, given_pages))
    published = published_decode(text)
    is_quiz = any(page.comment.startswith("#Q=") for page in given_pages)  # there it changes by rules of its own
    assert [as_published(page)[: 3 if is_quiz else 4] for page in published] == [
        as_known(page)[: 3 if is_quiz else 4] for page in given_pages
    ]


@given(st.lists(pages(), min_size=1, max_size=4))
def test_pages_of_the_published_package_are_read_alike(given_pages: list[FumenPage]) -> None:
    first = published_decode(encode_fumen(given_pages))
    made = [
        Page(
            index=number,
            field=create_inner_field(page.get_field()),
            operation=page.operation,
            comment="",
            flags=Flags(mirror=number % 2 == 1, rise=number % 3 == 2),
        )
        for number, page in enumerate(first)
    ]
    text = published_encode(made)
    assert list(map(as_known, decode_fumen(text))) == list(map(as_published, published_decode(text)))


@pytest.mark.parametrize(
    "text",
    [
        "v115@vhHJEJWPJyKJz/I1QJUNJvIJAgH",
        "v115@9gQ4EeAtBewhR4CeBtBewhg0Q4CeAtglRpwhi0Aeil?RpwhJeAgWSANxiSASowNE1oo2AzyBUAT5AAA",
    ],
    ids=["eight pieces", "a board with a comment"],
)
def test_fumens_of_their_editors_are_read_alike(text: str) -> None:
    assert list(map(as_known, decode_fumen(f"https://fumen.zui.jp/?{text}"))) == [
        as_published(page) for page in published_decode(text)
    ]


def test_a_quiz_states_the_pieces_of_each_page_and_changes_with_each_placed_one() -> None:
    empty: CellGrid = np.full((HEIGHT, WIDTH), EMPTY, dtype=np.int8)
    text = encode_fumen(
        [FumenPage(cells=empty, piece="I", placed=tuple((x, 0) for x in range(4)), comment="#Q=[](T)IOSZ")]
    )
    (page,) = decode_fumen(text)
    assert (page.queue, page.held) == ("TIOSZ", None)
    after = FumenPage(cells=empty, comment="#Q=[T](O)SZ")
    grid = empty.copy()
    grid[0, :4] = PIECES.index("I")
    both = encode_fumen([page, FumenPage(cells=grid, comment="#Q=[T](O)SZ")])
    assert len(both) < len(encode_fumen([page, FumenPage(cells=grid, comment="#Q=[T](O)S")]))
    assert (after.queue, after.held) == ("OSZ", "T")
    assert is_fumen(both)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("first/best-01", r"A fumen begins with v115@; got 'first/best-01'"),
        ("v110@7eXKJ", r"A fumen begins with v115@; got 'v110@7eXKJ'\. Export it again"),
        ("v115@", r"A fumen has at least one page"),
        ("v115@vhAX", r"A fumen ends with a whole page; this one ends inside one"),
        ("v115@vhAXKé", r"A fumen consists of letters, digits, \+ and /; got 'é'"),
        ("v115@" + "A" * 480, r"The cells of a fumen are pieces on its board; this one has others"),
        ("v115@vhAJpB", r"A piece of a fumen lies on its board; I at \[\(0, -1\), \(0, 0\)"),
        ("v115@" + "A" * MAX_CHARACTERS, r"A fumen has at most 1,048,576 characters; got 1,048,581"),
    ],
)
def test_other_texts_are_refused(text: str, message: str) -> None:
    with pytest.raises(FumenError, match=message):
        decode_fumen(text)


@given(st.text("ABvhgJKZ9/+", max_size=60))
def test_damaged_texts_are_read_or_refused(text: str) -> None:
    with contextlib.suppress(FumenError):
        assert decode_fumen(f"v115@{text}")


def test_boards_that_no_fumen_holds_are_refused() -> None:
    high = np.full((HEIGHT + 1, WIDTH), EMPTY, dtype=np.int8)
    high[-1, 0] = FILLED
    for cells in (high, np.full((4, WIDTH + 1), EMPTY, dtype=np.int8)):
        with pytest.raises(FumenError, match=r"A fumen's board is 10 columns wide and 23 rows high; got cells outside"):
            encode_fumen([FumenPage(cells=cells)])
