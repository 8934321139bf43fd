// @ts-check
// Boards of one game: pages of a fumen, or chunks of a recorded game, which are loaded when they are needed.

import { api } from "./api.js";

/** @typedef {import("./api.js").Boards} Boards */
/**
 * @typedef {object} GameBoard
 * @property {number} width
 * @property {number} height
 * @property {string} cells
 * @property {number[]} queue
 * @property {number | null} held
 * @property {number} lines
 * @property {number[]} ghost
 * @property {number[]} cleared
 */

const CHUNK_SIZE = 200; // boards
const MAX_CHUNKS = 60;

export class GameBoards {
  #game;
  #fumen;
  #onLoaded;
  /** @type {Map<number, Boards>} */
  #chunks = new Map();
  /** @type {Set<number>} */
  #loading = new Set();

  /**
   * @param {{ game?: string, fumen?: string }} source
   * @param {(error: Error | null) => void} onLoaded
   */
  constructor({ game = "", fumen = "" }, onLoaded) {
    this.#game = game;
    this.#fumen = fumen;
    this.#onLoaded = onLoaded;
  }

  /**
   * Returns a board, or null until it is loaded.
   *
   * @param {number} position
   * @returns {GameBoard | null}
   */
  at(position) {
    const number = Math.floor(position / CHUNK_SIZE);
    const chunk = this.#chunks.get(number);
    this.#load(number);
    if (chunk && position % CHUNK_SIZE > CHUNK_SIZE / 2) this.#load(number + 1);
    const k = position - (chunk?.first ?? 0);
    if (!chunk || k >= chunk.cells.length) return null;
    const { width, height, cells, queue, held, lines, ghost, cleared } = chunk;
    return {
      width,
      height,
      cells: cells[k],
      queue: queue[k],
      held: held[k],
      lines: lines[k],
      ghost: ghost[k],
      cleared: cleared[k],
    };
  }

  /** @param {number} number of the chunk */
  async #load(number) {
    const known = this.#chunks.values().next().value;
    const isBeyond = known && number * CHUNK_SIZE > known.n_pieces;
    const isNone = this.#fumen ? number > 0 : !this.#game;
    if (this.#chunks.has(number) || this.#loading.has(number) || isBeyond || isNone) return;
    this.#loading.add(number);
    try {
      const chunk = this.#fumen
        ? await api.fumenBoards(this.#fumen)
        : await api.boards(this.#game, number * CHUNK_SIZE, CHUNK_SIZE);
      this.#chunks.set(number, chunk);
      const [oldest] = this.#chunks.keys();
      if (this.#chunks.size > MAX_CHUNKS) this.#chunks.delete(oldest);
      this.#onLoaded(null);
    } catch (error) {
      this.#onLoaded(/** @type {Error} */ (error));
    } finally {
      this.#loading.delete(number);
    }
  }

  /** Number of the last board, as far as it is known. */
  get end() {
    return this.#chunks.values().next().value?.n_pieces ?? 0;
  }
}
