// @ts-check
// Canvas of one board: its cells, the current piece with its ghost, action values as heat, advice, and cleared rows.
//
// Rows count from 0 at the bottom and a cell's index is row * width + column, as in the events. Boards without heat,
// advice and flash are updated cell by cell; with one of these, the whole board is drawn. The canvas dispatches "drawn"
// for every board that reached it, except a still one.

import { contextOf, fitToDevicePixels } from "./canvas.js";
import { drawCell, drawCellOutline, readPalette } from "./cells.js";
import { prefersReducedMotion } from "./dom.js";
import { extent, pieceLetter, readShapes, spawnCellsOf } from "./pieces.js";

export const ROWS_ABOVE = 3; // rows shown above the visible ones, for the piece to be placed
const FLASH_MS = 140;
const FLASH_PAUSE_MS = 400; // at most three flashes a second, which is safe for people with photosensitive epilepsy
const EMPTY = ".";
const NO_FLASH = { rows: /** @type {number[]} */ ([]), from: -Infinity };

/** @typedef {{ size: number, width: number, height: number, left: number, bottom: number }} Layout in device pixels */

export class BoardCanvas {
  #canvas;
  #context;
  #flashes;
  #palette = readPalette();
  /** @type {Board | null} */
  #board = null;
  /** @type {Layout | null} */
  #layout = null;
  #signs = ""; // of the cells on the canvas, see signsOf
  #hasOverlay = false; // whether more than cells is on the canvas
  #frame = 0;
  #isNew = false;
  #flash = NO_FLASH;
  #closing = new AbortController();

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {{ flashes?: boolean }} [options] whether cleared rows flash
   */
  constructor(canvas, { flashes = true } = {}) {
    this.#canvas = canvas;
    this.#context = contextOf(canvas);
    this.#flashes = flashes;
    fitToDevicePixels(canvas, () => this.#redraw());
    readShapes().then(
      () => this.#redraw(),
      () => {}, // only a piece without a place to land is left out
    );
    const changeTheme = () => {
      this.#palette = readPalette();
      this.#redraw();
    };
    document.addEventListener("themechange", changeTheme, { signal: this.#closing.signal });
  }

  /** Ends a canvas that has left the page. */
  close() {
    this.#closing.abort();
    cancelAnimationFrame(this.#frame);
  }

  /**
   * Shows a board with the next frame; null shows an empty well. Boards in between are skipped.
   *
   * @param {Board | null} board
   */
  show(board) {
    this.#accept(board);
    this.#requestFrame();
  }

  /**
   * Shows a board at once, for callers that are in an animation frame already.
   *
   * @param {Board} board
   */
  showNow(board) {
    this.#accept(board);
    this.#draw();
  }

  /** @param {Board | null} board */
  #accept(board) {
    this.#startFlash(board, this.#board);
    const isSameShape = board?.width === this.#board?.width && board?.height === this.#board?.height;
    this.#board = board;
    this.#isNew = true;
    if (!isSameShape) this.#layout = null;
  }

  /**
   * Rows flash if a board follows the one before it by one placement; sampled boards lie too far apart.
   *
   * @param {Board | null} board
   * @param {Board | null} before
   */
  #startFlash(board, before) {
    if (!this.#flashes) return;
    const now = performance.now();
    const isNext = board && before?.game === board.game && board.pieces_game === (before?.pieces_game ?? NaN) + 1;
    if (!isNext && board?.step !== before?.step) this.#flash = { ...NO_FLASH, from: this.#flash.from };
    if (!isNext || !board.cleared_rows?.length) return;
    if (now - this.#flash.from < FLASH_PAUSE_MS || prefersReducedMotion()) return;
    this.#flash = { rows: board.cleared_rows, from: now };
  }

  #requestFrame() {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #redraw() {
    this.#layout = null;
    this.#draw();
  }

  #draw() {
    const board = this.#board;
    const signs = board ? signsOf(board) : "";
    const flashAge = (performance.now() - this.#flash.from) / FLASH_MS;
    const isFlashing = flashAge < 1 && this.#flash.rows.length > 0;
    const hasOverlay = isFlashing || Boolean(board?.action_values || board?.advice);
    if (!this.#layout || hasOverlay || this.#hasOverlay) {
      this.#layout = this.#measure();
      if (!this.#layout) return;
      this.#drawWell(this.#layout);
      if (board) this.#drawOverlays(this.#layout, board);
      this.#signs = "";
    }
    this.#drawChanges(this.#layout, signs);
    this.#hasOverlay = hasOverlay;
    if (isFlashing) this.#drawFlash(this.#layout, flashAge);
    if (board && !board.is_still) this.#dispatchDrawn(board);
  }

  /** @returns {Layout | null} null if there is no room */
  #measure() {
    const { width: pixelsWide, height: pixelsHigh } = this.#canvas;
    const { width, height } = this.#board ?? { width: 10, height: 20 };
    const size = Math.floor(Math.min((pixelsWide - 4) / width, (pixelsHigh - 2) / (height + ROWS_ABOVE)));
    if (size < 2) return null;
    return { size, width, height, left: Math.floor((pixelsWide - size * width) / 2), bottom: pixelsHigh - 2 };
  }

  /** @param {Layout} layout */
  #drawWell({ size, width, height, left, bottom }) {
    const context = this.#context;
    const top = bottom - height * size;
    const right = left + width * size;
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    context.fillStyle = this.#palette.well;
    context.fillRect(left, top, width * size, height * size);
    context.fillStyle = this.#palette.line;
    for (let column = 1; column < width; column += 1) context.fillRect(left + column * size - 1, top, 1, height * size);
    for (let row = 1; row < height; row += 1) context.fillRect(left, bottom - row * size - 1, width * size, 1);
    context.fillStyle = this.#palette.muted;
    context.fillRect(left - 2, top, 1, height * size + 1);
    context.fillRect(right, top, 1, height * size + 1);
    context.fillRect(left - 2, bottom, width * size + 3, 1);
  }

  /**
   * Draws the cells that differ from those on the canvas.
   *
   * @param {Layout} layout
   * @param {string} signs
   */
  #drawChanges(layout, signs) {
    const before = this.#signs;
    const n = Math.max(signs.length, before.length);
    for (let index = 0; index < n; index += 1) {
      const sign = signs[index] ?? EMPTY;
      const known = before[index] ?? EMPTY;
      if (sign === known) continue;
      if (known !== EMPTY) this.#clearCell(layout, index);
      this.#drawSign(layout, index, sign);
    }
    this.#signs = signs;
  }

  /**
   * @param {Layout} layout
   * @param {number} index
   */
  #clearCell(layout, index) {
    const { size, width, height } = layout;
    const [x, y] = corner(layout, index);
    const context = this.#context;
    if (index >= width * height) {
      context.clearRect(x, y, size, size);
      return;
    }
    context.fillStyle = this.#palette.well;
    context.fillRect(x, y, size, size);
    context.fillStyle = this.#palette.line;
    if ((index + 1) % width) context.fillRect(x + size - 1, y, 1, size);
    if (index >= width) context.fillRect(x, y + size - 1, size, 1);
  }

  /**
   * @param {Layout} layout
   * @param {number} index
   * @param {string} sign
   */
  #drawSign(layout, index, sign) {
    if (sign === EMPTY) return;
    const { pieces } = this.#palette;
    const [x, y] = corner(layout, index);
    if (pieces[sign]) drawCell(this.#context, x, y, layout.size, pieces[sign]);
    else drawCellOutline(this.#context, x, y, layout.size, pieces[sign.toUpperCase()].fill);
  }

  /**
   * @param {Layout} layout
   * @param {Board} board
   */
  #drawOverlays(layout, board) {
    if (board.action_values) this.#drawHeat(layout, board.action_values);
    if (board.advice) this.#drawAdvice(layout, board.advice.cells);
  }

  /**
   * The brighter a cell, the higher the value of the best placement that fills it.
   *
   * @param {Layout} layout
   * @param {ActionValues} values
   */
  #drawHeat(layout, values) {
    const context = this.#context;
    context.fillStyle = this.#palette.accent;
    for (const [index, heat] of actionValueHeat(values)) {
      const [x, y] = corner(layout, index);
      context.globalAlpha = 0.08 + 0.62 * heat;
      context.fillRect(x, y, layout.size - 1, layout.size - 1);
    }
    context.globalAlpha = 1;
  }

  /**
   * The advised placement: a tint with a broken line around it, unlike the ghost.
   *
   * @param {Layout} layout
   * @param {number[]} cells
   */
  #drawAdvice(layout, cells) {
    const context = this.#context;
    const { size, width } = layout;
    const line = Math.max(2, Math.round(size / 10));
    context.fillStyle = context.strokeStyle = this.#palette.accent;
    context.lineWidth = line;
    context.setLineDash([Math.round(size / 4), Math.round(size / 6)]);
    for (const index of cells) {
      const [x, y] = corner(layout, index);
      context.globalAlpha = 0.22;
      context.fillRect(x, y, size - 1, size - 1);
      context.globalAlpha = 1;
      const [left, right, top, bottom] = [x + line / 2, x + size - 1 - line / 2, y + line / 2, y + size - 1 - line / 2];
      if (index % width === 0 || !cells.includes(index - 1)) strokeLine(context, left, top, left, bottom);
      if ((index + 1) % width === 0 || !cells.includes(index + 1)) strokeLine(context, right, top, right, bottom);
      if (!cells.includes(index + width)) strokeLine(context, left, top, right, top);
      if (!cells.includes(index - width)) strokeLine(context, left, bottom, right, bottom);
    }
    context.setLineDash([]);
  }

  /**
   * @param {Layout} layout
   * @param {number} age from 0 to 1
   */
  #drawFlash({ size, width, left, bottom }, age) {
    const context = this.#context;
    context.globalAlpha = 0.75 * (1 - age);
    context.fillStyle = this.#palette.text;
    for (const row of this.#flash.rows) context.fillRect(left, bottom - (row + 1) * size, width * size, size - 1);
    context.globalAlpha = 1;
    this.#requestFrame();
  }

  /** @param {Board} board */
  #dispatchDrawn({ step, key_number: key, sent_s }) {
    if (!this.#isNew) return;
    this.#isNew = false;
    const drawn_s = (performance.timeOrigin + performance.now()) / 1000;
    this.#canvas.dispatchEvent(new CustomEvent("drawn", { detail: { step, key, sent_s, drawn_s } }));
  }
}

/**
 * Returns one sign per cell of the visible rows and those above them: a piece's letter or "x" for a filled cell, the
 * lower-case letter for the ghost, "." for an empty cell.
 *
 * @param {Board} board
 */
function signsOf(board) {
  const { width, height, queue, falling } = board;
  const signs = [...board.cells.slice(0, width * (height + ROWS_ABOVE)).padEnd(width * (height + ROWS_ABOVE), EMPTY)];
  const letter = pieceLetter(queue?.[0]);
  if (!letter || board.is_over) return signs.join("");
  const isAboveFilled = /[^.]/.test(board.cells.slice(width * height));
  if (!falling && isAboveFilled) return signs.join("");
  const ghost = ghostCells(board);
  for (const index of ghost ?? []) if (signs[index] === EMPTY) signs[index] = letter.toLowerCase();
  for (const index of falling ?? hoveringCells(letter, ghost, board)) signs[index] = letter;
  return signs.slice(0, width * (height + ROWS_ABOVE)).join("");
}

/**
 * @param {Layout} layout
 * @param {number} index
 * @returns {[x: number, y: number]} top left corner of a cell
 */
const corner = ({ size, width, left, bottom }, index) => [
  left + (index % width) * size,
  bottom - (Math.floor(index / width) + 1) * size,
];

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} x1
 * @param {number} y1
 * @param {number} x2
 * @param {number} y2
 */
function strokeLine(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}

/**
 * Returns the cells where the current piece will come to rest, or null if they are unknown.
 *
 * @param {Pick<Board, "ghost" | "action_values">} board
 */
function ghostCells({ ghost, action_values: values }) {
  if (ghost?.length) return ghost;
  return values?.actions.find(({ action }) => action === values.chosen)?.cells ?? null;
}

/**
 * Returns the heat of cells, from 0 for the median placement to 1 for the best one.
 *
 * @param {ActionValues | null | undefined} values
 * @returns {Map<number, number>} by cell index
 */
function actionValueHeat(values) {
  const heat = new Map();
  if (!values?.actions.length) return heat;
  const sorted = values.actions.map(({ value }) => value).sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)];
  const span = sorted[sorted.length - 1] - median || 1;
  for (const { value, cells } of values.actions) {
    const share = (value - median) / span;
    if (share <= 0) continue;
    for (const cell of cells) heat.set(cell, Math.max(heat.get(cell) ?? 0, share ** 2));
  }
  return heat;
}

/**
 * Returns the cells above the board of the piece to be placed, rotated as it will come to rest.
 *
 * @param {string} letter
 * @param {number[] | null} ghost
 * @param {Board} board
 */
function hoveringCells(letter, ghost, { width, height }) {
  if (!ghost) {
    const cells = spawnCellsOf(letter);
    const left = Math.floor((width - extent(cells)[0]) / 2);
    return cells.map(([column, row]) => (height + row) * width + left + column);
  }
  const rows = ghost.map((index) => Math.floor(index / width));
  const lowest = Math.min(...rows);
  const shift = Math.min(0, ROWS_ABOVE - 1 - (Math.max(...rows) - lowest)); // an upright I hangs into the well
  return ghost.map((index, k) => (height + rows[k] - lowest + shift) * width + (index % width));
}
