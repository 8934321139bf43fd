"""Plots of learning curves: their data, axis scales, and the layout of their shapes before they become SVG or pixels.

Lines are labeled at their ends, bands are explained in the caption, and axes begin at 0. Lengths are units of a picture
of ``WIDTH`` by ``HEIGHT``; y grows downwards.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tetrarium.environment.pictures.colors import THEMES, Color, RunStyle, oklch, run_styles

LOGARITHMIC_FROM: Final = 100.0  # charts with larger values are logarithmic
_STEPS: Final = (1, 2, 5, 10)
_SLACK: Final = 1e-9
_UNITS: Final = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Scale that begins at 0, or lower if values do."""

    low: float
    high: float
    is_log: bool  # in 1 + value, so that it begins at 0 too
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        """Returns the position of a value, 0 at the low end and 1 at the high end."""
        if self.is_log:
            return math.log1p(max(0.0, value)) / math.log1p(self.high)
        return (value - self.low) / (self.high - self.low)


def linear_scale(low: float, high: float, n_ticks: int) -> Scale:
    """Returns a scale with about ``n_ticks`` round ticks.

    >>> linear_scale(0, 950, 4).ticks
    (0.0, 500.0)
    """
    low, high = min(low, 0.0), max(high, 0.0)
    if high <= low:
        high = low + 1.0
    raw = (high - low) / max(1, n_ticks)
    power = 10.0 ** math.floor(math.log10(raw))
    step = power * next(factor for factor in _STEPS if factor * power >= raw * (1 - 1e-3))
    first, last = math.ceil(low / step - _SLACK), math.floor(high / step + _SLACK)
    return Scale(low=low, high=high, is_log=False, ticks=tuple(k * step for k in range(first, last + 1)))


def log_scale(high: float, n_ticks: int) -> Scale:
    """Returns a logarithmic scale with ticks at powers of 10.

    >>> log_scale(25_000, 6).ticks
    (0.0, 1.0, 10.0, 100.0, 1000.0, 10000.0)
    """
    high = max(high, 1.0)
    decades = math.floor(math.log10(high) + _SLACK)
    every = max(1, math.ceil((decades + 1) / n_ticks))
    ticks = (0.0, *(10.0**k for k in range(0, decades + 1, every)))
    return Scale(low=0.0, high=high, is_log=True, ticks=ticks)


def short_text(value: float) -> str:
    """Formats a number for an axis.

    >>> short_text(0.0), short_text(0.25), short_text(1_500), short_text(2e6), short_text(-30)
    ('0', '0.25', '1.5 k', '2 M', '-30')
    """
    for unit, letter in _UNITS:
        if abs(value) >= unit:
            return f"{value / unit:.3g} {letter}"
    return f"{value:.3g}"


WIDTH: Final = 960
HEIGHT: Final = 540
TITLE_SIZE: Final = 20
SIZE: Final = 14
_LEFT: Final = 72
_TOP: Final = 60
_BOTTOM: Final = 112
_LABEL_GAP: Final = 18  # between labels at the ends of lines
_LONGEST: Final = 28  # characters of a label
_WHOLE_FROM: Final = 99.95  # values from here on are shown without fraction
_RUN_LIGHTNESS: Final = 0.52
_RUN_CHROMA: Final = 0.15
_BAND_ALPHA: Final = 0.16
_MARKER: Final = 7.0  # edge length of a single point
_ROOM: Final = 1.05  # above the largest value

Points = tuple[tuple[float, float], ...]
TextWidth = Callable[[str, int], float]  # width of a text of a font size


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotLine:
    """Curve of a run; sequences have equal length, steps rise."""

    label: str
    run: str  # name of the run, which determines the style
    steps: Sequence[float]
    values: Sequence[float]
    low: Sequence[float] | None = None  # lower end of its band
    high: Sequence[float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Data of a plot."""

    title: str
    caption: tuple[str, ...]
    lines: tuple[PlotLine, ...]
    is_log: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stroke:
    """Line through points."""

    points: Points
    color: Color
    width: float
    dashes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """Translucent polygon."""

    points: Points
    color: Color
    alpha: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Text whose baseline starts, is centered or ends at a point."""

    x: float
    y: float
    text: str
    size: int
    color: Color
    anchor: str = "start"  # "middle", "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """Shapes of a plot, from back to front."""

    background: Color
    shapes: tuple[Stroke | Area | Words, ...]


def plot_scales(plot: Plot, n_ticks: int = 5, n_steps: int = 6) -> tuple[Scale, Scale]:
    """Returns the scales of steps and of values, which contain every curve and its band."""
    values = [value for line in plot.lines for part in (line.values, line.low, line.high) for value in part or ()]
    steps = [step for line in plot.lines for step in line.steps]
    high = _ROOM * max(values, default=1.0)
    scale = log_scale(high, n_ticks + 1) if plot.is_log else linear_scale(min(values, default=0.0), high, n_ticks)
    return linear_scale(0.0, max(steps, default=1.0), n_steps), scale


def lay_out(plot: Plot, text_width: TextWidth) -> Drawing:
    """Lays out a plot.

    ``text_width``: function that measures a text.
    """
    theme = THEMES["light"]
    steps, scale = plot_scales(plot)
    labels = [_label(line) for line in plot.lines]
    styles = [run_styles([line.run for line in plot.lines])[line.run] for line in plot.lines]
    colors = [_color(style) for style in styles]
    right = WIDTH - 24 - max((text_width(label, SIZE) for label in labels), default=0.0) - 10

    def at(step: float, value: float) -> tuple[float, float]:
        x = _LEFT + steps.place(step) * (right - _LEFT)
        return x, HEIGHT - _BOTTOM - scale.place(value) * (HEIGHT - _BOTTOM - _TOP)

    shapes: list[Stroke | Area | Words] = [Words(x=24, y=36, text=plot.title, size=TITLE_SIZE, color=theme.text)]
    for tick in scale.ticks:
        y = at(0.0, tick)[1]
        shapes.append(Stroke(points=((_LEFT, y), (right, y)), color=theme.grid if tick else theme.frame, width=1))
        shapes.append(Words(x=_LEFT - 8, y=y + 5, text=short_text(tick), size=SIZE, color=theme.label, anchor="end"))
    for tick in steps.ticks:
        x = at(tick, scale.low)[0]
        y = HEIGHT - _BOTTOM + 20
        shapes.append(Words(x=x, y=y, text=short_text(tick), size=SIZE, color=theme.label, anchor="middle"))
    for number, text in enumerate(plot.caption):
        y = HEIGHT - _BOTTOM + 48 + 20 * number
        shapes.append(Words(x=24, y=y, text=text, size=SIZE, color=theme.label))
    for line, color in zip(plot.lines, colors, strict=True):
        if line.low is not None and line.high is not None:
            above = tuple(at(*point) for point in zip(line.steps, line.high, strict=True))
            below = tuple(at(*point) for point in zip(line.steps, line.low, strict=True))
            shapes.append(Area(points=above + below[::-1], color=color, alpha=_BAND_ALPHA))
    for line, style, color in zip(plot.lines, styles, colors, strict=True):
        points = tuple(at(*point) for point in zip(line.steps, line.values, strict=True))
        if len(points) == 1:
            (x, y), half = points[0], _MARKER / 2
            points = ((x - half, y), (x + half, y))
            shapes.append(Stroke(points=points, color=color, width=_MARKER))
            continue
        dashes = style.dashes if len(plot.lines) > 1 else ()  # a single curve needs no dashes
        shapes.append(Stroke(points=points, color=color, width=2, dashes=dashes))
    shapes += _ends(plot.lines, labels, colors, at, right)
    return Drawing(background=theme.background, shapes=tuple(shapes))


def _color(style: RunStyle) -> Color:
    return oklch(_RUN_LIGHTNESS, _RUN_CHROMA, style.hue)


def _label(line: PlotLine) -> str:
    name = line.label if len(line.label) <= _LONGEST else f"{line.label[: _LONGEST - 1]}…"
    return f"{name}  {end_text(line.values[-1])}"


def end_text(value: float) -> str:
    """Formats the last value of a curve: whole from 100 on, otherwise with three digits."""
    return f"{value:,.0f}" if abs(value) >= _WHOLE_FROM else f"{value:.3g}"


def _ends(
    lines: Sequence[PlotLine],
    labels: Sequence[str],
    colors: Sequence[Color],
    at: Callable[[float, float], tuple[float, float]],
    right: float,
) -> list[Stroke | Area | Words]:
    """Returns labels beside the ends of lines, moved apart where they would overlap, each with a leader to its line."""
    ends = [at(line.steps[-1], line.values[-1]) for line in lines]
    order = sorted(range(len(lines)), key=lambda place: ends[place][1])
    lowest = HEIGHT - _BOTTOM - _LABEL_GAP * (len(order) - 1)
    shapes: list[Stroke | Area | Words] = []
    y = float("-inf")
    for rank, place in enumerate(order):
        x_end, y_end = ends[place]
        y = min(max(y_end, y + _LABEL_GAP), lowest + _LABEL_GAP * rank)
        color = colors[place]
        if abs(y - y_end) > 2 or right - x_end > 4:
            leader = ((x_end + 4, y_end), (right + 7, y))
            shapes.append(Stroke(points=leader, color=THEMES["light"].frame, width=1, dashes=(1, 4)))
        shapes.append(Words(x=right + 10, y=y + 5, text=labels[place], size=SIZE, color=color))
    return shapes
