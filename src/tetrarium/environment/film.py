"""A game as moving pictures: frames from its moves, and GIF and MP4 from frames.

Each piece is shown hovering over its place, for as long as the speed gives it; rows that it fills flash before they go.
Where pieces follow faster than pictures can, only every k-th is shown. The last picture stays a while. The writers take
frames one by one and hold no more than two, so that a film may be long.

A GIF has one table of colours: those of the themes and the pieces, and shades between text and ground. Each frame is
the rectangle that changed, and what stayed as it was inside it is transparent.
"""

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt
from PIL import GifImagePlugin, Image

from tetrarium.engine import GameState, KeyMove, Move, orientation_cells
from tetrarium.environment.rendering import THEMES, lighter, render_rgb
from tetrarium.environment.scene import (
    EMPTY,
    PIECE_COLOURS,
    CellGrid,
    Cells,
    Colour,
    ColourBoard,
    move_looks,
    state_looks,
)
from tetrarium.errors import ConfigError

__all__ = ["FILM_WRITERS", "Frame", "film_frames", "require_speed", "write_gif", "write_mp4"]

Picture = npt.NDArray[np.uint8]  # (H, W, 3)

_MIN_SPEED: Final = 0.1  # pieces a second
_MAX_SPEED: Final = 1_000.0
_FRAMES_PER_SECOND: Final = 25  # browsers slow a GIF down that has more than 50
_FLASH_S: Final = 0.12
_MIN_FLASH_S: Final = 0.04
_LAST_S: Final = 2.0
_CENTISECOND: Final = 100  # a GIF counts time in them
_MILLISECOND: Final = 1_000
_N_SHADES: Final = 16  # between a ground and the letters on it
# No frame is told by a later one: with unequal frame times the file's length would come out too short.
_X264: Final = {"crf": "18", "preset": "medium", "tune": "animation", "bf": "0"}
_DIFFERS: Final = 255  # a colour that is not in the table


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One picture, and how long it is to be seen."""

    picture: Picture
    seconds: float


def film_frames(
    moves: Iterable[Move | KeyMove],
    *,
    width: int,
    height: int,
    can_hold: bool = False,
    speed: float = 10.0,
    cell_px: int = 24,
    theme: str = "dark",
    n_skipped: int = 0,
) -> Iterator[Frame]:
    """Draws a game, from its first move on or a later one.

    Args:
        moves: All moves of the game, each leading to the next: placements, or key steps.
        width: Columns.
        height: Visible rows.
        can_hold: Whether there is a place for a held piece.
        speed: Pieces, or key steps, a second, 0.1 to 1,000.
        cell_px: Size of a cell, 4–128.
        theme: ``"dark"`` or ``"light"``.
        n_skipped: How many moves at the start are played and not shown.

    Raises:
        ConfigError: if the speed, the size or the theme is not one of these.
    """
    require_speed(speed)
    looks = {"height": height, "cell_px": cell_px, "theme": theme}
    board, shown = ColourBoard(width, height), iter(moves)
    for move in itertools.islice(shown, n_skipped):
        board.follow(move)
    return _frames(shown, board, speed, can_hold, looks)


def require_speed(speed: float) -> None:
    """Refuses a speed that no film can have.

    Raises:
        ConfigError: if it is not from 0.1 to 1,000 pieces a second.
    """
    if not _MIN_SPEED <= speed <= _MAX_SPEED:
        raise ConfigError(f"speed is 0.1 to 1,000 pieces a second; got {speed:g}. Choose one in that range.")


def _frames(
    moves: Iterable[Move | KeyMove], board: ColourBoard, speed: float, can_hold: bool, looks: dict[str, Any]
) -> Iterator[Frame]:
    every = math.ceil(speed / _FRAMES_PER_SECOND)
    last: Move | KeyMove | None = None
    for number, move in enumerate(moves):
        by_keys = isinstance(move, KeyMove)
        seen = looks | move_looks(move, can_hold=can_hold)
        flash_s = _FLASH_S if by_keys else min(_FLASH_S, 0.5 / speed)  # of a key step's time, there is not enough
        flashes = move.lines_placement > 0 and flash_s >= _MIN_FLASH_S
        if number % every == 0:
            picture = _draw(move.state_t, board.cells, seen)
            yield Frame(picture=picture, seconds=every / speed - (flash_s if flashes and not by_keys else 0))
        if flashes:
            yield Frame(picture=_draw_full(move, board, seen), seconds=flash_s)
        board.follow(move)
        last = move
    if last is not None:
        looks |= {"queue": last.state_tp1.queue, **state_looks(last.state_tp1, can_hold=can_hold)}
        yield Frame(picture=_draw(last.state_tp1, board.cells, looks), seconds=_LAST_S)


def _draw(state: GameState, cells: CellGrid, looks: dict[str, Any]) -> Picture:
    return render_rgb(
        columns=np.array(state.columns, dtype=np.int64),
        lines=state.lines,
        pieces=state.pieces,
        colours=cells,
        **looks,
    )


def _draw_full(move: Move | KeyMove, board: ColourBoard, looks: dict[str, Any]) -> Picture:
    """The board with the piece at rest, before its full rows go."""
    state = move.state_t
    cells = board.cells.copy()
    assert move.piece is not None
    for column, row in _locked_cells(move):
        if row < len(cells):
            cells[row, column] = move.piece
    filled = (cells != EMPTY).astype(np.int64)
    full = np.flatnonzero(filled.all(axis=1)).tolist()
    return render_rgb(
        columns=(filled << np.arange(len(cells))[:, None]).sum(axis=0),
        lines=state.lines,
        pieces=state.pieces,
        colours=cells,
        flashing=full,
        **looks,
    )


def _locked_cells(move: Move | KeyMove) -> Cells:
    assert move.placement is not None
    assert move.piece is not None
    rotation, left, bottom = move.placement.rotation, move.placement.column, move.placement.row
    return tuple((left + x, bottom + y) for x, y in orientation_cells(move.piece, rotation))


def write_gif(frames: Iterable[Frame], target: IO[bytes]) -> None:
    """Writes frames of one size as a GIF that repeats for ever."""
    palette = _Palette()
    shown: npt.NDArray[np.uint8] | None = None
    seconds = 0.0
    written = 0  # centiseconds
    for frame in frames:
        indices = palette.indices(frame.picture)
        seconds += frame.seconds
        lasting = max(2, round(seconds * _CENTISECOND) - written)
        written += lasting
        if shown is None:
            header, _ = GifImagePlugin.getheader(palette.image(indices), info={"loop": 0})
            target.writelines(header)
        target.writelines(_gif_frame(palette, shown, indices, 10 * lasting))
        shown = indices
    if shown is not None:
        target.write(b";")


def _gif_frame(
    palette: "_Palette", shown: npt.NDArray[np.uint8] | None, indices: npt.NDArray[np.uint8], lasting_ms: int
) -> list[bytes]:
    top = left = 0
    if shown is not None:
        changed = indices != shown
        rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
        if len(rows) == 0:  # a frame has at least one pixel
            rows = columns = np.array([0])
        top, left = int(rows[0]), int(columns[0])
        part = np.s_[top : rows[-1] + 1, left : columns[-1] + 1]
        indices = np.where(changed, indices, palette.transparent)[part]
    return GifImagePlugin.getdata(
        palette.image(indices), (left, top), duration=lasting_ms, disposal=1, transparency=palette.transparent
    )


class _Palette:
    """The colours of a GIF, and the nearest one to any other."""

    def __init__(self) -> None:
        colours: list[Colour] = []
        for theme in THEMES.values():
            colours += [theme.background, theme.board, theme.grid, theme.frame, theme.text, theme.label]
            for colour in (*PIECE_COLOURS, theme.filled):
                colours += [colour, lighter(colour)]
            colours += [*_between(theme.background, theme.text), *_between(theme.background, theme.label)]
        self._colours = np.array(list(dict.fromkeys(colours)), dtype=np.int64)
        self.transparent = len(self._colours)
        self._nearest = np.full(1 << 24, _DIFFERS, dtype=np.uint8)  # by 24-bit colour
        self._nearest[_packed(self._colours)] = np.arange(len(self._colours))

    def indices(self, picture: Picture) -> npt.NDArray[np.uint8]:
        """Returns ``(H, W) uint8`` places in the table."""
        packed = _packed(picture.astype(np.int64))
        found = self._nearest[packed]
        unknown = found == _DIFFERS
        if unknown.any():
            for colour in np.unique(packed[unknown]).tolist():
                rgb = np.array([colour >> 16, colour >> 8 & 255, colour & 255])
                self._nearest[colour] = ((self._colours - rgb) ** 2).sum(axis=1).argmin()
            found = self._nearest[packed]
        return found

    def image(self, indices: npt.NDArray[np.uint8]) -> Image.Image:
        image = Image.fromarray(np.ascontiguousarray(indices, dtype=np.uint8), mode="P")
        image.putpalette([*self._colours.ravel().tolist(), 0, 0, 0])
        return image


def _packed(colours: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return colours[..., 0] << 16 | colours[..., 1] << 8 | colours[..., 2]


def _between(ground: Colour, ink: Colour) -> list[Colour]:
    shares = [step / _N_SHADES for step in range(1, _N_SHADES)]
    return [
        (
            round(ground[0] + (ink[0] - ground[0]) * share),
            round(ground[1] + (ink[1] - ground[1]) * share),
            round(ground[2] + (ink[2] - ground[2]) * share),
        )
        for share in shares
    ]


def write_mp4(frames: Iterable[Frame], target: IO[bytes]) -> None:
    """Writes frames of one size as H.264 in an MP4, with the colours of BT.709."""
    import av
    from av.video.reformatter import ColorRange, Colorspace

    with av.open(target, "w", format="mp4") as container:
        stream: Any = None
        seconds = 0.0
        for frame in _with_last_twice(frames):
            if stream is None:
                stream = container.add_stream("libx264", rate=_FRAMES_PER_SECOND, options=_X264)
                stream.height, stream.width = frame.picture.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.time_base = Fraction(1, _MILLISECOND)
                stream.codec_context.color_range = ColorRange.MPEG
                stream.codec_context.colorspace = Colorspace.ITU709
            image = av.VideoFrame.from_ndarray(frame.picture, format="rgb24").reformat(
                format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
            )
            image.pts = round(seconds * _MILLISECOND)
            image.time_base = Fraction(1, _MILLISECOND)
            seconds += frame.seconds
            container.mux(stream.encode(image))
        if stream is not None:
            container.mux(stream.encode(None))


def _with_last_twice(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Splits the last frame, because an MP4 knows when a frame begins, and the last one would be gone at once."""
    last: Frame | None = None
    for frame in frames:
        if last is not None:
            yield last
        last = frame
    if last is not None:
        yield Frame(picture=last.picture, seconds=last.seconds - 1 / _FRAMES_PER_SECOND)
        yield Frame(picture=last.picture, seconds=1 / _FRAMES_PER_SECOND)


FILM_WRITERS: Final = {".gif": write_gif, ".mp4": write_mp4}
