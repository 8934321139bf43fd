// How cells look, everywhere the same: a flat fill, a lighter top edge, and a gap of one pixel.

import { themeColour } from "./dom.js";
import { FLAT, LETTERS, extent } from "./pieces.js";

/** The theme's colours that a canvas needs; read again when the theme changes. */
export function readPalette() {
  const palette = { x: { fill: themeColour("--piece-x"), edge: themeColour("--piece-x-edge") } };
  for (const letter of LETTERS) {
    const name = `--piece-${letter.toLowerCase()}`;
    palette[letter] = { fill: themeColour(name), edge: themeColour(`${name}-edge`) };
  }
  for (const name of ["well", "line", "text", "muted", "accent"]) palette[name] = themeColour(`--${name}`);
  return palette;
}

/** Draws one cell whose top left corner is (x, y), in device pixels. */
export function drawCell(context, x, y, size, { fill, edge }) {
  const inner = size - 1;
  context.fillStyle = fill;
  context.fillRect(x, y, inner, inner);
  context.fillStyle = edge;
  context.fillRect(x, y, inner, Math.max(1, Math.round(size / 10)));
}

/** Outlines one cell. */
export function drawOutline(context, x, y, size, colour) {
  const line = Math.max(1, Math.round(size / 12));
  context.strokeStyle = colour;
  context.lineWidth = line;
  context.strokeRect(x + line / 2, y + line / 2, size - 1 - line, size - 1 - line);
}

/** Makes a canvas as many device pixels large as it is shown; calls back when that changes. */
export function keepCrisp(canvas, changed) {
  const resize = (width, height) => {
    if (canvas.width === width && canvas.height === height) return;
    canvas.width = width;
    canvas.height = height;
    changed();
  };
  new ResizeObserver(([entry]) => {
    const exact = entry.devicePixelContentBoxSize?.[0];
    const ratio = window.devicePixelRatio;
    if (exact) resize(exact.inlineSize, exact.blockSize);
    else resize(Math.round(entry.contentRect.width * ratio), Math.round(entry.contentRect.height * ratio));
  }).observe(canvas);
}

/** Draws pieces one below the other, each lying flat and centred; `letters` may be empty. */
export function drawPieces(canvas, letters, slots, palette) {
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  const slot = canvas.height / slots;
  const size = Math.floor(Math.min(canvas.width / 4.5, slot / 2.6));
  letters.slice(0, slots).forEach((letter, index) => {
    const [width, height] = extent(FLAT[letter]);
    const left = Math.round((canvas.width - width * size) / 2);
    const bottom = Math.round(index * slot + (slot + height * size) / 2);
    for (const [column, row] of FLAT[letter]) {
      drawCell(context, left + column * size, bottom - (row + 1) * size, size, palette[letter]);
    }
  });
}
