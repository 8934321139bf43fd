// @ts-check
// Editor of a position: cells are painted on the board by pointer or keyboard, pieces are typed.

import { ROWS_ABOVE } from "../common/board.js";
import { find, findInput, findSelect, make, setAttribute, setText } from "../common/dom.js";
import { PIECE_LETTERS } from "../common/pieces.js";
import { parseWhole } from "../common/setting-input.js";
import { announce } from "../common/toast.js";
import { api } from "./api.js";

/** @typedef {import("./boards.js").GameBoard} GameBoard */
/** @typedef {import("./api.js").SetUp} SetUp */

const FILLED = "x";
const USUAL = { width: 10, height: 20 };
const [MIN_SIZE, MAX_WIDTH, MAX_HEIGHT] = [4, 16, 40];
const CURSOR_KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export class Editor {
  #form;
  #canvas;
  #onChange;
  #onAsk;
  #onPlay;
  /** @type {string[]} */
  #cells = [];
  #paints = ""; // the sign that a drag paints; "" without one
  #cursor = -1; // the cell of the keyboard
  isOpen = false;
  width = USUAL.width;
  height = USUAL.height;

  /**
   * @param {HTMLFormElement} form
   * @param {HTMLCanvasElement} canvas of the board
   * @param {{ onChange: () => void, onAsk: (made: SetUp) => void, onPlay: (made: SetUp) => void }} callbacks
   */
  constructor(form, canvas, { onChange, onAsk, onPlay }) {
    this.#form = form;
    this.#canvas = canvas;
    this.#onChange = onChange;
    this.#onAsk = onAsk;
    this.#onPlay = onPlay;
    findSelect("#edit-held", form).append(...[...PIECE_LETTERS].map((letter) => make("option", {}, letter)));
    find("#edit-clear", form).addEventListener("click", () => {
      this.#cells.fill(".");
      this.#onChange();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#setUp(this.#onAsk);
    });
    find("#edit-play", form).addEventListener("click", () => this.#setUp(this.#onPlay));
    for (const id of ["#edit-width", "#edit-height"]) {
      find(id, form).addEventListener("change", () => this.#readSize());
    }
    canvas.addEventListener("pointerdown", (event) => this.#startPainting(event));
    canvas.addEventListener("pointermove", (event) => {
      if (this.#paints) this.#paint(this.#cellUnder(event));
    });
    for (const type of ["pointerup", "pointercancel"]) canvas.addEventListener(type, () => this.#endPainting());
    canvas.addEventListener("keydown", (event) => this.#press(event));
  }

  /** @param {GameBoard | null} board the position to begin with; an empty one by default */
  open(board) {
    this.isOpen = true;
    this.#form.hidden = false;
    this.width = board?.width ?? USUAL.width;
    this.height = board?.height ?? USUAL.height;
    this.#cells = [...(board?.cells ?? "").padEnd(this.#nCells, ".")].slice(0, this.#nCells);
    findInput("#edit-width", this.#form).value = String(this.width);
    findInput("#edit-height", this.#form).value = String(this.height);
    findInput("#edit-queue", this.#form).value = (board?.queue ?? []).map((piece) => PIECE_LETTERS[piece]).join("");
    findSelect("#edit-held", this.#form).value = typeof board?.held === "number" ? PIECE_LETTERS[board.held] : "";
    setAttribute(this.#canvas, "tabindex", "0");
    setAttribute(this.#canvas, "role", "application");
    setAttribute(this.#canvas, "aria-describedby", "editor-help");
    this.#onChange();
  }

  get #nRows() {
    return this.height + ROWS_ABOVE;
  }

  get #nCells() {
    return this.width * this.#nRows;
  }

  /** Changes the size of the board; cells that lie on both boards stay. */
  #readSize() {
    const error = find("#editor-error", this.#form);
    const [before, nRows, cells] = [this.width, this.#nRows, this.#cells];
    try {
      const width = parseWhole(
        "The number of columns",
        findInput("#edit-width", this.#form).value,
        MIN_SIZE,
        MAX_WIDTH,
      );
      this.height = parseWhole(
        "The number of visible rows",
        findInput("#edit-height", this.#form).value,
        MIN_SIZE,
        MAX_HEIGHT,
      );
      this.width = width;
    } catch (failure) {
      setText(error, /** @type {Error} */ (failure).message);
      return false;
    }
    setText(error, "");
    this.#cells = Array.from({ length: this.#nCells }, (_, cell) => {
      const [row, column] = [Math.floor(cell / this.width), cell % this.width];
      return row < nRows && column < before ? cells[row * before + column] : ".";
    });
    this.#cursor = -1;
    this.#onChange();
    return true;
  }

  get cells() {
    return this.#cells.join("");
  }

  /** Cells that the keyboard points at. */
  get cursor() {
    return this.#cursor >= 0 && document.activeElement === this.#canvas ? [this.#cursor] : [];
  }

  /** @param {(made: SetUp) => void} use called with the position */
  async #setUp(use) {
    if (!this.#readSize()) return;
    const queue = findInput("#edit-queue", this.#form).value.trim().toUpperCase();
    const held = findSelect("#edit-held", this.#form).value || null;
    const error = find("#editor-error", this.#form);
    const unknown = [...queue].find((letter) => !PIECE_LETTERS.includes(letter));
    if (!queue || unknown) {
      setText(error, `Pieces are letters of ${PIECE_LETTERS}, at least one; got “${unknown ?? ""}”.`);
      findInput("#edit-queue", this.#form).focus();
      return;
    }
    try {
      const { width, height } = this;
      const made = await api.setUp({ width, height, cells: this.cells.replace(/\.+$/, ""), queue, held });
      setText(error, "");
      use(made);
    } catch (failure) {
      setText(error, /** @type {Error} */ (failure).message);
    }
  }

  /** @param {PointerEvent} event */
  #startPainting(event) {
    if (!this.isOpen || event.button !== 0) return;
    const cell = this.#cellUnder(event);
    if (cell < 0) return;
    event.preventDefault();
    this.#canvas.setPointerCapture(event.pointerId);
    this.#paints = this.#cells[cell] === "." ? FILLED : ".";
    this.#paint(cell);
  }

  #endPainting() {
    this.#paints = "";
  }

  /** @param {number} cell */
  #paint(cell) {
    if (cell < 0 || this.#cells[cell] === this.#paints) return;
    this.#cells[cell] = this.#paints;
    this.#onChange();
  }

  /** @param {PointerEvent} event */
  #cellUnder({ clientX, clientY }) {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    const size = Math.floor(Math.min((width - 4) / this.width, (height - 2) / this.#nRows));
    const column = Math.floor((clientX - left - (width - size * this.width) / 2) / size);
    const row = Math.floor((top + height - 2 - clientY) / size);
    const isInside = column >= 0 && column < this.width && row >= 0 && row < this.#nRows;
    return isInside ? row * this.width + column : -1;
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    if (!this.isOpen) return;
    const move = CURSOR_KEYS[/** @type {keyof typeof CURSOR_KEYS} */ (event.key)];
    if (!move && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    const at = Math.max(0, this.#cursor);
    if (move) {
      const column = Math.min(this.width - 1, Math.max(0, (at % this.width) + move[0]));
      const row = Math.min(this.#nRows - 1, Math.max(0, Math.floor(at / this.width) + move[1]));
      this.#cursor = row * this.width + column;
    } else {
      this.#cursor = at;
      this.#cells[at] = this.#cells[at] === "." ? FILLED : ".";
    }
    const state = this.#cells[this.#cursor] === "." ? "empty" : "filled";
    const [column, row] = [this.#cursor % this.width, Math.floor(this.#cursor / this.width)];
    announce(`Column ${column + 1}, row ${row + 1}: ${state}`);
    this.#onChange();
  }
}
