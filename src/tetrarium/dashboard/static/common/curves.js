// Several lines in one chart, each with its own places on the axis, its colour and stroke, and its name at its end.

import { linearScale, linearTicks, logScale, nearest, spread } from "./scales.js";
import { ticksText } from "./words.js";

const LABEL_GAP = 16; // between names at the ends of lines
const LONGEST_NAME = 16; // characters
const NARROW = 560; // pixels; below that there is no room for names beside the plot

export class Curves {
  plot = { left: 0, right: 1, top: 0, bottom: 1 };

  /** Value under a pixel of the canvas. */
  xAt(offset, [low, high]) {
    const { left, right } = this.plot;
    const share = Math.min(1, Math.max(0, (offset - left) / Math.max(1, right - left)));
    return low + share * (high - low);
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
    const pen = {
      context, plot, colours,
      x: (value) => plot.left + ((value - domain[0]) / (domain[1] - domain[0] || 1)) * (plot.right - plot.left),
      y: (value) => plot.bottom - scale.position(value) * (plot.bottom - plot.top),
    };
    drawAxes(pen, scale, domain);
    context.save();
    context.beginPath();
    context.rect(plot.left, plot.top - 4, plot.right - plot.left + 4, plot.bottom - plot.top + 8);
    context.clip();
    if (selection) drawSelection(pen, selection);
    for (const one of shown) drawLine(pen, one);
    if (cursor !== null) drawCursor(pen, shown, cursor);
    context.restore();
    if (hasLabels) drawNames(pen, shown);
  }
}

/** The value of a series at a place, or null outside of its course. */
export function valueAt({ x, y }, place) {
  if (!x.length || place < x[0] || place > x.at(-1)) return null;
  return y[nearest(x, place)] ?? null;
}

function windowOf(x, [low, high]) {
  const first = x.findIndex((value) => value >= low);
  if (first < 0) return [0, -1];
  let last = x.length - 1;
  while (last > first && x[last] > high) last -= 1;
  return [Math.max(0, first - 1), Math.min(x.length - 1, last + 1)];
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

function drawSelection({ context, plot, colours, x }, [from, to]) {
  context.globalAlpha = 0.18;
  context.fillStyle = colours.accent;
  context.fillRect(x(Math.min(from, to)), plot.top, Math.abs(x(to) - x(from)), plot.bottom - plot.top);
  context.globalAlpha = 1;
}

function drawLine({ context, x, y }, { x: places, y: values, colour, stroke, window: [first, last] }) {
  context.beginPath();
  let isDown = false;
  for (let k = first; k <= last; k += 1) {
    const value = values[k];
    if (typeof value !== "number") {
      isDown = false;
      continue;
    }
    if (isDown) context.lineTo(x(places[k]), y(value));
    else context.moveTo(x(places[k]), y(value));
    isDown = true;
  }
  context.strokeStyle = colour;
  context.lineWidth = 2;
  context.lineJoin = "round";
  context.setLineDash(stroke);
  context.stroke();
  context.setLineDash([]);
}

function drawCursor({ context, plot, colours, x, y }, shown, cursor) {
  const middle = Math.round(x(cursor)) + 0.5;
  context.strokeStyle = colours.muted;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(middle, plot.top);
  context.lineTo(middle, plot.bottom);
  context.stroke();
  for (const one of shown) {
    const value = valueAt(one, cursor);
    if (value === null) continue;
    context.beginPath();
    context.arc(x(one.x[nearest(one.x, cursor)]), y(value), 3.5, 0, 2 * Math.PI);
    context.fillStyle = one.colour;
    context.fill();
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
