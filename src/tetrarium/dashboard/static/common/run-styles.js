// @ts-check
// Color and stroke of each run, the same in all charts and tables; both follow from its name.
//
// Hues keep away from red and green, which mean failed and fine. Runs in one chart differ: one whose style is taken
// gets a free one, in all of the page.

import { findAll, make, themeColor } from "./dom.js";

const HUES = [200, 222, 244, 266, 288, 310, 332, 352, 62, 82, 102, 182];
const STROKES = [[], [6, 4], [2, 3]]; // dashes on a canvas
const STROKE_NAMES = ["solid", "dashed", "dotted"];
const N_STYLES = HUES.length * STROKES.length;

/** @type {Map<string, number>} */
const assigned = new Map(); // numbers of the styles of the runs in the page's chart, by name

/**
 * Spreads names evenly, also names that differ in one digit: FNV-1a with a final mix.
 *
 * @param {string} name
 */
function hashOf(name) {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0;
  return (hash ^ (hash >>> 13)) >>> 0;
}

/** @param {string} name */
export function runStyle(name) {
  const number = assigned.get(name) ?? hashOf(name) % N_STYLES;
  const stroke = Math.floor(number / HUES.length);
  return { hue: HUES[number % HUES.length], stroke: STROKES[stroke], strokeName: STROKE_NAMES[stroke] };
}

/**
 * Gives the runs of a chart different styles, as `run_styles` in Python does: the first run of a color keeps its style,
 * another one gets the next free color, or a free style once all colors are taken.
 *
 * @param {string[]} names
 */
export function separateStyles(names) {
  assigned.clear();
  const n = HUES.length;
  /** @type {Map<string, number>} */
  const numbers = new Map();
  const hues = new Set();
  for (const name of names) {
    const own = hashOf(name) % N_STYLES;
    if (hues.has(own % n)) continue;
    hues.add(own % n);
    numbers.set(name, own);
  }
  for (const name of names) {
    if (numbers.has(name)) continue;
    const own = hashOf(name) % N_STYLES;
    const taken = new Set(numbers.values());
    const colors = HUES.map((_, k) => own - (own % n) + ((own + k) % n)).filter((number) => !hues.has(number % n));
    const styles = Array.from({ length: N_STYLES }, (_, k) => (own + n * k + Math.floor(k / 3)) % N_STYLES);
    const free = [...colors, ...styles.filter((number) => !taken.has(number))];
    if (!free.length) continue;
    numbers.set(name, free[0]);
    hues.add(free[0] % n);
    assigned.set(name, free[0]);
  }
  for (const swatch of findAll(".swatch[data-run]")) styleSwatch(swatch, swatch.dataset.run ?? "");
}

/**
 * Returns a run's color in the current theme.
 *
 * @param {string} name
 */
export const runColor = (name) =>
  `oklch(${themeColor("--run-lightness")} ${themeColor("--run-chroma")} ${runStyle(name).hue})`;

/**
 * Makes the short line that stands beside a run's name.
 *
 * @param {string} name
 */
export function makeSwatch(name) {
  const swatch = make("span", { class: "swatch", "aria-hidden": "true" });
  styleSwatch(swatch, name);
  return swatch;
}

/**
 * Gives an element of class "swatch" the style of a run.
 *
 * @param {HTMLElement} element
 * @param {string} name
 */
export function styleSwatch(element, name) {
  const { hue, strokeName } = runStyle(name);
  element.style.setProperty("--hue", String(hue));
  element.dataset.stroke = strokeName;
  element.dataset.run = name;
}
