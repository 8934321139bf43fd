// @ts-check
// Scatter plot of a study's results by one setting: a dot per trial. The value axis begins at 0.

import { formatTick } from "../common/format.js";
import { linearTicks } from "../common/scales.js";
import { nameText, settingText, unitOf, valueText } from "./format.js";

/** @typedef {import("./api.js").StudyDetails} StudyDetails */
/** @typedef {import("./api.js").Trial} Trial */
/** @typedef {{ values?: unknown[] | null, low?: number | null, high?: number | null, log?: boolean }} SettingRange */

/**
 * @typedef {object} XScale
 * @property {(value: unknown) => number} position
 * @property {[share: number, text: string][]} ticks
 * @property {boolean} isListed
 */

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [320, 200];
const PLOT = { left: 46, right: 308, top: 12, bottom: 166 };
const PADDING = 8;
const RADIUS = 4.5;
const MAX_LISTED_TICKS = 6;
const LONGEST_TICK = 10; // characters

/**
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number>} attributes
 * @param {string} [text]
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function makeSvg(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  if (text !== undefined) element.textContent = text;
  return element;
}

/**
 * Returns the horizontal scale of a setting, from 0 to 1.
 *
 * @param {SettingRange} range
 * @returns {XScale}
 */
export function scaleOf({ values, low, high, log }) {
  if (values?.length) return listedScale(values);
  const [from, to] = [Number(low), Number(high)];
  const measure = (/** @type {number} */ value) => (log ? Math.log10(value) : value);
  const position = (/** @type {unknown} */ value) =>
    (measure(Number(value)) - measure(from)) / (measure(to) - measure(from));
  const inside = log ? powersBetween(from, to) : linearTicks(from, to, 3);
  const ticks = inside.length > 1 ? inside : [from, to];
  return { position, ticks: ticks.map((value) => [position(value), tickText(value)]), isListed: false };
}

/**
 * @param {unknown[]} values
 * @returns {XScale}
 */
function listedScale(values) {
  const texts = values.map(settingText);
  const shareOf = (/** @type {number} */ index) => (index + 0.5) / values.length;
  const every = Math.ceil(texts.length / MAX_LISTED_TICKS);
  /** @type {[number, string][]} */
  const ticks = texts.map((text, index) => [shareOf(index), text]);
  return {
    position: (value) => shareOf(Math.max(0, texts.indexOf(settingText(value)))),
    ticks: ticks.filter((_, index) => index % every === 0),
    isListed: true,
  };
}

/** @param {number} value */
export const tickText = (value) =>
  value >= 1e-5 && value < 1e-3 ? value.toFixed(5).replace(/0+$/, "") : formatTick(value);

/**
 * @param {number} low
 * @param {number} high
 */
function powersBetween(low, high) {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, k) => 10 ** (first + k));
}

/** @param {number} share */
const xOf = (share) => PLOT.left + PADDING + share * (PLOT.right - PLOT.left - 2 * PADDING);

/**
 * Draws the results by one setting.
 *
 * @param {string} name of the setting
 * @param {SettingRange} range
 * @param {StudyDetails} study
 * @param {(trial: number | null) => void} onPoint called with the number of the trial under the pointer
 */
export function drawScatter(name, range, study, onPoint) {
  const { objective, best } = study;
  const trials = study.trials.filter(({ value, is_reached: isReached }) => value !== null && isReached);
  const scale = scaleOf(range);
  const top = Math.max(1, ...trials.map(({ value }) => Number(value)));
  const y = (/** @type {number} */ value) => PLOT.bottom - (value / (top * 1.05)) * (PLOT.bottom - PLOT.top);
  const results = `${unitOf(objective)} of ${trials.length} trials by ${nameText(name)}`;
  const label = `${results}; the table below has the numbers.`;
  const svg = makeSvg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", class: "scatter", "aria-label": label });
  for (const tick of linearTicks(0, top, 5)) {
    svg.append(makeSvg("line", { x1: PLOT.left, x2: PLOT.right, y1: y(tick), y2: y(tick), class: "grid" }));
    svg.append(makeSvg("text", { x: PLOT.left - 8, y: y(tick) + 4, class: "tick end" }, formatTick(tick)));
  }
  for (const [share, text] of scale.ticks) {
    const short = text.length > LONGEST_TICK ? `${text.slice(0, LONGEST_TICK - 1)}…` : text;
    svg.append(makeSvg("text", { x: xOf(share), y: PLOT.bottom + 16, class: "tick middle" }, short));
  }
  const title = nameText(name).replace(/^./, (letter) => letter.toUpperCase()) + (range.log ? ", log scale" : "");
  svg.append(makeSvg("text", { x: (PLOT.left + PLOT.right) / 2, y: HEIGHT - 4, class: "name middle" }, title));
  for (const trial of trials) {
    const { number, run, params } = trial;
    const jitter = scale.isListed ? (((number * 7) % 5) - 2) * 5 : 0; // separates dots of one value
    const center = { cx: xOf(scale.position(params[name])) + jitter, cy: y(Number(trial.value)) };
    if (number === best) svg.append(makeSvg("circle", { ...center, r: RADIUS + 4, class: "ring" }));
    const dot = makeSvg("circle", { ...center, r: RADIUS, class: "trial-dot", "data-trial": number });
    const text = `${run}: ${valueText(trial, objective)}, ${nameText(name)} ${settingText(params[name])}`;
    dot.append(makeSvg("title", {}, text));
    dot.addEventListener("pointerenter", () => onPoint(number));
    dot.addEventListener("pointerleave", () => onPoint(null));
    svg.append(dot);
  }
  return svg;
}
