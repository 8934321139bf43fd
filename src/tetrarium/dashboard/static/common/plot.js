// @ts-check
// Drawing on the plot of a chart: lines, bands, dots, and the parts that follow the pointer.

/** @typedef {(number | null | undefined)[]} Values null where there is none */
/** @typedef {import("./zoom-pan.js").Range} Range */
/** @typedef {{ left: number, right: number, top: number, bottom: number }} Box */
/** @typedef {{ accent: string, muted: string, line: string }} ChartColors */
/** @typedef {[first: number, last: number]} IndexRange */

/**
 * @typedef {object} PlotContext a canvas with its plot, and the mapping of values to pixels
 * @property {CanvasRenderingContext2D} context
 * @property {Box} box
 * @property {ChartColors} colors
 * @property {(value: number) => number} x
 * @property {(value: number) => number} y
 */

const HATCHING = 8; // pixels between two lines

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Box} box
 * @param {ChartColors} colors
 * @param {Range} domain of the x axis
 * @param {import("./scales.js").Scale} scale of the y axis
 * @returns {PlotContext}
 */
export function plotContext(context, box, colors, domain, scale) {
  return {
    context,
    box,
    colors,
    x: (value) => box.left + ((value - domain[0]) / (domain[1] - domain[0] || 1)) * (box.right - box.left),
    y: (value) => box.bottom - scale.position(value) * (box.bottom - box.top),
  };
}

/**
 * Returns the value under a pixel; beside the plot, that of the nearer end.
 *
 * @param {number} pixel
 * @param {Box} box
 * @param {Range} domain
 */
export function valueAtPixel(pixel, { left, right }, [low, high]) {
  const share = Math.min(1, Math.max(0, (pixel - left) / Math.max(1, right - left)));
  return low + share * (high - low);
}

/**
 * Returns the indices to draw of rising values: those in the domain, and one more on both sides.
 *
 * @param {number[]} values
 * @param {Range} domain
 * @returns {IndexRange} the last index is less than the first one if there are none
 */
export function visibleRange(values, [low, high]) {
  const first = values.findIndex((value) => value >= low);
  if (first < 0) return [0, -1];
  let last = values.length - 1;
  while (last > first && values[last] > high) last -= 1;
  return [Math.max(0, first - 1), Math.min(values.length - 1, last + 1)];
}

/**
 * Draws with a clip a little larger than the plot.
 *
 * @param {PlotContext} plot
 * @param {() => void} draw
 */
export function drawClipped({ context, box }, draw) {
  context.save();
  context.beginPath();
  context.rect(box.left, box.top - 4, box.right - box.left + 6, box.bottom - box.top + 8);
  context.clip();
  draw();
  context.restore();
}

/**
 * Draws the range that is being selected.
 *
 * @param {PlotContext} plot
 * @param {Range} selection
 */
export function drawSelection({ context, box, colors, x }, [from, to]) {
  context.globalAlpha = 0.18;
  context.fillStyle = colors.accent;
  context.fillRect(x(Math.min(from, to)), box.top, Math.abs(x(to) - x(from)), box.bottom - box.top);
  context.globalAlpha = 1;
}

/**
 * Hatches the part of the plot below a line, from an x value on.
 *
 * @param {PlotContext} plot
 * @param {{ x: number[], y: Values, color: string }} line
 * @param {number} from
 */
export function drawHatching({ context, box, x, y }, line, from) {
  const first = line.x.findIndex((value) => value >= from);
  const last = line.y.findLastIndex((value) => typeof value === "number");
  if (first < 0 || first >= last) return;
  context.save();
  context.beginPath();
  context.moveTo(x(line.x[first]), box.bottom);
  for (let k = first; k <= last; k += 1) context.lineTo(x(line.x[k]), y(line.y[k] ?? 0));
  context.lineTo(x(line.x[last]), box.bottom);
  context.clip();
  context.beginPath();
  const height = box.bottom - box.top;
  for (let left = box.left - height; left < box.right; left += HATCHING) {
    context.moveTo(left, box.bottom);
    context.lineTo(left + height, box.top);
  }
  context.strokeStyle = line.color;
  context.lineWidth = 1;
  context.globalAlpha = 0.35;
  context.stroke();
  context.restore();
}

/**
 * Draws a line, with gaps where values are missing.
 *
 * @param {PlotContext} plot
 * @param {{ x: number[], y: Values, color: string, width: number, stroke?: number[] }} line
 * @param {IndexRange} range
 */
export function drawLine({ context, x, y }, line, [first, last]) {
  context.beginPath();
  let isDown = false;
  for (let k = first; k <= last; k += 1) {
    const value = line.y[k];
    if (typeof value !== "number") {
      isDown = false;
      continue;
    }
    if (isDown) context.lineTo(x(line.x[k]), y(value));
    else context.moveTo(x(line.x[k]), y(value));
    isDown = true;
  }
  context.strokeStyle = line.color;
  context.lineWidth = line.width;
  context.lineJoin = "round";
  context.setLineDash(line.stroke ?? []);
  context.stroke();
  context.setLineDash([]);
}

/**
 * Draws the band between two lines.
 *
 * @param {PlotContext} plot
 * @param {{ x: number[], low: Values, high: Values, color: string }} band
 * @param {IndexRange} range
 */
export function drawBand({ context, x, y }, band, [first, last]) {
  context.beginPath();
  let isEmpty = true;
  for (let k = first; k <= last; k += 1) {
    const high = band.high[k];
    if (typeof high !== "number") continue;
    if (isEmpty) context.moveTo(x(band.x[k]), y(high));
    else context.lineTo(x(band.x[k]), y(high));
    isEmpty = false;
  }
  if (isEmpty) return;
  for (let k = last; k >= first; k -= 1) {
    const low = band.low[k];
    if (typeof low === "number") context.lineTo(x(band.x[k]), y(low));
  }
  context.globalAlpha = 0.16;
  context.fillStyle = band.color;
  context.fill();
  context.globalAlpha = 1;
}

/**
 * Draws the vertical line at the cursor.
 *
 * @param {PlotContext} plot
 * @param {number} cursor
 */
export function drawCursorLine({ context, box, colors, x }, cursor) {
  const middle = Math.round(x(cursor)) + 0.5;
  context.strokeStyle = colors.muted;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(middle, box.top);
  context.lineTo(middle, box.bottom);
  context.stroke();
}

/**
 * @param {PlotContext} plot
 * @param {string} color
 * @param {number} atX
 * @param {number} atY
 * @param {number} radius
 */
export function drawDot({ context, x, y }, color, atX, atY, radius) {
  context.beginPath();
  context.arc(x(atX), y(atY), radius, 0, 2 * Math.PI);
  context.fillStyle = color;
  context.fill();
}

/**
 * @param {PlotContext} plot
 * @param {string} color
 * @param {number} atX
 * @param {number} atY
 */
export function drawRing({ context, x, y }, color, atX, atY) {
  context.strokeStyle = color;
  context.lineWidth = 1.5;
  context.beginPath();
  context.arc(x(atX), y(atY), 4, 0, 2 * Math.PI);
  context.stroke();
}
