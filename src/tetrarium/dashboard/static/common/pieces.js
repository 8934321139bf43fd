// @ts-check
// The seven pieces: their letters, in the order of the server's piece numbers, and their cells as they spawn.

import { FACTS } from "./facts.js";
import { readMeta } from "./meta.js";

/** @typedef {[column: number, row: number]} Cell */

export const PIECE_LETTERS = FACTS.pieces;

/**
 * Returns the letter of a piece number, or undefined without a piece.
 *
 * @param {number | null | undefined} piece
 * @returns {string | undefined}
 */
export const pieceLetter = (piece) => (typeof piece === "number" ? PIECE_LETTERS[piece] : undefined);

/** @type {Record<string, Cell[]>} */
let spawnCells = {};

/** Reads the shapes of the pieces from the server, once per page. */
export async function readShapes() {
  const { pieces } = await readMeta();
  spawnCells = Object.fromEntries(pieces.map(({ letter, spawn_cells: cells }) => [letter, cells]));
}

/**
 * Returns the cells of a piece as it spawns, row 0 at the bottom; none before the shapes are read.
 *
 * @param {string} letter
 */
export const spawnCellsOf = (letter) => spawnCells[letter] ?? [];

/**
 * Returns width and height in cells, for cells that begin at column 0 and row 0.
 *
 * @param {Cell[]} cells
 */
export const extent = (cells) => [
  1 + Math.max(...cells.map(([column]) => column)),
  1 + Math.max(...cells.map(([, row]) => row)),
];
