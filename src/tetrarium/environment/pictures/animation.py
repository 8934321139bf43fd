"""Animations of games: frames from moves, and GIF and MP4 from frames.

Each piece is shown above its placement for the time that the speed allows; rows that it fills flash before they vanish.
If pieces follow faster than frames can, only every k-th is shown. The last frame stays a while. The writers take frames
one by one and hold at most two, so that an animation may be long.

A GIF has one palette: the colors of the themes and the pieces, and shades between text and background. Each frame is
the rectangle that changed, with its unchanged pixels transparent.
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

from tetrarium.engine import KeyMove, Move
from tetrarium.environment.board_snapshot import PieceGrid, line_clear_snapshot, move_snapshot, state_snapshot
from tetrarium.environment.pictures.colors import PIECE_COLORS, THEMES, Color, lighter
from tetrarium.environment.pictures.rendering import render_rgb
from tetrarium.errors import ConfigError

Picture = npt.NDArray[np.uint8]  # (H, W, 3)

_MIN_SPEED: Final = 0.1  # pieces per second
_MAX_SPEED: Final = 1_000.0
_FRAMES_PER_SECOND: Final = 25  # browsers slow a GIF down that has more than 50
_FLASH_S: Final = 0.12
_MIN_FLASH_S: Final = 0.04
_LAST_S: Final = 2.0
_CENTISECOND: Final = 100  # a GIF counts time in them
_MILLISECOND: Final = 1_000
_N_SHADES: Final = 16  # between a background and the letters on it
# bf=0: no frame refers to a later one; with unequal frame times the file's duration would be too short.
_X264: Final = {"crf": "18", "preset": "medium", "tune": "animation", "bf": "0"}
_DIFFERS: Final = 255  # a color that is not in the palette


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Picture and its duration."""

    picture: Picture
    seconds: float


def animation_frames(
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
    """Draws the frames of a game, from its first move on or a later one.

    Args:
        moves: All moves of the game in sequence: placements, or key steps.
        width: Columns.
        height: Visible rows.
        can_hold: Whether a place for a held piece is drawn.
        speed: Pieces, or key steps, a second, 0.1 to 1,000.
        cell_px: Size of a cell in pixels, 4 to 128.
        theme: ``"dark"`` or ``"light"``.
        n_skipped: Moves at the start that are played without frames.

    Raises:
        ConfigError: if the speed, the size or the theme is out of range.
    """
    require_speed(speed)
    shown = iter(moves)
    first = next(shown, None)
    grid = PieceGrid(width, height, None if first is None else np.array(first.state_t.columns, dtype=np.int64))
    shown = shown if first is None else itertools.chain([first], shown)
    for move in itertools.islice(shown, n_skipped):
        grid.follow(move)
    return _frames(shown, grid, speed, can_hold, {"cell_px": cell_px, "theme": theme})


def require_speed(speed: float) -> None:
    """Checks the speed of an animation.

    Raises:
        ConfigError: if it is not from 0.1 to 1,000 pieces per second.
    """
    if not _MIN_SPEED <= speed <= _MAX_SPEED:
        raise ConfigError(
            f"speed is 0.1 to 1,000 pieces per second; got {speed:g}. Choose one in that range.", field="speed"
        )


def _frames(
    moves: Iterable[Move | KeyMove], grid: PieceGrid, speed: float, can_hold: bool, picture: dict[str, Any]
) -> Iterator[Frame]:
    every = math.ceil(speed / _FRAMES_PER_SECOND)
    last: Move | KeyMove | None = None
    for number, move in enumerate(moves):
        by_keys = isinstance(move, KeyMove)
        snapshot = move_snapshot(move, height=grid.height, cells=grid.cells, can_hold=can_hold)
        flash_s = _FLASH_S if by_keys else min(_FLASH_S, 0.5 / speed)  # a key step is too short to take it from
        flashes = move.lines_placement > 0 and flash_s >= _MIN_FLASH_S
        if number % every == 0:
            seconds = every / speed - (flash_s if flashes and not by_keys else 0)
            yield Frame(picture=render_rgb(snapshot, **picture), seconds=seconds)
        if flashes:
            yield Frame(picture=render_rgb(line_clear_snapshot(snapshot, grid.cells, move), **picture), seconds=flash_s)
        grid.follow(move)
        last = move
    if last is not None:
        snapshot = state_snapshot(last.state_tp1, height=grid.height, cells=grid.cells, can_hold=can_hold)
        yield Frame(picture=render_rgb(snapshot, **picture), seconds=_LAST_S)


def write_gif(frames: Iterable[Frame], target: IO[bytes]) -> None:
    """Writes frames of one size as a GIF that repeats without end."""
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
    """Palette of a GIF, and the nearest color in it to any other."""

    def __init__(self) -> None:
        colors: list[Color] = []
        for theme in THEMES.values():
            colors += [theme.background, theme.board, theme.grid, theme.frame, theme.text, theme.label]
            for color in (*PIECE_COLORS, theme.filled):
                colors += [color, lighter(color)]
            colors += [*_between(theme.background, theme.text), *_between(theme.background, theme.label)]
        self._colors = np.array(list(dict.fromkeys(colors)), dtype=np.int64)
        self.transparent = len(self._colors)
        self._nearest = np.full(1 << 24, _DIFFERS, dtype=np.uint8)  # by 24-bit color
        self._nearest[_packed(self._colors)] = np.arange(len(self._colors))

    def indices(self, picture: Picture) -> npt.NDArray[np.uint8]:
        """Returns ``(H, W) uint8`` indices in the palette."""
        packed = _packed(picture.astype(np.int64))
        found = self._nearest[packed]
        unknown = found == _DIFFERS
        if unknown.any():
            for color in np.unique(packed[unknown]).tolist():
                rgb = np.array([color >> 16, color >> 8 & 255, color & 255])
                self._nearest[color] = ((self._colors - rgb) ** 2).sum(axis=1).argmin()
            found = self._nearest[packed]
        return found

    def image(self, indices: npt.NDArray[np.uint8]) -> Image.Image:
        image = Image.fromarray(np.ascontiguousarray(indices, dtype=np.uint8), mode="P")
        image.putpalette([*self._colors.ravel().tolist(), 0, 0, 0])
        return image


def _packed(colors: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return colors[..., 0] << 16 | colors[..., 1] << 8 | colors[..., 2]


def _between(background: Color, ink: Color) -> list[Color]:
    shares = [step / _N_SHADES for step in range(1, _N_SHADES)]
    return [
        (
            round(background[0] + (ink[0] - background[0]) * share),
            round(background[1] + (ink[1] - background[1]) * share),
            round(background[2] + (ink[2] - background[2]) * share),
        )
        for share in shares
    ]


def write_mp4(frames: Iterable[Frame], target: IO[bytes]) -> None:
    """Writes frames of one size as H.264 in an MP4, with the colors of BT.709."""
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
    """Splits the last frame in two, because an MP4 stores start times only and would drop it at once."""
    last: Frame | None = None
    for frame in frames:
        if last is not None:
            yield last
        last = frame
    if last is not None:
        yield Frame(picture=last.picture, seconds=last.seconds - 1 / _FRAMES_PER_SECOND)
        yield Frame(picture=last.picture, seconds=1 / _FRAMES_PER_SECOND)


ANIMATION_WRITERS: Final = {".gif": write_gif, ".mp4": write_mp4}
