// Boards of those who play at one table: small canvases of which only the cells that changed are drawn anew.
//
// What a canvas shows is kept as one sign a cell, rows from the bottom: a piece's letter, '.' for none, and a small letter
// where the piece to come will rest. The rows above the visible ones show the piece that waits.

import { drawCell, drawOutline, keepCrisp, readPalette } from "../common/cells.js";
import { make, setText } from "../common/dom.js";
import { FLAT, LETTERS, extent } from "../common/pieces.js";
import { count } from "../common/words.js";

const ROWS_ABOVE = 2;
let palette = null;
const shown = new Set();

document.addEventListener("themechange", () => {
  palette = readPalette();
  for (const canvas of shown) canvas.redraw();
});

class SeatCanvas {
  #canvas;
  #context;
  #signs = ""; // what is drawn
  #seat = null;
  #place = null;

  constructor(canvas) {
    palette ??= readPalette();
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { alpha: true });
    keepCrisp(canvas, () => this.redraw());
    shown.add(this);
  }

  /** Forgets a canvas that is not on the page any more. */
  close() {
    shown.delete(this);
  }

  /** Draws what differs from what is there; returns how many cells that were. */
  show(seat) {
    const before = this.#seat;
    this.#seat = seat;
    if (before?.width !== seat.width || before?.height !== seat.height) {
      this.redraw();
      return seat.width * seat.height;
    }
    return this.#drawChanges(signsOf(seat));
  }

  redraw() {
    const { width: pixels, height: tall } = this.#canvas;
    const { width = 10, height = 20 } = this.#seat ?? {};
    const size = Math.floor(Math.min((pixels - 2) / width, (tall - 1) / (height + ROWS_ABOVE)));
    this.#context.clearRect(0, 0, pixels, tall);
    this.#signs = "";
    this.#place = null;
    if (size < 2) return;
    this.#place = { size, width, height, left: Math.floor((pixels - size * width) / 2), bottom: tall - 1 };
    this.#drawWell(this.#place);
    if (this.#seat) this.#drawChanges(signsOf(this.#seat));
  }

  #drawWell({ size, width, height, left, bottom }) {
    const context = this.#context;
    context.fillStyle = palette.well;
    context.fillRect(left, bottom - height * size, width * size, height * size);
    context.fillStyle = palette.line;
    for (let column = 1; column < width; column += 1) context.fillRect(left + column * size - 1, bottom - height * size, 1, height * size);
    for (let row = 1; row < height; row += 1) context.fillRect(left, bottom - row * size - 1, width * size, 1);
    context.fillStyle = palette.muted;
    context.fillRect(left - 1, bottom - height * size, 1, height * size);
    context.fillRect(left + width * size, bottom - height * size, 1, height * size);
    context.fillRect(left - 1, bottom, width * size + 2, 1);
  }

  #drawChanges(signs) {
    if (!this.#place) return 0;
    let changed = 0;
    for (let index = 0; index < signs.length; index += 1) {
      if (signs[index] === (this.#signs[index] ?? ".")) continue;
      this.#drawSign(index, signs[index]);
      changed += 1;
    }
    this.#signs = signs;
    return changed;
  }

  #drawSign(index, sign) {
    const { size, width, height, left, bottom } = this.#place;
    const [column, row] = [index % width, Math.floor(index / width)];
    const [x, y] = [left + column * size, bottom - (row + 1) * size];
    const context = this.#context;
    if (row >= height) context.clearRect(x, y, size, size);
    else {
      context.fillStyle = palette.well;
      context.fillRect(x, y, size, size);
      context.fillStyle = palette.line;
      if (column < width - 1) context.fillRect(x + size - 1, y, 1, size);
      if (row > 0) context.fillRect(x, y + size - 1, size, 1);
    }
    const upper = sign.toUpperCase();
    if (sign === "x") drawCell(context, x, y, size, palette.x);
    else if (sign === upper && palette[sign]) drawCell(context, x, y, size, palette[sign]);
    else if (palette[upper]) drawOutline(context, x, y, size, palette[upper].fill);
  }
}

/** What is to be seen of a game, a sign a cell. */
function signsOf({ width, height, cells, queue, ghost, is_over: isOver }) {
  const signs = [...cells.slice(0, width * height), ...".".repeat(width * ROWS_ABOVE)];
  const letter = LETTERS[queue[0]];
  if (isOver || !letter) return signs.join("");
  for (const index of ghost) if (index < width * height && signs[index] === ".") signs[index] = letter.toLowerCase();
  const [wide] = extent(FLAT[letter]);
  const left = Math.floor((width - wide) / 2);
  for (const [column, row] of FLAT[letter]) signs[(height + row) * width + left + column] = letter;
  return signs.join("");
}

/** One seat on the page: its name, its board, and the figures of its game. */
export class SeatView {
  #canvas;
  #parts = {};
  #told = 0;

  constructor({ canLead = false } = {}) {
    const canvas = make("canvas", { class: "seat-board", role: "img", "aria-label": "Board" });
    for (const name of ["name", "lines", "pieces", "game", "best"]) this.#parts[name] = make(name === "name" ? "h2" : "dd", { class: `seat-${name}` });
    const figure = (name, word, title) => make("div", {}, make("dt", { title }, word), this.#parts[name]);
    this.#parts.over = make("p", { class: "seat-over", hidden: true });
    this.element = make("article", { class: canLead ? "seat leading" : "seat" }, this.#parts.name,
      make("div", { class: "seat-box" }, canvas, this.#parts.over),
      make("dl", { class: "seat-figures" },
        figure("lines", "Lines", "Rows that this game has cleared."), figure("pieces", "Pieces", "Pieces that this game has placed."),
        figure("best", "Best", "Most lines in one game here."), figure("game", "Games", "Games that have ended here.")));
    this.#canvas = new SeatCanvas(canvas);
    this.canvas = canvas;
  }

  name(what) {
    setText(this.#parts.name, what);
    this.element.setAttribute("aria-label", what);
  }

  show(seat, now) {
    this.#canvas.show(seat);
    this.element.style.setProperty("--columns", seat.width);
    this.element.style.setProperty("--rows", seat.height + ROWS_ABOVE);
    setText(this.#parts.lines, count(seat.lines_game));
    setText(this.#parts.pieces, count(seat.pieces_game));
    setText(this.#parts.best, count(seat.best_lines_game));
    setText(this.#parts.game, count(seat.games_ended));
    if (this.#parts.over.hidden === seat.is_over) this.#parts.over.hidden = !seat.is_over;
    if (seat.is_over) setText(this.#parts.over, `${seat.is_cut_off ? "Cut off" : "Lost"} after ${count(seat.pieces_game)} pieces`);
    if (now - this.#told < 1000) return; // names for screen readers need not follow every move
    this.#told = now;
    this.canvas.setAttribute("aria-label", `Board of ${seat.what}: ${count(seat.lines_game)} lines, ${count(seat.pieces_game)} pieces`);
  }

  close() {
    this.#canvas.close();
    this.element.remove();
  }
}
