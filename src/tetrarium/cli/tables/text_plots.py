"""Plots of characters, for a terminal or a pipe, with a mark per curve, labeled at its end.

Curves differ in their marks as well as in color. A band is drawn as lighter marks.
"""

from collections.abc import Sequence
from typing import Final

from rich.text import Text

from tetrarium.environment.pictures.colors import oklch, run_style
from tetrarium.environment.pictures.plots import Plot, PlotLine, Scale, end_text, plot_scales, short_text

_MARKS: Final = "•∘+▪▫#"
_ASCII_MARKS: Final = "*x+o#@"
_BANDS: Final = ("░", ".")
_RULES: Final = ("─", "-")
_MIN_WIDTH: Final = 20  # of the curves themselves
_MAX_LABEL_LENGTH: Final = 24  # characters of a label
_LIGHTNESS: Final = 0.66  # readable on black and on white
_CHROMA: Final = 0.15

Cells = list[list[tuple[str, str]]]  # rows from the top, of characters and their styles


def draw_text_plot(plot: Plot, width: int, height: int, *, is_unicode: bool = True) -> list[Text]:
    """Draws a plot with title, axes and caption.

    ``is_unicode``: whether characters beyond ASCII can be used.
    """
    n_rows = max(4, height - 3 - len(plot.caption))
    steps, scale = plot_scales(plot, n_ticks=max(2, n_rows // 4), n_steps=4)
    labels = [f" {line.label[:_MAX_LABEL_LENGTH]} {end_text(line.values[-1])}" for line in plot.lines]
    if not is_unicode:
        labels = [label.replace("…", "...") for label in labels]
    axis = 1 + max(len(short_text(tick)) for tick in scale.ticks)
    n_columns = max(_MIN_WIDTH, width - axis - max(map(len, labels)))
    cells: Cells = [[(" ", "")] * n_columns for _ in range(n_rows)]
    for line in plot.lines:
        _draw_band(cells, line, steps, scale, _BANDS[not is_unicode])
    for number, line in enumerate(plot.lines):
        _draw_line(cells, line, steps, scale, (_MARKS if is_unicode else _ASCII_MARKS)[number % len(_MARKS)])
    ends = _ends(plot.lines, labels, n_rows, scale)
    ticks = {_row(tick, scale, n_rows): short_text(tick) for tick in reversed(scale.ticks)}
    drawn = [Text(plot.title, style="bold")]
    for row in range(n_rows):
        text = Text(f"{ticks.get(row, ''):>{axis - 1}} ", style="dim")
        for character, style in cells[row]:
            text.append(character, style)
        text.append(*ends.get(row, ("", "")))
        drawn.append(text)
    drawn += [Text(" " * axis + _RULES[not is_unicode] * n_columns, style="dim"), _steps(steps, axis, n_columns)]
    return [*drawn, *(Text(line, style="dim", overflow="fold") for line in plot.caption)]


def _row(value: float, scale: Scale, n_rows: int) -> int:
    """Returns the row of a value, counted from the top."""
    return n_rows - 1 - min(n_rows - 1, max(0, round(scale.place(value) * (n_rows - 1))))


def _style(line: PlotLine) -> str:
    return "rgb({},{},{})".format(*oklch(_LIGHTNESS, _CHROMA, run_style(line.run).hue))


def _at(line: PlotLine, values: Sequence[float], step: float) -> float | None:
    """Interpolates a curve at a step; None outside of it."""
    places = line.steps
    if not places[0] <= step <= places[-1]:
        return None
    after = next(place for place, known in enumerate(places) if known >= step)
    if after == 0:
        return values[0]
    share = (step - places[after - 1]) / ((places[after] - places[after - 1]) or 1.0)
    return values[after - 1] + share * (values[after] - values[after - 1])


def _columns(line: PlotLine, steps: Scale, n_columns: int) -> list[tuple[int, float]]:
    """Returns the columns that a curve covers with a step in each, its first and last value included."""
    step_column = (steps.high - steps.low) / max(1, n_columns - 1)
    reached = {}
    for column in range(n_columns):
        step = column * step_column
        if line.steps[0] - step_column / 2 <= step <= line.steps[-1] + step_column / 2:
            reached[column] = min(max(step, line.steps[0]), line.steps[-1])
    return list(reached.items())


def _draw_band(cells: Cells, line: PlotLine, steps: Scale, scale: Scale, mark: str) -> None:
    if line.low is None or line.high is None:
        return
    for column, step in _columns(line, steps, len(cells[0])):
        low, high = _at(line, line.low, step), _at(line, line.high, step)
        if low is not None and high is not None:
            for row in range(_row(high, scale, len(cells)), _row(low, scale, len(cells)) + 1):
                cells[row][column] = (mark, f"dim {_style(line)}")


def _draw_line(cells: Cells, line: PlotLine, steps: Scale, scale: Scale, mark: str) -> None:
    before: int | None = None
    for column, step in _columns(line, steps, len(cells[0])):
        value = _at(line, line.values, step)
        if value is None:
            continue
        row = _row(value, scale, len(cells))
        joined = [row] if before is None or row == before else range(row, before, 1 if before > row else -1)
        for place in joined:
            cells[place][column] = (mark, _style(line))
        before = row


def _ends(lines: Sequence[PlotLine], labels: Sequence[str], n_rows: int, scale: Scale) -> dict[int, tuple[str, str]]:
    """Returns the labels by row, each as near to the end of its curve as possible."""
    taken: dict[int, tuple[str, str]] = {}
    for line, label in sorted(zip(lines, labels, strict=True), key=lambda pair: -pair[0].values[-1]):
        wanted = _row(line.values[-1], scale, n_rows)
        free = [row for row in range(n_rows) if row not in taken]
        if free:
            taken[min(free, key=lambda row: (abs(row - wanted), row))] = (label, _style(line))
    return taken


def _steps(steps: Scale, axis: int, n_columns: int) -> Text:
    """Returns the labels of the step axis."""
    characters = [" "] * (axis + n_columns + 1)
    for tick in steps.ticks:
        text = short_text(tick)
        begin = axis + round(steps.place(tick) * (n_columns - 1)) - len(text) // 2
        begin = min(max(begin, 0), len(characters) - len(text))
        if all(character == " " for character in characters[max(0, begin - 1) : begin + len(text) + 1]):
            characters[begin : begin + len(text)] = text
    return Text("".join(characters).rstrip(), style="dim")
