"""The look of a run: a colour and a stroke that it keeps in every chart, told by its name alone.

It is the same that the dashboard's pages give it. Hues keep away from red and green, which mean failed and fine. Two
runs may get the same look, so charts also write names at the ends of lines. A curve that is alone in a picture is
solid.
"""

import math
from dataclasses import dataclass
from typing import Final

from tetrarium.environment.scene import Colour

__all__ = ["RunLook", "look_of", "oklch"]

HUES: Final = (200, 222, 244, 266, 288, 310, 332, 352, 62, 82, 102, 182)  # degrees
STROKES: Final = ((), (6, 4), (2, 3))  # lengths of dashes and gaps; none is a solid line
_MASK: Final = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class RunLook:
    """A hue in OKLCH, and the dashes of a line."""

    hue: int
    dashes: tuple[int, ...]


def look_of(name: str) -> RunLook:
    """The look of the run of that name.

    >>> look_of("run-1") == look_of("run-1") != look_of("run-2")
    True
    """
    found = _hash(name)
    return RunLook(HUES[found % len(HUES)], STROKES[found // len(HUES) % len(STROKES)])


def _hash(name: str) -> int:
    """FNV-1a, then mixed once more."""
    found = 0x811C_9DC5
    for byte in name.encode():
        found = (found ^ byte) * 0x0100_0193 & _MASK
    found = (found ^ found >> 15) * 0x2C1B_3C6D & _MASK
    return found ^ found >> 13


def oklch(lightness: float, chroma: float, hue: float) -> Colour:
    """A colour of the OKLCH space as sRGB (B. Ottosson, "A perceptual color space for image processing", 2020).

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
    """Gamma of sRGB, IEC 61966-2-1."""
    linear = min(max(linear, 0.0), 1.0)
    encoded = 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
    return round(255 * encoded)
