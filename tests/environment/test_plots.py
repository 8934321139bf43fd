"""Learning curves as pictures: where lines lie, what stands beside them, and that SVG and PNG show the same."""

import io
import itertools
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tetrarium.environment.pictures.colors import HUES, STROKES, RunStyle, oklch, run_style, run_styles
from tetrarium.environment.pictures.plot_rendering import plot_svg, write_plot_png
from tetrarium.environment.pictures.plots import (
    HEIGHT,
    WIDTH,
    Area,
    Plot,
    PlotLine,
    Stroke,
    Words,
    end_text,
    lay_out,
    linear_scale,
    log_scale,
)

SVG = "{http://www.w3.org/2000/svg}"
RISING = PlotLine(
    label="first", run="first", steps=(0, 500, 1_000), values=(0, 10, 20), low=(0, 5, 10), high=(1, 15, 40)
)
FLAT = PlotLine(label="a < b & c", run="run-1", steps=(0, 500), values=(20, 20))
PLOT = Plot(title="Lines per game", caption=("Over steps.", "Band: some interval."), lines=(RISING, FLAT), is_log=False)


def measure(text: str, size: int) -> float:
    return 0.5 * size * len(text)


def words(plot: Plot) -> dict[str, Words]:
    return {shape.text: shape for shape in lay_out(plot, measure).shapes if isinstance(shape, Words)}


def test_lines_lie_where_their_values_are_and_axes_begin_at_zero() -> None:
    shapes = lay_out(PLOT, measure).shapes
    line = next(shape for shape in shapes if isinstance(shape, Stroke) and len(shape.points) == 3)
    band = next(shape for shape in shapes if isinstance(shape, Area))
    seen_texts = words(PLOT)
    ten, forty = seen_texts["10"], seen_texts["40"]

    (x_0, y_0), (x_1, y_1), (x_2, y_2) = line.points
    assert x_1 - x_0 == pytest.approx(x_2 - x_1) and y_0 - y_1 == pytest.approx(y_1 - y_2)
    assert y_1 == pytest.approx(ten.y - 5) and y_2 - y_1 == pytest.approx((forty.y - ten.y) / 3)
    assert y_0 == max(y for shape in shapes if isinstance(shape, Stroke) for _, y in shape.points)
    assert len(band.points) == 6 and band.points[2] == (pytest.approx(x_2), pytest.approx(forty.y - 5))
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for shape in (line, band) for x, y in shape.points)


def test_lines_are_labeled_at_their_ends_with_their_last_values_without_overlap() -> None:
    seen_texts = words(PLOT)
    first, flat = seen_texts["first  20"], seen_texts["a < b & c  20"]

    assert first.x == flat.x and abs(first.y - flat.y) >= 18
    many = replace(PLOT, lines=tuple(replace(FLAT, label=f"r{n}", values=(n / 9, n / 9)) for n in range(12)))
    places = sorted(shape.y for text, shape in words(many).items() if text.startswith("r"))
    assert len(places) == 12 and all(b - a >= 17.9 for a, b in itertools.pairwise(places))
    assert "a-name-with-so-many-letters…  20" in words(
        replace(PLOT, lines=(replace(FLAT, label="a-name-with-so-many-letters-in-it"),))
    )


def test_a_run_has_the_same_style_as_on_the_pages() -> None:
    # as the page's colors.js and a browser's oklch() give them
    assert run_style("run-1") == RunStyle(62, (2, 3)) and run_style("quick-1") == RunStyle(332, ())
    assert run_style("Ünïcode") == RunStyle(352, (2, 3)) and run_style("x" * 64) == RunStyle(102, (6, 4))
    assert oklch(0.52, 0.15, 200) == (0, 128, 139) and oklch(0.52, 0.15, 62) == (163, 79, 0)


def test_runs_of_one_plot_have_different_styles() -> None:
    names = [f"r{n}" for n in range(len(HUES) * len(STROKES))]
    styles = run_styles(names)
    first_owners = {run_style(name).hue: name for name in reversed(names)}

    assert len(set(styles.values())) == len(names)
    assert all(styles[name] == run_style(name) for name in first_owners.values())
    for first in range(len(names) - len(HUES)):
        found = run_styles(names[first : first + len(HUES)])
        assert len({style.hue for style in found.values()}) == len(HUES), "twelve runs have twelve colors"
    lines = tuple(replace(FLAT, label=name, run=name) for name in names)
    strokes = [shape for shape in lay_out(replace(PLOT, lines=lines), measure).shapes if isinstance(shape, Stroke)]
    assert len({(shape.color, shape.dashes) for shape in strokes if shape.width == 2}) == len(names)


def test_single_point_is_a_marker() -> None:
    point = PlotLine(label="one", run="one", steps=(500,), values=(20,))
    strokes = [s for s in lay_out(replace(PLOT, lines=(RISING, point)), measure).shapes if isinstance(s, Stroke)]
    [marker] = [shape for shape in strokes if shape.width == 7]
    (left, y_left), (right, y_right) = marker.points

    assert right - left == 7 and y_left == y_right
    assert marker.color == oklch(0.52, 0.15, run_style("one").hue)


def test_svg_holds_all_text_as_text_whatever_it_is() -> None:
    root = ET.fromstring(plot_svg(PLOT))
    seen_texts = [element.text for element in root.iter(f"{SVG}text")]

    assert root.find(f"{SVG}title").text == "Lines per game"  # type: ignore[union-attr]
    assert {"Lines per game", "Band: some interval.", "first  20", "a < b & c  20"} <= set(seen_texts)
    assert len(list(root.iter(f"{SVG}polygon"))) == 1
    dashed = [line.get("stroke-dasharray") for line in root.iter(f"{SVG}polyline") if line.get("stroke-width") == "2"]
    assert dashed == ["2 3", "2 3"] and run_style("first").dashes == (2, 3)
    alone = ET.fromstring(plot_svg(replace(PLOT, lines=(RISING,))))
    assert [line for line in alone.iter(f"{SVG}polyline") if line.get("stroke-dasharray") == "2 3"] == []


def test_png_shows_lines_in_their_colors() -> None:
    written = io.BytesIO()
    write_plot_png(PLOT, written)
    picture = Image.open(written)
    colors = {color for _, color in picture.convert("RGB").getcolors(maxcolors=10**6) or ()}

    assert picture.size == (2 * WIDTH, 2 * HEIGHT)
    assert {oklch(0.52, 0.15, run_style(name).hue) for name in ("first", "run-1")} <= colors


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=9), st.booleans())
def test_any_values_make_a_picture(values: list[float], is_log: bool) -> None:
    line = PlotLine(label="x", run="x", steps=tuple(range(len(values))), values=values, low=values, high=values)
    drawing = lay_out(replace(PLOT, lines=(line,), is_log=is_log), measure)

    points = [point for shape in drawing.shapes if isinstance(shape, Stroke | Area) for point in shape.points]
    assert all(-1 <= x <= WIDTH and -1 <= y <= HEIGHT for x, y in points)


def test_ticks_are_round() -> None:
    assert linear_scale(0, 104, 5).ticks == (0, 50, 100) and linear_scale(-3, 3, 3).ticks == (-2, 0, 2)
    assert linear_scale(0, 0, 5).high == 1 and log_scale(0, 5).ticks == (0, 1)
    assert log_scale(3e6, 4).ticks == (0, 1, 100, 1e4, 1e6)
    assert log_scale(100, 5).place(0) == 0 and log_scale(100, 5).place(100) == 1
    assert [end_text(value) for value in (4_591.4, 99.96, 0.3625, -2.5)] == ["4,591", "100", "0.362", "-2.5"]
