// The look of a run: a colour and a stroke that it keeps in every chart and table, told by its name alone.
//
// Hues keep away from red and green, which mean failed and fine. Two runs may get the same look, so charts also write
// names at the ends of lines.

import { make, themeColour } from "./dom.js";

const HUES = [200, 222, 244, 266, 288, 310, 332, 352, 62, 82, 102, 182];
const STROKES = [[], [6, 4], [2, 3]];
const STROKE_NAMES = ["solid", "dashed", "dotted"];

/** Spreads names evenly, names that differ by a digit among them (FNV-1a, then mixed once more). */
function hashOf(name) {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0;
  return (hash ^ (hash >>> 13)) >>> 0;
}

/** {hue, stroke: dashes for a canvas, strokeName} of a run. */
export function lookOf(name) {
  const hash = hashOf(name);
  const stroke = Math.floor(hash / HUES.length) % STROKES.length;
  return { hue: HUES[hash % HUES.length], stroke: STROKES[stroke], strokeName: STROKE_NAMES[stroke] };
}

/** A run's colour in the theme of now, as a canvas takes it. */
export const colourOf = (name) => `oklch(${themeColour("--run-lightness")} ${themeColour("--run-chroma")} ${lookOf(name).hue})`;

/** The line that stands for a run beside its name. */
export function swatchOf(name) {
  const swatch = make("span", { class: "swatch", "aria-hidden": "true" });
  paintSwatch(swatch, name);
  return swatch;
}

/** Gives an element of class "swatch" a run's look. */
export function paintSwatch(element, name) {
  const { hue, strokeName } = lookOf(name);
  element.style.setProperty("--hue", hue);
  element.dataset.stroke = strokeName;
}
