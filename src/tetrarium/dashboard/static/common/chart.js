// One line chart on a canvas: a line, perhaps a band around it, and marks for single measurements.
//
// It draws what it is given and knows nothing of others; `charts.js` gives all of them one time axis and one cursor.

import { clipped, drawCursorLine, drawDot, drawLine, drawSelection, penOf, placeUnder, windowOf } from "./drawing.js";
import { linearScale, logScale, spread, ticksBetween } from "./scales.js";
import { ticksText } from "./words.js";

const LABEL_GAP = 14; // between labels at the ends of lines

export class Chart {
  /**
   * `spec`: {key, band: [low key, high key], isLarge, hasMarks, ends: {key: label}}.
   * `data`: {x: numbers, [key]: numbers or null}, all of one length, x rising.
   */
  constructor(canvas, spec) {
    this.canvas = canvas;
    this.spec = spec;
    this.plot = { left: 0, right: 1, top: 0, bottom: 1 };
  }

  /** Value under a pixel of the canvas. */
  xAt(offset, domain) {
    return placeUnder(offset, this.plot, domain);
  }

  /** Draws everything into `context`, which has `width` × `height` units. */
  draw(context, width, height, { data, domain, cursor, selection, isLog, colours, font, points = null }) {
    const { isLarge } = this.spec;
    const plot = { left: isLarge ? 46 : 40, right: width - (isLarge ? 62 : 8), top: 8, bottom: height - 20 };
    this.plot = plot;
    context.clearRect(0, 0, width, height);
    context.font = font;
    context.textBaseline = "middle";
    const shown = windowOf(data.x, domain);
    const scale = this.#scale(data, shown, isLog, inside(points, domain));
    const pen = penOf(context, plot, colours, domain, scale);
    if (!this.#hasValues(data, shown)) {
      this.#drawBase(pen);
      return;
    }
    this.#drawAxes(pen, scale, domain);
    clipped(pen, () => {
      if (selection) drawSelection(pen, selection);
      if (this.spec.band) this.#drawBand(pen, data, shown);
      this.#drawLine(pen, data, shown);
      if (points) this.#drawPoints(pen, points);
      if (cursor !== null) this.#drawCursor(pen, data, cursor);
    });
    if (isLarge) this.#drawEnds(pen, data, shown);
  }

  #hasValues(data, [first, last]) {
    return data[this.spec.key]?.slice(first, last + 1).some((value) => typeof value === "number");
  }

  #scale(data, [first, last], isLog, values) {
    const { key, band = [], isLarge } = this.spec;
    let low = 0;
    let high = Math.max(0, ...values);
    for (const name of [key, ...band]) {
      for (let k = first; k <= last; k += 1) {
        const value = data[name]?.[k];
        if (typeof value !== "number") continue;
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
    }
    if (isLog) return logScale(high * 1.05, isLarge ? 6 : 3);
    return linearScale(low * 1.05, high * 1.05 || (low < 0 ? 0 : 1), isLarge ? 5 : 2);
  }

  /** What a chart without data is: the line that it will stand on. */
  #drawBase({ context, plot, colours }) {
    context.fillStyle = colours.line;
    context.fillRect(plot.left, plot.bottom, plot.right - plot.left, 1);
  }

  #drawAxes({ context, plot, colours, x, y }, scale, domain) {
    context.fillStyle = colours.muted;
    context.strokeStyle = colours.line;
    context.lineWidth = 1;
    context.textAlign = "right";
    const { isLarge, writeTick } = this.spec;
    const texts = writeTick ? scale.ticks.map(writeTick) : ticksText(scale.ticks);
    scale.ticks.forEach((tick, k) => {
      const height = Math.round(y(tick)) + 0.5;
      context.beginPath();
      context.moveTo(plot.left, height);
      context.lineTo(plot.right, height);
      context.stroke();
      context.fillText(texts[k], plot.left - 6, height);
    });
    const n = isLarge ? Math.max(2, Math.floor((plot.right - plot.left) / 110)) : plot.right - plot.left > 140 ? 3 : 1.5;
    const places = ticksBetween(domain[0], domain[1], n);
    context.textAlign = "center";
    ticksText(places).forEach((text, k) => {
      const half = context.measureText(text).width / 2;
      const middle = Math.min(Math.max(x(places[k]), plot.left + half - 6), plot.right + 8 - half);
      context.fillText(text, middle, plot.bottom + 12);
    });
    if (!isLarge) return;
    context.textAlign = "left";
    context.fillText("steps", plot.right + 16, plot.bottom + 12);
  }

  #drawBand({ context, colours, x, y }, data, [first, last]) {
    const [low, high] = this.spec.band.map((name) => data[name]);
    if (!low || !high) return;
    context.beginPath();
    let isEmpty = true;
    for (let k = first; k <= last; k += 1) {
      if (high[k] === null) continue;
      if (isEmpty) context.moveTo(x(data.x[k]), y(high[k]));
      else context.lineTo(x(data.x[k]), y(high[k]));
      isEmpty = false;
    }
    for (let k = last; k >= first; k -= 1) if (low[k] !== null) context.lineTo(x(data.x[k]), y(low[k]));
    if (isEmpty) return;
    context.globalAlpha = 0.16;
    context.fillStyle = colours.accent;
    context.fill();
    context.globalAlpha = 1;
  }

  #drawLine(pen, { x: places, [this.spec.key]: values }, [first, last]) {
    const { accent: colour } = pen.colours;
    drawLine(pen, { places, values, colour, width: this.spec.isLarge ? 2 : 1.5 }, [first, last]);
    if (!this.spec.hasMarks) return;
    for (let k = first; k <= last; k += 1) if (values[k] !== null) drawDot(pen, colour, places[k], values[k], 2.5);
  }

  /** Single measurements beside the line, as rings. */
  #drawPoints({ context, colours, x, y }, { x: places, lines_evaluation: values }) {
    context.strokeStyle = colours.accent;
    context.lineWidth = 1.5;
    places.forEach((place, k) => {
      if (typeof values[k] !== "number") return;
      context.beginPath();
      context.arc(x(place), y(values[k]), 4, 0, 2 * Math.PI);
      context.stroke();
    });
  }

  #drawCursor(pen, data, cursor) {
    drawCursorLine(pen, cursor.x);
    const index = cursor.indexIn(data.x);
    const value = data[this.spec.key]?.[index];
    if (typeof value === "number") drawDot(pen, pen.colours.accent, data.x[index], value, 3.5);
  }

  /** Labels at the lines' ends instead of a legend, pushed apart so that none covers another. */
  #drawEnds({ context, plot, colours, y }, data, [first, last]) {
    const labels = [];
    for (const [key, text] of Object.entries(this.spec.ends ?? {})) {
      let k = last;
      while (k > first && typeof data[key]?.[k] !== "number") k -= 1;
      const value = data[key]?.[k];
      if (typeof value !== "number") continue;
      labels.push({ text, at: y(value), colour: key === this.spec.key ? colours.accent : colours.muted });
    }
    context.textAlign = "left";
    for (const { text, at, colour } of spread(labels, LABEL_GAP, plot)) {
      context.fillStyle = colour;
      context.fillText(text, plot.right + 8, at);
    }
  }
}

/** Values of the single measurements that are seen. */
function inside(points, [low, high]) {
  if (!points) return [];
  return points.lines_evaluation.filter((value, k) => typeof value === "number" && points.x[k] >= low && points.x[k] <= high);
}
