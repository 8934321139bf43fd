// @ts-check
// Cells on a canvas, alike on all boards: a flat fill, a lighter top edge, and a gap of one pixel.

import { themeColor } from "./dom.js";
import { PIECE_LETTERS } from "./pieces.js";

/** @typedef {{ fill: string, edge: string }} CellColors */
/**
 * @typedef {object} Palette colors of the theme that a board needs
 * @property {Record<string, CellColors>} pieces by letter; "x" for a cell whose piece is unknown
 * @property {string} well
 * @property {string} line
 * @property {string} text
 * @property {string} muted
 * @property {string} accent
 */

/** @returns {Palette} the colors of the current theme */
export function readPalette() {
  const pieces = [...PIECE_LETTERS, "x"].map((letter) => {
    const name = `--piece-${letter.toLowerCase()}`;
    return [letter, { fill: themeColor(name), edge: themeColor(`${name}-edge`) }];
  });
  return {
    pieces: Object.fromEntries(pieces),
    well: themeColor("--well"),
    line: themeColor("--line"),
    text: themeColor("--text"),
    muted: themeColor("--muted"),
    accent: themeColor("--accent"),
  };
}

/**
 * Draws one cell whose top left corner is (x, y), in device pixels.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} y
 * @param {number} size
 * @param {CellColors} colors
 */
export function drawCell(context, x, y, size, { fill, edge }) {
  const inner = size - 1;
  context.fillStyle = fill;
  context.fillRect(x, y, inner, inner);
  context.fillStyle = edge;
  context.fillRect(x, y, inner, Math.max(1, Math.round(size / 10)));
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} y
 * @param {number} size
 * @param {string} color
 */
export function drawCellOutline(context, x, y, size, color) {
  const line = Math.max(1, Math.round(size / 12));
  context.strokeStyle = color;
  context.lineWidth = line;
  context.strokeRect(x + line / 2, y + line / 2, size - 1 - line, size - 1 - line);
}
