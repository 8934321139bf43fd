// @ts-check
// Canvas of pieces one below the other, each as it spawns: the next pieces, or the held one.

import { contextOf, fitToDevicePixels } from "./canvas.js";
import { drawCell, readPalette } from "./cells.js";
import { setAttribute } from "./dom.js";
import { extent, readShapes, spawnCellsOf } from "./pieces.js";

export class PieceQueue {
  #canvas;
  #context;
  #slots;
  #label;
  #none;
  #palette = readPalette();
  /** @type {string[]} */
  #letters = [];

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {{ slots: number, label: string, none: string }} options `slots` pieces have room; `label` is the canvas's
   *   name for screen readers, and `none` its text without pieces
   */
  constructor(canvas, { slots, label, none }) {
    this.#canvas = canvas;
    this.#context = contextOf(canvas);
    this.#slots = slots;
    this.#label = label;
    this.#none = none;
    fitToDevicePixels(canvas, () => this.#draw());
    document.addEventListener("themechange", () => {
      this.#palette = readPalette();
      this.#draw();
    });
  }

  /** @param {(string | undefined)[]} letters what has no letter is left out */
  show(letters) {
    const shown = letters.filter((letter) => letter !== undefined);
    if (shown.join() === this.#letters.join()) return;
    this.#letters = shown;
    setAttribute(this.#canvas, "aria-label", `${this.#label}: ${shown.join(", ") || this.#none}`);
    this.#draw();
  }

  async #draw() {
    await readShapes().catch(() => {}); // without a connection the label names the pieces
    const { width: pixelsWide, height: pixelsHigh } = this.#canvas;
    const context = this.#context;
    context.clearRect(0, 0, pixelsWide, pixelsHigh);
    const slotHeight = pixelsHigh / this.#slots;
    const size = Math.floor(Math.min(pixelsWide / 4.5, slotHeight / 2.6));
    for (const [slot, letter] of this.#letters.slice(0, this.#slots).entries()) {
      const cells = spawnCellsOf(letter);
      const [width, height] = extent(cells);
      const left = Math.round((pixelsWide - width * size) / 2);
      const bottom = Math.round(slot * slotHeight + (slotHeight + height * size) / 2);
      for (const [column, row] of cells) {
        drawCell(context, left + column * size, bottom - (row + 1) * size, size, this.#palette.pieces[letter]);
      }
    }
  }
}
