// Several lines in one chart, each with its own places on the axis, its colour and stroke, and its name at its end.

import { clipped, drawCursorLine, drawDot, drawLine, drawSelection, penOf, placeUnder, windowOf } from "./drawing.js";
import { linearScale, linearTicks, logScale, nearest, spread } from "./scales.js";
import { ticksText } from "./words.js";

const LABEL_GAP = 16; // between names at the ends of lines
const LONGEST_NAME = 16; // characters
const NARROW = 560; // pixels; below that there is no room for names beside the plot

export class Curves {
  plot = { left: 0, right: 1, top: 0, bottom: 1 };

  /** Value under a pixel of the canvas. */
  xAt(offset, domain) {
    return placeUnder(offset, this.plot, domain);
  }

  /**
   * Draws into `context`, which has `width` × `height` units. `series` is a list of {name, x, y, colour, stroke}, x
   * rising, y numbers or null. `cursor` is a place on the axis or null.
   */
  draw(context, width, height, { series, domain, cursor, selection, isLog, colours, font }) {
    const hasLabels = width >= NARROW;
    this.plot = { left: 48, right: width - (hasLabels ? 136 : 12), top: 8, bottom: height - 22 };
    const { plot } = this;
    context.clearRect(0, 0, width, height);
    context.font = font;
    context.textBaseline = "middle";
    const shown = series.map((one) => ({ ...one, window: windowOf(one.x, domain) }));
    const scale = scaleOf(shown, isLog);
    const pen = penOf(context, plot, colours, domain, scale);
    drawAxes(pen, scale, domain);
    clipped(pen, () => {
      if (selection) drawSelection(pen, selection);
      for (const { x, y, colour, stroke, window } of shown) drawLine(pen, { places: x, values: y, colour, width: 2, stroke }, window);
      if (cursor !== null) drawCursor(pen, shown, cursor);
    });
    if (hasLabels) drawNames(pen, shown);
  }
}

/** The value of a series at a place, or null outside of its course. */
export function valueAt({ x, y }, place) {
  if (!x.length || place < x[0] || place > x.at(-1)) return null;
  return y[nearest(x, place)] ?? null;
}

function scaleOf(shown, isLog) {
  let low = 0;
  let high = 0;
  for (const { y, window: [first, last] } of shown) {
    for (let k = first; k <= last; k += 1) {
      if (typeof y[k] !== "number") continue;
      low = Math.min(low, y[k]);
      high = Math.max(high, y[k]);
    }
  }
  return isLog && low >= 0 ? logScale(high, 6) : linearScale(low, high, 5);
}

function drawAxes({ context, plot, colours, x, y }, scale, domain) {
  context.strokeStyle = colours.line;
  context.fillStyle = colours.muted;
  context.lineWidth = 1;
  context.textAlign = "right";
  const texts = ticksText(scale.ticks);
  scale.ticks.forEach((tick, k) => {
    const at = Math.round(y(tick)) + 0.5;
    context.beginPath();
    context.moveTo(plot.left, at);
    context.lineTo(plot.right, at);
    context.stroke();
    context.fillText(texts[k], plot.left - 8, at);
  });
  context.textAlign = "center";
  const places = linearTicks(domain[0], domain[1], Math.max(2, Math.floor((plot.right - plot.left) / 110)));
  ticksText(places).forEach((text, k) => {
    const half = context.measureText(text).width / 2;
    context.fillText(text, Math.min(Math.max(x(places[k]), plot.left + half - 6), plot.right + 8 - half), plot.bottom + 13);
  });
}

function drawCursor(pen, shown, cursor) {
  drawCursorLine(pen, cursor);
  for (const one of shown) {
    const value = valueAt(one, cursor);
    if (value !== null) drawDot(pen, one.colour, one.x[nearest(one.x, cursor)], value, 3.5);
  }
}

/** Names beside the ends of the lines, pushed apart so that none covers another. */
function drawNames({ context, plot, y }, shown) {
  const ends = [];
  for (const { name, y: values, colour, window: [first, last] } of shown) {
    let k = last;
    while (k >= first && typeof values[k] !== "number") k -= 1;
    if (k >= first) ends.push({ name, colour, at: y(values[k]) });
  }
  context.textAlign = "left";
  for (const { name, colour, at } of spread(ends, LABEL_GAP, plot)) {
    if (at < plot.top - 2) continue;
    context.fillStyle = colour;
    context.fillText(name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name, plot.right + 8, at);
  }
}
