// @ts-check
// Line chart on a canvas, for one or many series: lines, bands, single measurements, and labels at the ends of lines.

import { contextOf } from "./canvas.js";
import { make, themeColor } from "./dom.js";
import { formatTicks } from "./format.js";
import {
  drawBand,
  drawClipped,
  drawCursorLine,
  drawDot,
  drawHatching,
  drawLine,
  drawRing,
  drawSelection,
  plotContext,
  valueAtPixel,
  visibleRange,
} from "./plot.js";
import { linearScale, logScale, nearestIndex, spreadLabels, ticksBetween } from "./scales.js";

/** @typedef {import("./plot.js").Values} Values */
/** @typedef {import("./plot.js").Range} Range */
/** @typedef {import("./plot.js").IndexRange} IndexRange */
/** @typedef {import("./plot.js").PlotContext} PlotContext */
/** @typedef {import("./scales.js").Scale} Scale */

/**
 * @typedef {object} Series
 * @property {number[]} x rising
 * @property {Values} y
 * @property {string} color
 * @property {number[]} [stroke] dashes
 * @property {boolean} [isFaint] whether it is drawn thin and pale
 * @property {boolean} [hasDots] whether each value has a dot, not only those without neighbors
 * @property {number | null} [hatchedFrom] x value from which the part below the line is hatched
 * @property {{ low: Values, high: Values }} [band]
 * @property {{ x: number[], y: Values }} [rings] single measurements
 * @property {{ text: string, y: Values, color: string }[]} [labels] at the end of the line, or of the band's edges
 */

/**
 * @typedef {object} ChartView
 * @property {Series[]} series
 * @property {Range} domain the visible part of the x axis
 * @property {number | null} cursor
 * @property {Range | null} selection
 * @property {boolean} isLog
 */

/** @typedef {Series & { range: IndexRange }} VisibleSeries */

const TOP = 8;
const LONGEST_LABEL = 16; // characters
const LARGE = {
  left: 46,
  right: 62,
  bottom: 20,
  labelGap: 14,
  minLabelsWidth: 0,
  xTickWidth: 110,
  yTicks: 5,
  logTicks: 6,
  lineWidth: 2,
  axisTitle: "steps",
};
const LAYOUTS = {
  large: LARGE,
  small: {
    ...LARGE,
    left: 40,
    right: 8,
    minLabelsWidth: Infinity,
    yTicks: 2,
    logTicks: 3,
    lineWidth: 1.5,
    axisTitle: "",
  },
  comparison: { ...LARGE, left: 48, right: 136, bottom: 22, labelGap: 16, minLabelsWidth: 560, axisTitle: "" },
};
const RIGHT_WITHOUT_LABELS = 12;
const FAINT = 0.35; // opacity

export class LineChart {
  #layout;
  #formatTick;
  #isSmall;
  #box = { left: 0, right: 1, top: 0, bottom: 1 };

  /**
   * @param {keyof typeof LAYOUTS} layout
   * @param {(value: number) => string} [formatTick] of the y axis
   */
  constructor(layout, formatTick) {
    this.#layout = LAYOUTS[layout];
    this.#isSmall = layout === "small";
    this.#formatTick = formatTick;
  }

  /**
   * Returns the x value under a pixel of the canvas.
   *
   * @param {number} pixel
   * @param {Range} domain
   */
  valueAtPixel(pixel, domain) {
    return valueAtPixel(pixel, this.#box, domain);
  }

  /**
   * Draws on a canvas in the size in which it is shown.
   *
   * @param {HTMLCanvasElement} canvas
   * @param {ChartView} view
   */
  drawOn(canvas, view) {
    const context = contextOf(canvas);
    const ratio = canvas.width / Math.max(1, canvas.clientWidth);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.draw(context, canvas.clientWidth, canvas.clientHeight, view);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} width
   * @param {number} height
   * @param {ChartView} view
   */
  draw(context, width, height, { series, domain, cursor, selection, isLog }) {
    const { left, right, bottom, minLabelsWidth, lineWidth } = this.#layout;
    const hasLabels = width >= minLabelsWidth;
    const marginRight = hasLabels || this.#isSmall ? right : RIGHT_WITHOUT_LABELS;
    this.#box = { left, right: width - marginRight, top: TOP, bottom: height - bottom };
    context.clearRect(0, 0, width, height);
    context.font = `12px ${getComputedStyle(document.body).fontFamily}`;
    context.textBaseline = "middle";
    const visible = series.map((one) => ({ ...one, range: visibleRange(one.x, domain) }));
    const scale = this.#makeScale(visible, domain, isLog);
    const colors = { accent: themeColor("--accent"), muted: themeColor("--muted"), line: themeColor("--line") };
    if (series.length === 1) colors.accent = series[0].color;
    const plot = plotContext(context, this.#box, colors, domain, scale);
    if (!visible.some(({ y, range: [first, last] }) => y.slice(first, last + 1).some(isNumber))) {
      this.#drawBase(plot);
      return;
    }
    this.#drawAxes(plot, scale, domain);
    drawClipped(plot, () => {
      if (selection) drawSelection(plot, selection);
      for (const one of visible) {
        context.globalAlpha = one.isFaint ? FAINT : 1;
        drawSeries(plot, one, one.isFaint ? 1 : lineWidth);
        context.globalAlpha = 1;
      }
      if (cursor !== null)
        drawCursor(
          plot,
          visible.filter(({ isFaint }) => !isFaint),
          cursor,
        );
    });
    if (hasLabels) this.#drawLabels(plot, visible);
  }

  /**
   * @param {VisibleSeries[]} visible
   * @param {Range} domain
   * @param {boolean} isLog
   * @returns {Scale}
   */
  #makeScale(visible, domain, isLog) {
    const { yTicks, logTicks } = this.#layout;
    let low = 0;
    let high = 0;
    for (const {
      y,
      band,
      rings,
      range: [first, last],
    } of visible) {
      for (const values of [y, band?.low ?? [], band?.high ?? []]) {
        for (let k = first; k <= last; k += 1) {
          const value = values[k];
          if (typeof value !== "number") continue;
          low = Math.min(low, value);
          high = Math.max(high, value);
        }
      }
      for (const [k, value] of (rings?.y ?? []).entries()) {
        const x = rings?.x[k] ?? NaN;
        if (typeof value === "number" && x >= domain[0] && x <= domain[1]) high = Math.max(high, value);
      }
    }
    if (isLog && low >= 0) return logScale(high * 1.05, logTicks);
    return linearScale(low * 1.05, high * 1.05 || (low < 0 ? 0 : 1), yTicks);
  }

  /**
   * Draws the x axis alone, for a chart without data.
   *
   * @param {PlotContext} plot
   */
  #drawBase({ context, box, colors }) {
    context.fillStyle = colors.line;
    context.fillRect(box.left, box.bottom, box.right - box.left, 1);
  }

  /**
   * @param {PlotContext} plot
   * @param {Scale} scale
   * @param {Range} domain
   */
  #drawAxes({ context, box, colors, x, y }, scale, domain) {
    context.fillStyle = colors.muted;
    context.strokeStyle = colors.line;
    context.lineWidth = 1;
    context.textAlign = "right";
    const texts = this.#formatTick ? scale.ticks.map(this.#formatTick) : formatTicks(scale.ticks);
    for (const [k, tick] of scale.ticks.entries()) {
      const height = Math.round(y(tick)) + 0.5;
      context.beginPath();
      context.moveTo(box.left, height);
      context.lineTo(box.right, height);
      context.stroke();
      context.fillText(texts[k], box.left - 6, height);
    }
    const ticks = ticksBetween(domain[0], domain[1], this.#xTicks(box.right - box.left));
    context.textAlign = "center";
    for (const [k, text] of formatTicks(ticks).entries()) {
      const half = context.measureText(text).width / 2;
      const middle = Math.min(Math.max(x(ticks[k]), box.left + half - 6), box.right + 8 - half);
      context.fillText(text, middle, box.bottom + 12);
    }
    context.textAlign = "left";
    context.fillText(this.#layout.axisTitle, box.right + 16, box.bottom + 12);
  }

  /** @param {number} width */
  #xTicks(width) {
    if (this.#isSmall) return width > 140 ? 3 : 1.5;
    return Math.max(2, Math.floor(width / this.#layout.xTickWidth));
  }

  /**
   * @param {PlotContext} plot
   * @param {VisibleSeries[]} visible
   */
  #drawLabels({ context, box, y }, visible) {
    const labels = [];
    for (const {
      labels: own = [],
      range: [first, last],
    } of visible) {
      for (const { text, y: values, color } of own) {
        const value = values.slice(first, last + 1).findLast(isNumber);
        if (typeof value === "number") labels.push({ text, color, at: y(value) });
      }
    }
    context.textAlign = "left";
    for (const { text, at, color } of spreadLabels(labels, this.#layout.labelGap, box)) {
      if (at < box.top - 2) continue;
      context.fillStyle = color;
      const short = text.length > LONGEST_LABEL ? `${text.slice(0, LONGEST_LABEL - 1)}…` : text;
      context.fillText(short, box.right + 8, at);
    }
  }
}

/** @param {unknown} value */
const isNumber = (value) => typeof value === "number";

/**
 * @param {PlotContext} plot
 * @param {VisibleSeries} series
 * @param {number} width of the line
 */
function drawSeries(plot, { x, y, color, stroke, band, rings, hasDots, hatchedFrom, range }, width) {
  if (typeof hatchedFrom === "number") drawHatching(plot, { x, y, color }, hatchedFrom);
  if (band) drawBand(plot, { x, ...band, color }, range);
  drawLine(plot, { x, y, color, stroke, width }, range);
  for (let k = range[0]; k <= range[1]; k += 1) {
    const value = y[k];
    const isAlone = !isNumber(y[k - 1]) && !isNumber(y[k + 1]); // no line leads to it
    if (typeof value === "number" && (hasDots || isAlone)) drawDot(plot, color, x[k], value, isAlone ? 3.5 : 2.5);
  }
  for (const [k, value] of (rings?.y ?? []).entries()) {
    if (rings && typeof value === "number") drawRing(plot, color, rings.x[k], value);
  }
}

/**
 * @param {PlotContext} plot
 * @param {VisibleSeries[]} visible
 * @param {number} cursor
 */
function drawCursor(plot, visible, cursor) {
  drawCursorLine(plot, cursor);
  for (const { x, y, color } of visible) {
    const value = valueAt({ x, y }, cursor);
    if (value !== null) drawDot(plot, color, x[nearestIndex(x, cursor)], value, 3.5);
  }
}

/**
 * Returns the value of a series nearest to an x value, or null outside its range.
 *
 * @param {Pick<Series, "x" | "y">} series
 * @param {number} at
 */
export function valueAt({ x, y }, at) {
  if (!x.length || at < x[0] || at > x[x.length - 1]) return null;
  return y[nearestIndex(x, at)] ?? null;
}

/** @typedef {{ chart: LineChart, view: ChartView, heading: string }} PictureChart */
/** @typedef {PictureChart & { x: number, y: number, width: number, height: number }} PicturePart */

const HEADING_HEIGHT = 24;

/**
 * Draws charts with headings into one picture, in twice the resolution.
 *
 * @param {number} width
 * @param {number} height
 * @param {PicturePart[]} parts
 * @returns {Promise<Blob>} PNG
 */
export async function makePicture(width, height, parts) {
  const canvas = make("canvas", { width: 2 * width, height: 2 * height });
  const context = contextOf(canvas);
  context.fillStyle = themeColor("--card");
  context.fillRect(0, 0, canvas.width, canvas.height);
  for (const { chart, view, heading, ...place } of parts) {
    const part = make("canvas", { width: 2 * place.width, height: 2 * place.height });
    const partContext = contextOf(part);
    partContext.scale(2, 2);
    chart.draw(partContext, place.width, place.height, { ...view, cursor: null, selection: null });
    context.drawImage(part, 2 * place.x, 2 * (place.y + HEADING_HEIGHT));
    context.fillStyle = themeColor("--text");
    context.font = `600 28px ${getComputedStyle(document.body).fontFamily}`;
    context.fillText(heading, 2 * (place.x + 8), 2 * (place.y + HEADING_HEIGHT) - 12);
  }
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The picture could not be made."))), "image/png");
  });
}
