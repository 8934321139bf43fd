"""Colors of pieces, themes for pictures, and styles of runs in charts.

A run's style is a color and a stroke, derived from its name; the dashboard's pages use the same ones. Hues avoid red
and green, which mean failure and success. Runs in one chart differ. A single curve is solid.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

Color = tuple[int, int, int]  # red, green, blue, 0–255

# The Tetris guideline's hues, in the order of PIECES: cyan, yellow, purple, orange, blue, green, red.
PIECE_COLORS: Final[tuple[Color, ...]] = (
    (41, 182, 214),
    (235, 190, 45),
    (164, 92, 214),
    (238, 140, 48),
    (70, 110, 226),
    (84, 186, 88),
    (226, 76, 82),
)
_EDGE_LIGHT: Final = 0.3  # share of white in the top edge of a cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """Colors of a picture, except those of the pieces."""

    background: Color
    board: Color  # the empty board
    grid: Color  # lines between its cells
    frame: Color  # walls and floor
    text: Color
    label: Color
    filled: Color  # a cell whose piece is unknown


THEMES: Final = {
    "dark": Theme(
        background=(15, 17, 23),
        board=(22, 25, 33),
        grid=(29, 33, 43),
        frame=(62, 68, 84),
        text=(232, 235, 242),
        label=(144, 151, 168),
        filled=(118, 126, 146),
    ),
    "light": Theme(
        background=(250, 248, 244),
        board=(255, 255, 253),
        grid=(238, 235, 229),
        frame=(176, 172, 164),
        text=(32, 34, 40),
        label=(104, 104, 110),
        filled=(152, 154, 164),
    ),
}


def lighter(color: Color) -> Color:
    """Returns the color of a cell's top edge."""
    red, green, blue = (round(part + (255 - part) * _EDGE_LIGHT) for part in color)
    return red, green, blue


HUES: Final = (200, 222, 244, 266, 288, 310, 332, 352, 62, 82, 102, 182)  # degrees
STROKES: Final = ((), (6, 4), (2, 3))  # lengths of dashes and gaps; none is a solid line
_MASK: Final = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class RunStyle:
    """A hue in OKLCH, and the dashes of a line."""

    hue: int
    dashes: tuple[int, ...]


_STYLES: Final = tuple(RunStyle(hue, dashes) for dashes in STROKES for hue in HUES)


def run_style(name: str) -> RunStyle:
    """Returns the style of the run with this name.

    >>> run_style("run-1") == run_style("run-1") != run_style("run-2")
    True
    """
    return _STYLES[_hash(name) % len(_STYLES)]


def run_styles(names: Sequence[str]) -> dict[str, RunStyle]:
    """Returns different styles for the runs of one chart, by name.

    The first run of a color keeps its style; another one gets the next free color, or a free style once all colors are
    taken. Runs share styles once all of these are taken.
    """
    numbers: dict[str, int] = {}
    hues: set[int] = set()
    for name in names:
        own = _hash(name) % len(_STYLES)
        if own % len(HUES) not in hues:
            hues.add(own % len(HUES))
            numbers[name] = own
    for name in names:
        if name not in numbers:
            own = _hash(name) % len(_STYLES)
            colors = [own - own % len(HUES) + (own + k) % len(HUES) for k in range(len(HUES))]
            styles = [(own + len(HUES) * k + k // len(STROKES)) % len(_STYLES) for k in range(len(_STYLES))]
            taken = numbers.values()
            free = [number for number in colors if number % len(HUES) not in hues]
            free += [number for number in styles if number not in taken]
            numbers[name] = next(iter(free), own)
            hues.add(numbers[name] % len(HUES))
    return {name: _STYLES[number] for name, number in numbers.items()}


def _hash(name: str) -> int:
    """Returns the FNV-1a hash, mixed once more."""
    found = 0x811C_9DC5
    for byte in name.encode():
        found = (found ^ byte) * 0x0100_0193 & _MASK
    found = (found ^ found >> 15) * 0x2C1B_3C6D & _MASK
    return found ^ found >> 13


def oklch(lightness: float, chroma: float, hue: float) -> Color:
    """Returns a color of the OKLCH space as sRGB (B. Ottosson, "A perceptual color space for image processing", 2020).

    >>> oklch(1.0, 0.0, 0.0), oklch(0.0, 0.0, 0.0)
    ((255, 255, 255), (0, 0, 0))
    """
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short
    return _encoded(red), _encoded(green), _encoded(blue)


def _encoded(linear: float) -> int:
    """Applies the gamma of sRGB, IEC 61966-2-1."""
    linear = min(max(linear, 0.0), 1.0)
    encoded = 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
    return round(255 * encoded)
