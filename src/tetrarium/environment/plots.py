"""Learning curves as pictures: what is to be drawn, and where it lies, before it becomes SVG or pixels.

Lines are labelled at their ends, bands say in the caption what they are, and axes begin at 0. Measures are units of a
picture of ``WIDTH`` by ``HEIGHT``; y grows downwards.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tetrarium.environment.rendering import THEMES
from tetrarium.environment.run_looks import look_of, oklch
from tetrarium.environment.scales import Scale, linear_scale, log_scale, short_text
from tetrarium.environment.scene import Colour

__all__ = [
    "HEIGHT",
    "WIDTH",
    "Area",
    "Drawing",
    "Plot",
    "PlotLine",
    "Stroke",
    "Words",
    "end_text",
    "lay_out",
    "plot_scales",
]

WIDTH: Final = 960
HEIGHT: Final = 540
TITLE_SIZE: Final = 20
SIZE: Final = 14
_LEFT: Final = 72
_TOP: Final = 60
_BOTTOM: Final = 112
_LABEL_GAP: Final = 18  # between labels at the ends of lines
_LONGEST: Final = 28  # characters of a label
_WHOLE_FROM: Final = 99.95  # values of which no fraction is told
_RUN_LIGHTNESS: Final = 0.52
_RUN_CHROMA: Final = 0.15
_BAND_ALPHA: Final = 0.16
_ROOM: Final = 1.05  # above the largest value

Points = tuple[tuple[float, float], ...]
Measure = Callable[[str, int], float]  # of a text of a size, its width


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotLine:
    """One curve; its values are of one length, steps rise."""

    label: str
    run: str  # whose look it has
    steps: Sequence[float]
    values: Sequence[float]
    low: Sequence[float] | None = None  # ends of its band, where it has one
    high: Sequence[float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """What a picture says."""

    title: str
    caption: tuple[str, ...]
    lines: tuple[PlotLine, ...]
    is_log: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stroke:
    """A line through points."""

    points: Points
    colour: Colour
    width: float
    dashes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """What lies inside points, through which one sees."""

    points: Points
    colour: Colour
    alpha: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A text whose baseline begins, has its middle or ends at a point."""

    x: float
    y: float
    text: str
    size: int
    colour: Colour
    anchor: str = "start"  # "middle", "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """All shapes of a picture, those at the back first."""

    background: Colour
    shapes: tuple[Stroke | Area | Words, ...]


def plot_scales(plot: Plot, n_ticks: int = 5, n_steps: int = 6) -> tuple[Scale, Scale]:
    """The scales of steps and of values, which hold every curve and its band."""
    values = [value for line in plot.lines for part in (line.values, line.low, line.high) for value in part or ()]
    steps = [step for line in plot.lines for step in line.steps]
    high = _ROOM * max(values, default=1.0)
    scale = log_scale(high, n_ticks + 1) if plot.is_log else linear_scale(min(values, default=0.0), high, n_ticks)
    return linear_scale(0.0, max(steps, default=1.0), n_steps), scale


def lay_out(plot: Plot, measure: Measure) -> Drawing:
    """Places everything.

    Args:
        plot: What to say.
        measure: Tells how wide a text is.
    """
    theme = THEMES["light"]
    steps, scale = plot_scales(plot)
    labels = [_label(line) for line in plot.lines]
    right = WIDTH - 24 - max((measure(label, SIZE) for label in labels), default=0.0) - 10

    def at(step: float, value: float) -> tuple[float, float]:
        x = _LEFT + steps.place(step) * (right - _LEFT)
        return x, HEIGHT - _BOTTOM - scale.place(value) * (HEIGHT - _BOTTOM - _TOP)

    shapes: list[Stroke | Area | Words] = [
        Words(x=24, y=36, text=plot.title, size=TITLE_SIZE, colour=theme.text),
    ]
    for tick in scale.ticks:
        y = at(0.0, tick)[1]
        shapes.append(Stroke(points=((_LEFT, y), (right, y)), colour=theme.grid if tick else theme.frame, width=1))
        shapes.append(Words(x=_LEFT - 8, y=y + 5, text=short_text(tick), size=SIZE, colour=theme.label, anchor="end"))
    for tick in steps.ticks:
        x = at(tick, scale.low)[0]
        y = HEIGHT - _BOTTOM + 20
        shapes.append(Words(x=x, y=y, text=short_text(tick), size=SIZE, colour=theme.label, anchor="middle"))
    for number, text in enumerate(plot.caption):
        y = HEIGHT - _BOTTOM + 48 + 20 * number
        shapes.append(Words(x=24, y=y, text=text, size=SIZE, colour=theme.label))
    for line in plot.lines:
        if line.low is not None and line.high is not None:
            above = tuple(at(*point) for point in zip(line.steps, line.high, strict=True))
            below = tuple(at(*point) for point in zip(line.steps, line.low, strict=True))
            shapes.append(Area(points=above + below[::-1], colour=_colour(line), alpha=_BAND_ALPHA))
    for line in plot.lines:
        points = tuple(at(*point) for point in zip(line.steps, line.values, strict=True))
        dashes = look_of(line.run).dashes if len(plot.lines) > 1 else ()  # alone there is nothing to be told from
        shapes.append(Stroke(points=points, colour=_colour(line), width=2, dashes=dashes))
    shapes += _ends(plot.lines, labels, at, right)
    return Drawing(background=theme.background, shapes=tuple(shapes))


def _colour(line: PlotLine) -> Colour:
    return oklch(_RUN_LIGHTNESS, _RUN_CHROMA, look_of(line.run).hue)


def _label(line: PlotLine) -> str:
    name = line.label if len(line.label) <= _LONGEST else f"{line.label[: _LONGEST - 1]}…"
    return f"{name}  {end_text(line.values[-1])}"


def end_text(value: float) -> str:
    """The last value of a curve: whole from 100 on, else three digits."""
    return f"{value:,.0f}" if abs(value) >= _WHOLE_FROM else f"{value:.3g}"


def _ends(
    lines: Sequence[PlotLine], labels: Sequence[str], at: Callable[[float, float], tuple[float, float]], right: float
) -> list[Stroke | Area | Words]:
    """Labels beside the ends of lines, moved apart where they would cover each other, each led to its line."""
    ends = [at(line.steps[-1], line.values[-1]) for line in lines]
    order = sorted(range(len(lines)), key=lambda place: ends[place][1])
    lowest = HEIGHT - _BOTTOM - _LABEL_GAP * (len(order) - 1)
    shapes: list[Stroke | Area | Words] = []
    y = float("-inf")
    for rank, place in enumerate(order):
        x_end, y_end = ends[place]
        y = min(max(y_end, y + _LABEL_GAP), lowest + _LABEL_GAP * rank)
        colour = _colour(lines[place])
        if abs(y - y_end) > 2 or right - x_end > 4:
            leader = ((x_end + 4, y_end), (right + 7, y))
            shapes.append(Stroke(points=leader, colour=THEMES["light"].frame, width=1, dashes=(1, 4)))
        shapes.append(Words(x=right + 10, y=y + 5, text=labels[place], size=SIZE, colour=colour))
    return shapes
