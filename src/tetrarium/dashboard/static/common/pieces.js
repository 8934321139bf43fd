// The seven pieces: their letters, in the order in which the server numbers them, and their cells lying flat.

export const LETTERS = "IOTLJSZ";

/** Cells [column, row] of each piece as it spawns, row 0 at the bottom. */
export const FLAT = {
  I: [[0, 0], [1, 0], [2, 0], [3, 0]],
  O: [[0, 0], [1, 0], [0, 1], [1, 1]],
  T: [[0, 0], [1, 0], [2, 0], [1, 1]],
  L: [[0, 0], [1, 0], [2, 0], [2, 1]],
  J: [[0, 0], [1, 0], [2, 0], [0, 1]],
  S: [[0, 0], [1, 0], [1, 1], [2, 1]],
  Z: [[1, 0], [2, 0], [0, 1], [1, 1]],
};

/** Width and height in cells, from cells [column, row] that begin at 0. */
export const extent = (cells) => [
  1 + Math.max(...cells.map(([column]) => column)),
  1 + Math.max(...cells.map(([, row]) => row)),
];
