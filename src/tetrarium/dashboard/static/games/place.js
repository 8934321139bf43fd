// @ts-check
// Boards that follow from placements, as texts of one sign per cell.

import { pieceLetter } from "../common/pieces.js";

/** @typedef {{ piece: number, cells: number[] }} Placed */

/**
 * Returns the board after placements, without the rows that they fill.
 *
 * @param {string} cells row 0 first
 * @param {number} width
 * @param {Placed[]} placements
 */
export function boardAfter(cells, width, placements) {
  let board = cells;
  for (const { piece, cells: filled } of placements) {
    const signs = [...board.padEnd(Math.max(board.length, ...filled.map((cell) => cell + 1)), ".")];
    for (const cell of filled) signs[cell] = pieceLetter(piece) ?? "x";
    const rows = signs.join("").match(new RegExp(`.{1,${width}}`, "g")) ?? [];
    board = rows.filter((row) => row.length < width || row.includes(".")).join("");
  }
  return board;
}
