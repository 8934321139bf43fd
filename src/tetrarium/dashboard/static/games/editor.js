// @ts-check
// Editor of a position: cells are painted on the board by pointer or keyboard, pieces are typed.

import { ROWS_ABOVE } from "../common/board.js";
import { find, findInput, findSelect, make, setAttribute, setText } from "../common/dom.js";
import { PIECE_LETTERS } from "../common/pieces.js";
import { announce } from "../common/toast.js";
import { api } from "./api.js";

/** @typedef {import("./boards.js").GameBoard} GameBoard */

const FILLED = "x";
const [WIDTH, HEIGHT] = [10, 20];
const CURSOR_KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export class Editor {
  #form;
  #canvas;
  #onChange;
  #onAsk;
  /** @type {string[]} */
  #cells = [];
  #paints = ""; // the sign that a drag paints; "" without one
  #cursor = -1; // the cell of the keyboard
  isOpen = false;

  /**
   * @param {HTMLFormElement} form
   * @param {HTMLCanvasElement} canvas of the board
   * @param {{ onChange: () => void, onAsk: (fumen: string) => void }} callbacks
   */
  constructor(form, canvas, { onChange, onAsk }) {
    this.#form = form;
    this.#canvas = canvas;
    this.#onChange = onChange;
    this.#onAsk = onAsk;
    findSelect("#edit-held", form).append(...[...PIECE_LETTERS].map((letter) => make("option", {}, letter)));
    find("#edit-clear", form).addEventListener("click", () => {
      this.#cells.fill(".");
      this.#onChange();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#ask();
    });
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
    this.#cells = [...(board?.cells ?? "").slice(0, WIDTH * HEIGHT).padEnd(WIDTH * HEIGHT, ".")];
    findInput("#edit-queue", this.#form).value = (board?.queue ?? []).map((piece) => PIECE_LETTERS[piece]).join("");
    findSelect("#edit-held", this.#form).value = typeof board?.held === "number" ? PIECE_LETTERS[board.held] : "";
    setAttribute(this.#canvas, "tabindex", "0");
    setAttribute(this.#canvas, "role", "application");
    setAttribute(this.#canvas, "aria-describedby", "editor-help");
    this.#onChange();
  }

  get cells() {
    return this.#cells.join("");
  }

  /** Cells that the keyboard points at. */
  get cursor() {
    return this.#cursor >= 0 && document.activeElement === this.#canvas ? [this.#cursor] : [];
  }

  async #ask() {
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
      const { fumen } = await api.encode({ cells: this.cells, queue, held });
      setText(error, "");
      this.#onAsk(fumen);
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
    const size = Math.floor(Math.min((width - 4) / WIDTH, (height - 2) / (HEIGHT + ROWS_ABOVE)));
    const column = Math.floor((clientX - left - (width - size * WIDTH) / 2) / size);
    const row = Math.floor((top + height - 2 - clientY) / size);
    return column >= 0 && column < WIDTH && row >= 0 && row < HEIGHT ? row * WIDTH + column : -1;
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
      const column = Math.min(WIDTH - 1, Math.max(0, (at % WIDTH) + move[0]));
      const row = Math.min(HEIGHT - 1, Math.max(0, Math.floor(at / WIDTH) + move[1]));
      this.#cursor = row * WIDTH + column;
    } else {
      this.#cursor = at;
      this.#cells[at] = this.#cells[at] === "." ? FILLED : ".";
    }
    const state = this.#cells[this.#cursor] === "." ? "empty" : "filled";
    announce(`Column ${(this.#cursor % WIDTH) + 1}, row ${Math.floor(this.#cursor / WIDTH) + 1}: ${state}`);
    this.#onChange();
  }
}
