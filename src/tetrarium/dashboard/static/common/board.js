// The board on its canvas: cells, ghost, hovering piece, flash of cleared rows, heat of thoughts.
//
// Rows are counted from 0 at the bottom, and a cell's index is row * width + column, as in the messages. The newest
// board is drawn with the next frame; those in between are never drawn. Every frame is told by an event "drawn".

import { wantsStillness } from "./dom.js";
import { drawCell, drawOutline, keepCrisp, readPalette } from "./cells.js";
import { FLAT, LETTERS, extent } from "./pieces.js";

export const ROWS_ABOVE = 3; // shown above the visible rows: there the current piece hovers
const FLASH_MS = 140;
const FLASH_PAUSE_MS = 400; // at most three flashes a second, for people whom flashes harm

export class BoardCanvas {
  #canvas;
  #context;
  #palette = readPalette();
  #board = null;
  #frame = 0;
  #isNew = false;
  #flash = { rows: [], from: -Infinity };

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { alpha: true });
    keepCrisp(canvas, () => this.#draw());
    document.addEventListener("themechange", () => {
      this.#palette = readPalette();
      this.#draw();
    });
  }

  /** Shows a board with the next frame; null shows an empty well. */
  show(board) {
    this.#flashRows(board, this.#board);
    this.#board = board;
    this.#isNew = true;
    this.#request();
  }

  /** Rows flash where one placement follows another; sampled boards lie too far apart for that. */
  #flashRows(board, before) {
    const now = performance.now();
    const isNext = board && before?.game === board.game && board.pieces_game === before.pieces_game + 1;
    if (!isNext && board?.step !== before?.step) this.#flash = { rows: [], from: this.#flash.from };
    if (!isNext || !board.cleared_rows?.length || now - this.#flash.from < FLASH_PAUSE_MS || wantsStillness()) return;
    this.#flash = { rows: board.cleared_rows, from: now };
  }

  #request() {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #draw() {
    const context = this.#context;
    const { width: pixels, height: tall } = this.#canvas;
    const { width = 10, height = 20, cells = "" } = this.#board ?? {};
    const size = Math.floor(Math.min((pixels - 4) / width, (tall - 2) / (height + ROWS_ABOVE)));
    if (size < 2) return;
    const place = { size, width, height, left: Math.floor((pixels - size * width) / 2), bottom: tall - 2 };
    context.clearRect(0, 0, pixels, tall);
    this.#drawWell(place);
    if (this.#board) {
      this.#drawCells(place, cells);
      this.#drawThoughts(place);
      this.#drawPiece(place, cells);
      this.#drawFlash(place);
      this.#tell();
    }
  }

  #drawWell({ size, width, height, left, bottom }) {
    const context = this.#context;
    context.fillStyle = this.#palette.well;
    context.fillRect(left, bottom - height * size, width * size, height * size);
    context.fillStyle = this.#palette.line;
    for (let column = 1; column < width; column += 1) {
      context.fillRect(left + column * size - 1, bottom - height * size, 1, height * size);
    }
    for (let row = 1; row < height; row += 1) context.fillRect(left, bottom - row * size - 1, width * size, 1);
    context.fillStyle = this.#palette.muted;
    context.fillRect(left - 2, bottom - height * size, 1, height * size + 1);
    context.fillRect(left + width * size, bottom - height * size, 1, height * size + 1);
    context.fillRect(left - 2, bottom, width * size + 3, 1);
  }

  #corner({ size, width, left, bottom }, index) {
    return [left + (index % width) * size, bottom - (Math.floor(index / width) + 1) * size];
  }

  #drawCells(place, cells) {
    for (let index = 0; index < cells.length; index += 1) {
      const colours = this.#palette[cells[index]];
      if (colours) drawCell(this.#context, ...this.#corner(place, index), place.size, colours);
    }
  }

  /** The value of every placement as heat: the brighter a cell, the better the best placement that fills it. */
  #drawThoughts(place) {
    const context = this.#context;
    context.fillStyle = this.#palette.accent;
    for (const [index, heat] of heatOf(this.#board.thoughts)) {
      const [x, y] = this.#corner(place, index);
      context.globalAlpha = 0.08 + 0.62 * heat;
      context.fillRect(x, y, place.size - 1, place.size - 1);
    }
    context.globalAlpha = 1;
  }

  /** A piece that falls by itself, and where a hard drop would take it. */
  #drawFalling(place, letter) {
    const { falling, ghost } = this.#board;
    for (const index of ghost) {
      if (!falling.includes(index)) drawOutline(this.#context, ...this.#corner(place, index), place.size, this.#palette[letter].fill);
    }
    for (const index of falling) drawCell(this.#context, ...this.#corner(place, index), place.size, this.#palette[letter]);
  }

  /** Where somebody would place the piece: a tint with a broken line around it, unlike the ghost. */
  #drawAdvice(place) {
    const cells = this.#board.advice?.cells ?? [];
    const context = this.#context;
    const { size, width } = place;
    const line = Math.max(2, Math.round(size / 10));
    context.fillStyle = context.strokeStyle = this.#palette.accent;
    context.lineWidth = line;
    context.setLineDash([Math.round(size / 4), Math.round(size / 6)]);
    for (const index of cells) {
      const [x, y] = this.#corner(place, index);
      context.globalAlpha = 0.22;
      context.fillRect(x, y, size - 1, size - 1);
      context.globalAlpha = 1;
      const [left, right, top, bottom] = [x + line / 2, x + size - 1 - line / 2, y + line / 2, y + size - 1 - line / 2];
      const sides = [
        [index % width && cells.includes(index - 1), left, top, left, bottom],
        [(index + 1) % width && cells.includes(index + 1), right, top, right, bottom],
        [cells.includes(index + width), left, top, right, top],
        [cells.includes(index - width), left, bottom, right, bottom],
      ];
      for (const [isInside, ...ends] of sides) {
        if (isInside) continue;
        context.beginPath();
        context.moveTo(ends[0], ends[1]);
        context.lineTo(ends[2], ends[3]);
        context.stroke();
      }
    }
    context.setLineDash([]);
  }

  #drawPiece(place, cells) {
    const letter = LETTERS[this.#board.queue?.[0]];
    const { width, height } = place;
    if (letter && this.#board.falling) {
      this.#drawAdvice(place);
      this.#drawFalling(place, letter);
      return;
    }
    if (!letter || cells.length > width * height && /[^.]/.test(cells.slice(width * height))) return;
    const ghost = ghostOf(this.#board);
    for (const index of ghost ?? []) {
      drawOutline(this.#context, ...this.#corner(place, index), place.size, this.#palette[letter].fill);
    }
    for (const [column, row] of hovering(letter, ghost, width)) {
      const index = (row + height) * width + column;
      drawCell(this.#context, ...this.#corner(place, index), place.size, this.#palette[letter]);
    }
  }

  #drawFlash({ size, width, left, bottom }) {
    const age = (performance.now() - this.#flash.from) / FLASH_MS;
    if (age >= 1) return;
    const context = this.#context;
    context.globalAlpha = 0.75 * (1 - age);
    context.fillStyle = this.#palette.text;
    for (const row of this.#flash.rows) context.fillRect(left, bottom - (row + 1) * size, width * size, size - 1);
    context.globalAlpha = 1;
    this.#request();
  }

  #tell() {
    if (!this.#isNew) return;
    this.#isNew = false;
    const drawn_s = (performance.timeOrigin + performance.now()) / 1000;
    this.#canvas.dispatchEvent(
      new CustomEvent("drawn", { detail: { step: this.#board.step, key: this.#board.key_number, sent_s: this.#board.sent_s, drawn_s } }),
    );
  }
}

/** Where the current piece is about to rest, as cell indexes, or null if nobody says. */
export function ghostOf({ ghost, thoughts }) {
  if (ghost?.length) return ghost;
  return thoughts?.actions.find(({ action }) => action === thoughts.chosen)?.cells ?? null;
}

/** Heat of each cell, from 0 to 1: of the median placement 0, of the best one 1. */
export function heatOf(thoughts) {
  const heat = new Map();
  if (!thoughts?.actions.length) return heat;
  const values = thoughts.actions.map(({ value }) => value).sort((a, b) => a - b);
  const median = values[Math.floor(values.length / 2)];
  const span = values.at(-1) - median || 1;
  for (const { value, cells } of thoughts.actions) {
    const share = (value - median) / span;
    if (share <= 0) continue;
    for (const cell of cells) heat.set(cell, Math.max(heat.get(cell) ?? 0, share ** 2));
  }
  return heat;
}

/** Cells [column, row above the visible ones] of the piece that waits, turned as it is about to rest. */
function hovering(letter, ghost, width) {
  if (!ghost) {
    const [wide] = extent(FLAT[letter]);
    return FLAT[letter].map(([column, row]) => [column + Math.floor((width - wide) / 2), row]);
  }
  const rows = ghost.map((index) => Math.floor(index / width));
  const lowest = Math.min(...rows);
  const shift = Math.min(0, ROWS_ABOVE - 1 - (Math.max(...rows) - lowest)); // a standing I hangs into the well
  return ghost.map((index, k) => [index % width, rows[k] - lowest + shift]);
}
