"""A laid out plot as SVG, in which text stays text, and as PNG, at twice its measures so that it is crisp."""

import itertools
import math
from collections.abc import Iterator
from typing import BinaryIO, Final
from xml.sax.saxutils import escape

from PIL import Image, ImageDraw, ImageFont

from tetrarium.environment.plots import HEIGHT, WIDTH, Area, Drawing, Plot, Points, Stroke, Words, lay_out
from tetrarium.environment.scene import Colour

__all__ = ["plot_svg", "write_plot_png"]

_SCALE: Final = 2  # pixels of a PNG to a unit
_FINE: Final = 3  # lines are drawn so many times larger, and made smaller afterwards
_FONT: Final = "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"
_WIDER: Final = 1.08  # a browser's font may be wider than the one that is measured


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
    colour = _hex(shape.colour)
    if isinstance(shape, Words):
        place = f'x="{shape.x:.1f}" y="{shape.y:.1f}" font-size="{shape.size}" text-anchor="{shape.anchor}"'
        return f'<text {place} fill="{colour}">{escape(shape.text)}</text>'
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
    if isinstance(shape, Area):
        return f'<polygon points="{points}" fill="{colour}" fill-opacity="{shape.alpha:g}"/>'
    dashes = f' stroke-dasharray="{" ".join(map(str, shape.dashes))}"' if shape.dashes else ""
    look = f'stroke="{colour}" stroke-width="{shape.width:g}" stroke-linejoin="round"{dashes}'
    return f'<polyline points="{points}" fill="none" {look}/>'


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def write_plot_png(plot: Plot, file: BinaryIO) -> None:
    """Draws a plot as PNG."""
    drawing = lay_out(plot, _width)
    image = _lines(drawing).resize((WIDTH * _SCALE, HEIGHT * _SCALE), Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(image)
    anchors = {"start": "ls", "middle": "ms", "end": "rs"}
    for shape in drawing.shapes:
        if isinstance(shape, Words):
            font = ImageFont.load_default(shape.size * _SCALE)
            place = (shape.x * _SCALE, shape.y * _SCALE)
            pen.text(place, shape.text, fill=shape.colour, font=font, anchor=anchors[shape.anchor])
    image.save(file, format="PNG", optimize=True)


def _lines(drawing: Drawing) -> Image.Image:
    fine = _SCALE * _FINE
    image = Image.new("RGB", (WIDTH * fine, HEIGHT * fine), drawing.background)
    for shape in drawing.shapes:
        if isinstance(shape, Area):
            veil = Image.new("L", image.size)
            ImageDraw.Draw(veil).polygon(_scaled(shape.points, fine), fill=round(255 * shape.alpha))
            image.paste(Image.new("RGB", image.size, shape.colour), mask=veil)
        elif isinstance(shape, Stroke):
            pen = ImageDraw.Draw(image)
            for part in _dashed(shape.points, shape.dashes):
                pen.line(_scaled(part, fine), fill=shape.colour, width=max(1, round(shape.width * fine)), joint="curve")
    return image


def _scaled(points: Points, scale: int) -> list[tuple[float, float]]:
    return [(x * scale, y * scale) for x, y in points]


def _dashed(points: Points, dashes: tuple[int, ...]) -> Iterator[Points]:
    """Cuts a line into its dashes."""
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
