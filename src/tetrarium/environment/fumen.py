"""Fumens, the text form in which Tetris players share boards: format 115, read and written.

A fumen is a list of pages. A page has a board of 10 × 23 cells and one more row below it, a placed piece, if any, and a
comment. Of the board, it holds the difference from the board that the page before leaves behind, which is its own with
the placed piece and without full rows. Numbers are digits of 64 signs, least significant first; every 47 signs a ``?``
is inserted. A comment ``#Q=[S](T)IO`` states the held, the current and the next pieces, and changes by itself with each
placed piece.

Source: the package tetris-fumen (https://github.com/knewjade/tetris-fumen), against whose port to Python, py_fumen, the
tests compare.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from tetrarium.engine import MAX_ORIENTATIONS, PIECES
from tetrarium.engine.board_tracker import EMPTY, FILLED, BoardTracker, CellGrid
from tetrarium.engine.pieces import Cells, orientation_cells
from tetrarium.environment.replays import Replay
from tetrarium.errors import ConfigError, FumenError

Numbers = npt.NDArray[np.int64]  # (240,) cells as their numbers in a fumen, top left first

WIDTH: Final = 10
HEIGHT: Final = 23
MAX_CHARACTERS: Final = 1 << 20
_N_CELLS: Final = WIDTH * (HEIGHT + 1)  # the row below the board comes last
_VERSION: Final = "115"
_DIGITS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_PIECES: Final = "_ILOZTJSX"  # by number; the last one is a cell of unknown piece
_ROTATIONS: Final = (2, 1, 0, 3)  # of a fumen, by clockwise turns from the one that spawns
_NO_DIFFERENCE: Final = 8
_ESCAPES: Final = re.compile(r"%u([0-9a-fA-F]{4})|%([0-9a-fA-F]{2})")
_UNESCAPED: Final = frozenset("0123456789QWERTYUIOPASDFGHJKLZXCVBNMqwertyuiopasdfghjklzxcvbnm@*_+-./")
_COMMENT_BASE: Final = 96  # signs of a comment are those of ASCII from the space on
_MAX_COMMENT: Final = 4095
_QUIZ: Final = re.compile(r"#Q=\[([TIOSZJL]?)\]\(([TIOSZJL]?)\)([TIOSZJL]*)")
_REMEDY: Final = "Copy the whole text again, from v115@ on."
# Offsets of the cell that stands for a piece, by letter and clockwise turns, from the center of rotation.
_CORRECTIONS: Final = {
    ("O", 3): (-1, 1), ("O", 2): (-1, 0), ("O", 0): (0, 1), ("I", 2): (-1, 0), ("I", 3): (0, 1),
    ("S", 0): (0, 1), ("S", 1): (1, 0), ("Z", 0): (0, 1), ("Z", 3): (-1, 0),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class FumenPage:
    """One page.

    Args:
        cells: ``(23, 10) int8`` as in ``board_tracker``, row 0 at the bottom.
        below: Whether the row below the board has a cell.
        piece: Letter of the placed piece.
        placed: Its four cells ``(column, row)``, before full rows vanish.
        comment: Its text; of a quiz, as it is on this page.
    """

    cells: CellGrid
    below: bool = False
    piece: str | None = None
    placed: Cells = ()
    comment: str = ""

    @property
    def queue(self) -> str:
        """Letters of the current and the next pieces, as far as the page states them."""
        quiz = _QUIZ.match(self.comment)
        stated = quiz[2] + quiz[3] if quiz else ""
        return stated or self.piece or ""

    @property
    def held(self) -> str | None:
        """Letter of the held piece, if the page states one."""
        quiz = _QUIZ.match(self.comment)
        return quiz[1] or None if quiz else None


def quiz_comment(queue: str, held: str | None) -> str:
    """Returns the comment that states the pieces of a page.

    >>> quiz_comment("TIO", "S")
    '#Q=[S](T)IO'
    """
    return f"#Q=[{held or ''}]({queue[:1]}){queue[1:]}"


def is_fumen(text: str) -> bool:
    """Returns whether a text is a fumen or an address with one, of whatever version.

    >>> is_fumen("https://fumen.zui.jp/?v115@vhAAgH"), is_fumen("first/best-01")
    (True, False)
    """
    return re.search(r"[vmd]1[0-9]{2}@", text) is not None


def decode_fumen(text: str) -> list[FumenPage]:
    """Reads a fumen, which may come from an untrusted source.

    >>> page, = decode_fumen("v115@vhAXKJ")
    >>> page.piece, page.placed
    ('S', ((1, 0), (2, 0), (2, 1), (3, 1)))

    Raises:
        FumenError: if it is none, of another version, damaged, or too long, or a piece lies outside of its board.
    """
    if len(text) > MAX_CHARACTERS:
        raise FumenError(f"A fumen has at most {MAX_CHARACTERS:,} characters; got {len(text):,}. Send fewer pages.")
    found = re.search(r"[vmd](1[0-9]{2})@([^&#\s]*)", text)
    if found is None or found[1] != _VERSION:
        raise FumenError(
            f"A fumen begins with v{_VERSION}@; got {text[:40]!r}. Export it again with a current fumen editor."
        )
    reader = _Reader(found[2].replace("?", ""))
    pages: list[FumenPage] = []
    board = np.zeros(_N_CELLS, dtype=np.int64)
    n_repeats, comment = 0, ""
    while reader.has_more:
        if n_repeats:
            n_repeats -= 1
        else:
            board, is_changed = _decode_board(reader, board)
            n_repeats = 0 if is_changed else reader.number(1)
        number, piece, rotation = _divided(reader.number(3), 8, 4)
        place, rises, mirrors, _, has_comment, is_unlocked = _unpacked(number)
        comment = _decode_comment(reader) if has_comment else comment
        letter = _PIECES[piece] if piece else None
        placed = () if letter is None else _piece_cells(letter, rotation, place)
        pages.append(
            FumenPage(
                cells=_grid(board), below=bool(board[-WIDTH:].any()), piece=letter, placed=placed, comment=comment
            )
        )
        if not is_unlocked:
            board = _left_behind(board, piece, placed, rises=rises, mirrors=mirrors)
            comment = _advanced(comment, letter)
    if not pages:
        raise FumenError(f"A fumen has at least one page; {text[:40]!r} has none. {_REMEDY}")
    return pages


def encode_fumen(pages: Sequence[FumenPage]) -> str:
    """Returns pages as a fumen.

    >>> encode_fumen([FumenPage(cells=np.full((23, 10), EMPTY, dtype=np.int8))])
    'v115@vhAAgH'

    Raises:
        FumenError: if a placed piece is none, or lies outside of the board.
    """
    digits = ""
    board, comment, repeat_at = np.zeros(_N_CELLS, dtype=np.int64), "", -1
    for number, page in enumerate(pages):
        current = _numbers(page.cells)
        if (current != board).any():
            digits += _encoded_board(current - board)
            repeat_at = -1
        elif repeat_at >= 0 and digits[repeat_at] != _DIGITS[-1]:
            digits = f"{digits[:repeat_at]}{_DIGITS[_DIGITS.index(digits[repeat_at]) + 1]}{digits[repeat_at + 1 :]}"
        else:
            digits += f"{_encoded_board(current - board)}{_DIGITS[0]}"
            repeat_at = len(digits) - 1
        piece = 0 if page.piece is None else _PIECES.index(page.piece)
        rotation, place = (0, 0) if page.piece is None else _rotation_and_place(page.piece, page.placed)
        has_comment = page.comment != comment
        packed = (place + _N_CELLS * (4 * (number == 0) + 8 * has_comment)) * 4 + rotation
        digits += _digits(packed * 8 + piece, 3)
        digits += _encoded_comment(page.comment) if has_comment else ""
        board = _left_behind(current, piece, page.placed)
        comment = _advanced(page.comment, page.piece)
    head, tail = digits[:42], digits[42:]
    return f"v{_VERSION}@" + "?".join([head, *(tail[k : k + 47] for k in range(0, len(tail), 47))])


def replay_fumen(replay: Replay, first: int, n_pages: int) -> str:
    """Returns positions of a game by placements as a fumen, each with the placement that was played in it.

    Args:
        replay: The game, checked before.
        first: Number of pieces placed before the first page.
        n_pages: Largest number of pages.

    Raises:
        ConfigError: if the game has fewer than ``first`` pieces.
        FumenError: if the board is of another width, or too high.
    """
    actions = replay.action_numbers()
    if first > len(actions):
        raise ConfigError(
            f"first must be at most {len(actions):,}, the pieces of the game; got {first:,}.", field="first"
        )
    tracker = BoardTracker(replay.env_config.rules())
    replay.begin_tracker(tracker)
    tracker.follow(actions[:first])
    pages = []
    for action in [*actions[first : first + n_pages], None][:n_pages]:
        queue, held = "".join(PIECES[piece] for piece in tracker.queue), tracker.hold
        cells, comment = tracker.grid.copy(), quiz_comment(queue, None if held is None else PIECES[held])
        piece: str | None = None
        placed: Cells = ()
        if action is not None:
            tracker.follow([action])
            piece, placed = _shape_of(tracker.placed, tracker.grid.shape[1])
        pages.append(FumenPage(cells=cells, piece=piece, placed=placed, comment=comment))
    return encode_fumen(pages)


def _shape_of(cells: tuple[int, ...], width: int) -> tuple[str | None, Cells]:
    """Returns the piece that has these cells, and them as a page has them; none for a piece beyond a fumen's board."""
    placed = tuple((cell % width, cell // width) for cell in cells)
    left, bottom = (min(cell[axis] for cell in placed) for axis in (0, 1))
    shape = tuple(sorted((x - left, y - bottom) for x, y in placed))
    for letter in PIECES:
        if any(orientation_cells(PIECES.index(letter), rotation) == shape for rotation in range(MAX_ORIENTATIONS)):
            return (letter, placed) if max(row for _, row in placed) < HEIGHT else (None, ())
    return None, ()


class _Reader:
    def __init__(self, digits: str) -> None:
        strange = sorted(set(digits) - set(_DIGITS))
        if strange:
            raise FumenError(f"A fumen consists of letters, digits, + and /; got {strange[0]!r}. {_REMEDY}")
        self._digits = digits
        self._at = 0

    @property
    def has_more(self) -> bool:
        return self._at < len(self._digits)

    def number(self, n_digits: int) -> int:
        """Reads a number of so many digits."""
        part = self._digits[self._at : self._at + n_digits]
        if len(part) < n_digits:
            raise FumenError(f"A fumen ends with a whole page; this one ends inside one. {_REMEDY}")
        self._at += n_digits
        return sum(_DIGITS.index(digit) * 64**power for power, digit in enumerate(part))


def _digits(number: int, n_digits: int) -> str:
    return "".join(_DIGITS[number // 64**power % 64] for power in range(n_digits))


def _divided(number: int, *bases: int) -> Iterator[int]:
    """Yields what remains of a number after all divisions, then the remainders."""
    remainders = []
    for base in bases:
        number, remainder = divmod(number, base)
        remainders.append(remainder)
    return iter((number, *remainders))


def _unpacked(number: int) -> Iterator[int]:
    """Yields the place of a piece and the flags of a page: rises, mirrors, is colored, has a comment, is unlocked."""
    flags, place = divmod(number, _N_CELLS)
    return iter((place, *(flags >> bit & 1 for bit in range(5))))


def _decode_board(reader: _Reader, before: Numbers) -> tuple[Numbers, bool]:
    """Returns the numbers of the cells, top left first, and whether any differs from before."""
    differences: list[int] = []
    while len(differences) < _N_CELLS:
        difference, n_more = divmod(reader.number(2), _N_CELLS)
        differences += [difference - _NO_DIFFERENCE] * (n_more + 1)
    board = before + np.array(differences)[:_N_CELLS] if len(differences) == _N_CELLS else np.array([-1])
    if board.min() < 0 or board.max() >= len(_PIECES):
        raise FumenError(f"The cells of a fumen are pieces on its board; this one has others. {_REMEDY}")
    return board, any(differences)


def _encoded_board(differences: Numbers) -> str:
    changes = [0, *(np.flatnonzero(np.diff(differences)) + 1).tolist(), _N_CELLS]
    return "".join(
        _digits((int(differences[first]) + _NO_DIFFERENCE) * _N_CELLS + end - first - 1, 2)
        for first, end in pairwise(changes)
    )


def _grid(board: Numbers) -> CellGrid:
    by_number = np.array([EMPTY, *(PIECES.index(letter) for letter in _PIECES[1:-1]), FILLED], dtype=np.int8)
    cells: CellGrid = by_number[board[:-WIDTH].reshape(HEIGHT, WIDTH)[::-1]]
    return cells


def _numbers(cells: CellGrid) -> Numbers:
    if cells.shape[1] != WIDTH or (cells[HEIGHT:] != EMPTY).any():
        raise FumenError(
            f"A fumen's board is {WIDTH} columns wide and {HEIGHT} rows high; got cells outside. Choose another board."
        )
    by_cell = np.array([*(_PIECES.index(letter) for letter in PIECES), len(_PIECES) - 1, 0])
    board = np.zeros((HEIGHT + 1, WIDTH), dtype=np.int64)
    shown = cells[:HEIGHT]
    board[HEIGHT - len(shown) : HEIGHT] = by_cell[shown][::-1]
    return board.ravel()


def _left_behind(board: Numbers, piece: int, placed: Cells, *, rises: int = 0, mirrors: int = 0) -> Numbers:
    """Returns the board of the next page."""
    rows = board.reshape(HEIGHT + 1, WIDTH).copy()
    for column, row in placed:
        rows[HEIGHT - 1 - row, column] = piece
    field, below = rows[:HEIGHT], rows[HEIGHT:]
    field = field[(field == 0).any(axis=1)]
    if rises:
        field, below = np.concatenate((field, below))[-HEIGHT:], np.zeros_like(below)
    field = np.concatenate((np.zeros((HEIGHT - len(field), WIDTH), dtype=np.int64), field))
    return np.concatenate((field[:, ::-1] if mirrors else field, below)).ravel()


def _turned_cells(letter: str, turns: int) -> Cells:
    """Returns the cells of a piece around its center of rotation, as fumens count them."""
    flat = orientation_cells(PIECES.index(letter), 0)
    center = {"I": (1, 0), "O": (0, 0)}.get(letter, (1, 0))
    cells = tuple((x - center[0], y - center[1]) for x, y in flat)
    for _ in range(turns):
        cells = tuple((y, -x) for x, y in cells)
    return cells


def _piece_cells(letter: str, rotation: int, place: int) -> Cells:
    turns = _ROTATIONS.index(rotation)
    shift_x, shift_y = _CORRECTIONS.get((letter, turns), (0, 0))
    x, y = place % WIDTH - shift_x, HEIGHT - 1 - place // WIDTH - shift_y
    cells = sorted(((x + dx, y + dy) for dx, dy in _turned_cells(letter, turns)), key=lambda cell: cell[::-1])
    if not all(0 <= column < WIDTH and 0 <= row < HEIGHT for column, row in cells):
        raise FumenError(f"A piece of a fumen lies on its board; {letter} at {cells} does not. {_REMEDY}")
    return tuple(cells)


def _rotation_and_place(letter: str, placed: Cells) -> tuple[int, int]:
    for turns, rotation in enumerate(_ROTATIONS):
        cells = _turned_cells(letter, turns)
        x, y = (min(cell[axis] for cell in placed) - min(cell[axis] for cell in cells) for axis in (0, 1))
        if sorted((x + dx, y + dy) for dx, dy in cells) == sorted(placed):
            shift_x, shift_y = _CORRECTIONS.get((letter, turns), (0, 0))
            return rotation, (HEIGHT - 1 - y - shift_y) * WIDTH + x + shift_x
    raise FumenError(f"A placed piece has the cells of one; got {letter} at {placed}. Choose its four cells.")


def _decode_comment(reader: _Reader) -> str:
    n_characters = min(reader.number(2), _MAX_COMMENT)
    text = ""
    for _ in range(0, n_characters, 4):
        number = reader.number(5)
        text += "".join(chr(32 + number // _COMMENT_BASE**power % _COMMENT_BASE) for power in range(4))
    text = _ESCAPES.sub(lambda code: chr(int(code[1] or code[2], 16)), text[:n_characters])
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _encoded_comment(comment: str) -> str:
    escaped = "".join(
        letter if letter in _UNESCAPED else f"%{ord(letter):02X}" if ord(letter) < 256 else f"%u{ord(letter):04X}"
        for letter in comment
    )[:_MAX_COMMENT]
    numbers = (
        sum((ord(letter) - 32) * _COMMENT_BASE**power for power, letter in enumerate(escaped[k : k + 4]))
        for k in range(0, len(escaped), 4)
    )
    return _digits(len(escaped), 2) + "".join(_digits(number, 5) for number in numbers)


def _advanced(comment: str, piece: str | None) -> str:
    """Returns the comment of the next page; that of a quiz changes with each placed piece."""
    quiz = _QUIZ.match(comment)
    if quiz is None or piece is None:
        return comment
    held, queue, rest = quiz[1], quiz[2] + quiz[3], comment[quiz.end() :]
    if queue[:1] == piece:
        queue = queue[1:]
    elif held == piece:
        held, queue = queue[:1], queue[1:]
    elif not held and queue[1:2] == piece:
        held, queue = queue[0], queue[2:]
    else:
        return comment
    if not queue and held:  # the held piece is the last one
        held, queue = "", held
    if not queue and not held:
        return rest.removeprefix(";")
    return quiz_comment(queue, held) + rest
