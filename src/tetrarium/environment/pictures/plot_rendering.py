"""Plots as SVG, with text as text, and as PNG at twice the size."""

import itertools
import math
from collections.abc import Iterator
from typing import BinaryIO, Final
from xml.sax.saxutils import escape

from PIL import Image, ImageDraw, ImageFont

from tetrarium.environment.pictures.colors import Color
from tetrarium.environment.pictures.plots import HEIGHT, WIDTH, Area, Drawing, Plot, Points, Stroke, Words, lay_out

_SCALE: Final = 2  # pixels of a PNG to a unit
_FINE: Final = 3  # oversampling factor of lines
_FONT: Final = "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"
_WIDER: Final = 1.08  # margin for browser fonts wider than the measured one


def _width(text: str, size: int) -> float:
    return float(ImageFont.load_default(size).getlength(text))


def plot_svg(plot: Plot) -> str:
    """Draws a plot as SVG."""
    drawing = lay_out(plot, lambda text, size: _WIDER * _width(text, size))
    shapes = "\n".join(map(_element, drawing.shapes))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" font-family="{_FONT}" font-variant-numeric="tabular-nums">\n'
        f"<title>{escape(plot.title)}</title>\n<desc>{escape(' '.join(plot.caption))}</desc>\n"
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{_hex(drawing.background)}"/>\n{shapes}\n</svg>\n'
    )


def _element(shape: Stroke | Area | Words) -> str:
    color = _hex(shape.color)
    if isinstance(shape, Words):
        place = f'x="{shape.x:.1f}" y="{shape.y:.1f}" font-size="{shape.size}" text-anchor="{shape.anchor}"'
        return f'<text {place} fill="{color}">{escape(shape.text)}</text>'
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
    if isinstance(shape, Area):
        return f'<polygon points="{points}" fill="{color}" fill-opacity="{shape.alpha:g}"/>'
    dashes = f' stroke-dasharray="{" ".join(map(str, shape.dashes))}"' if shape.dashes else ""
    look = f'stroke="{color}" stroke-width="{shape.width:g}" stroke-linejoin="round"{dashes}'
    return f'<polyline points="{points}" fill="none" {look}/>'


def _hex(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)


def write_plot_png(plot: Plot, file: BinaryIO) -> None:
    """Draws a plot as PNG."""
    drawing = lay_out(plot, _width)
    image = _lines(drawing).resize((WIDTH * _SCALE, HEIGHT * _SCALE), Image.Resampling.LANCZOS)
    canvas = ImageDraw.Draw(image)
    anchors = {"start": "ls", "middle": "ms", "end": "rs"}
    for shape in drawing.shapes:
        if isinstance(shape, Words):
            font = ImageFont.load_default(shape.size * _SCALE)
            place = (shape.x * _SCALE, shape.y * _SCALE)
            canvas.text(place, shape.text, fill=shape.color, font=font, anchor=anchors[shape.anchor])
    image.save(file, format="PNG", optimize=True)


def _lines(drawing: Drawing) -> Image.Image:
    fine = _SCALE * _FINE
    image = Image.new("RGB", (WIDTH * fine, HEIGHT * fine), drawing.background)
    for shape in drawing.shapes:
        if isinstance(shape, Area):
            alpha_mask = Image.new("L", image.size)
            ImageDraw.Draw(alpha_mask).polygon(_scaled(shape.points, fine), fill=round(255 * shape.alpha))
            image.paste(Image.new("RGB", image.size, shape.color), mask=alpha_mask)
        elif isinstance(shape, Stroke):
            canvas = ImageDraw.Draw(image)
            for part in _dashed(shape.points, shape.dashes):
                width = max(1, round(shape.width * fine))
                canvas.line(_scaled(part, fine), fill=shape.color, width=width, joint="curve")
    return image


def _scaled(points: Points, scale: int) -> list[tuple[float, float]]:
    return [(x * scale, y * scale) for x, y in points]


def _dashed(points: Points, dashes: tuple[int, ...]) -> Iterator[Points]:
    """Yields the dashes of a line."""
    if not dashes:
        yield points
        return
    place, left, drawn = 0, float(dashes[0]), [points[0]] if points else []
    for (x, y), (x_next, y_next) in itertools.pairwise(points):
        length, done = math.hypot(x_next - x, y_next - y), 0.0
        while length - done > left:
            done += left
            at = (x + (x_next - x) * done / length, y + (y_next - y) * done / length)
            if place % 2 == 0:
                yield (*drawn, at)
            place, drawn = place + 1, [at]
            left = float(dashes[place % len(dashes)])
        left -= length - done
        drawn.append((x_next, y_next))
    if place % 2 == 0 and len(drawn) > 1:
        yield tuple(drawn)
