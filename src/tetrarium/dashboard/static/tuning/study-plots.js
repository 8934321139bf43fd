// @ts-check
// Plots of a whole study: its history, and the settings of its trials beside each other (parallel coordinates).

import { formatTick } from "../common/format.js";
import { runStyle } from "../common/run-styles.js";
import { linearTicks } from "../common/scales.js";
import { GOAL, nameText, unitOf, valueText } from "./format.js";
import { makeSvg, scaleOf, tickText } from "./scatter.js";

/** @typedef {import("./api.js").StudyDetails} StudyDetails */
/** @typedef {import("./api.js").Trial} Trial */
/** @typedef {(trial: number | null) => void} OnPoint called with the number of the trial under the pointer */

const HISTORY = { width: 380, height: 210, left: 46, right: 368, top: 12, bottom: 176 };
const PARALLEL = { height: 240, left: 28, top: 36, bottom: 216, gap: 116, label: 76 };
const MAX_TICKS = 5; // of an axis with listed values

/** @param {StudyDetails} study */
const scoredTrials = ({ trials }) => trials.filter(({ value, is_reached: isReached }) => value !== null && isReached);

/**
 * @param {SVGElement} element
 * @param {Trial} trial
 * @param {StudyDetails} study
 * @param {OnPoint} onPoint
 */
function connect(element, trial, { objective }, onPoint) {
  element.setAttribute("data-trial", String(trial.number));
  element.append(makeSvg("title", {}, `${trial.run}: ${valueText(trial, objective)}`));
  element.addEventListener("pointerenter", () => onPoint(trial.number));
  element.addEventListener("pointerleave", () => onPoint(null));
}

/**
 * Draws the values of the trials in their order, with a line for the best one so far.
 *
 * @param {StudyDetails} study
 * @param {OnPoint} onPoint
 */
export function drawHistory(study, onPoint) {
  const { objective, best } = study;
  const trials = scoredTrials(study);
  const label = `${unitOf(objective)} of ${trials.length} trials in their order; the table below has the numbers.`;
  const { svg, x, y } = drawTrialAxes([study], label);
  if (trials.length) svg.append(makeSvg("path", { d: recordPath(study, x, y), class: "record" }));
  for (const trial of trials) {
    const center = { cx: x(trial.number), cy: y(Number(trial.value)) };
    if (trial.number === best) svg.append(makeSvg("circle", { ...center, r: 8.5, class: "ring" }));
    const dot = makeSvg("circle", { ...center, r: 4.5, class: "trial-dot" });
    connect(dot, trial, study, onPoint);
    svg.append(dot);
  }
  return svg;
}

/**
 * Draws the best value so far of several studies of one objective over their trials.
 *
 * @param {StudyDetails[]} studies
 */
export function drawRecords(studies) {
  const names = studies.map(({ name }) => name).join(", ");
  const label = `Best value so far of ${names} over their trials; the table below has the last ones.`;
  const { svg, x, y } = drawTrialAxes(studies, label);
  for (const study of studies.filter((one) => scoredTrials(one).length)) {
    const { hue, stroke } = runStyle(study.name);
    const line = makeSvg("path", { d: recordPath(study, x, y), class: "record of-study", "data-study": study.name });
    line.style.setProperty("--hue", String(hue));
    if (stroke.length) line.setAttribute("stroke-dasharray", stroke.join(" "));
    line.append(makeSvg("title", {}, study.name));
    svg.append(line);
  }
  return svg;
}

/**
 * Returns the line of the best value so far.
 *
 * @param {StudyDetails} study with a value at least
 * @param {(number: number) => number} x
 * @param {(value: number) => number} y
 */
function recordPath(study, x, y) {
  const better = study.objective === GOAL ? Math.min : Math.max;
  const trials = scoredTrials(study);
  let record = study.objective === GOAL ? Infinity : -Infinity;
  const steps = trials.map(({ number, value }) => {
    const before = record;
    record = better(record, Number(value));
    return `${Number.isFinite(before) ? `H${x(number)}V${y(record)}` : `M${x(number)} ${y(record)}`}`;
  });
  return `${steps.join("")}H${x(trials.at(-1)?.number ?? 1)}`;
}

/**
 * Draws the axes of values over trials.
 *
 * @param {StudyDetails[]} studies
 * @param {string} label
 */
function drawTrialAxes(studies, label) {
  const { width, height, left, right, top, bottom } = HISTORY;
  const svg = makeSvg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: "scatter", "aria-label": label });
  const highest = Math.max(1, ...studies.flatMap(scoredTrials).map(({ value }) => Number(value)));
  const last = Math.max(2, ...studies.map(({ n_trials: n }) => n));
  const x = (/** @type {number} */ number) => left + 8 + ((number - 1) / (last - 1)) * (right - left - 16);
  const y = (/** @type {number} */ value) => bottom - (value / (highest * 1.05)) * (bottom - top);
  for (const tick of linearTicks(0, highest, 5)) {
    svg.append(makeSvg("line", { x1: left, x2: right, y1: y(tick), y2: y(tick), class: "grid" }));
    svg.append(makeSvg("text", { x: left - 8, y: y(tick) + 4, class: "tick end" }, formatTick(tick)));
  }
  for (const tick of linearTicks(1, last, 5).filter((number) => Number.isInteger(number) && number >= 1)) {
    svg.append(makeSvg("text", { x: x(tick), y: bottom + 16, class: "tick middle" }, formatTick(tick)));
  }
  svg.append(makeSvg("text", { x: (left + right) / 2, y: height - 4, class: "name middle" }, "Trial"));
  return { svg, x, y };
}

/**
 * Draws a line per trial through an axis per setting and one for its value; the best trial is drawn last.
 *
 * @param {StudyDetails} study
 * @param {OnPoint} onPoint
 */
export function drawParallel(study, onPoint) {
  const { objective, best } = study;
  const { height, left, top, bottom, gap, label: labelWidth } = PARALLEL;
  const trials = scoredTrials(study);
  const highest = Math.max(1, ...trials.map(({ value }) => Number(value)));
  const settings = Object.entries(study.ranges).map(([name, range]) => {
    const scale = scaleOf(/** @type {import("./scatter.js").SettingRange} */ (range));
    return { name, position: (/** @type {Trial} */ { params }) => scale.position(params[name]), ticks: scale.ticks };
  });
  /** @type {[number, string][]} */
  const ticks = linearTicks(0, highest, 4).map((tick) => [tick / highest, tickText(tick)]);
  const value = {
    name: unitOf(objective),
    position: (/** @type {Trial} */ trial) => Number(trial.value) / highest,
    ticks,
  };
  const axes = [...settings, value];
  const width = left + gap * (axes.length - 1) + labelWidth;
  const content = `Settings and ${unitOf(objective).toLowerCase()} of ${trials.length} trials`;
  const label = `${content}; the table below has the numbers.`;
  const svg = makeSvg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: "scatter", "aria-label": label });
  svg.style.minWidth = `${width}px`;
  const x = (/** @type {number} */ axis) => left + gap * axis;
  const y = (/** @type {number} */ share) => bottom - share * (bottom - top);
  const order = trials.toSorted((one, other) => Number(one.number === best) - Number(other.number === best));
  for (const trial of order) {
    const points = axes.map(({ position }, axis) => `${x(axis)},${y(position(trial))}`).join(" ");
    const line = makeSvg("polyline", { points, class: `trial-line${trial.number === best ? " best" : ""}` });
    connect(line, trial, study, onPoint);
    svg.append(line);
  }
  for (const [axis, { name, ticks: shown }] of axes.entries()) {
    svg.append(makeSvg("line", { x1: x(axis), x2: x(axis), y1: top, y2: bottom, class: "axis" }));
    const anchor = axis === 0 ? { x: 0, class: "name" } : { x: x(axis), class: "name middle" };
    svg.append(makeSvg("text", { ...anchor, y: top - 16 }, nameText(name)));
    const every = Math.ceil(shown.length / MAX_TICKS);
    for (const [share, text] of shown.filter((_, k) => k % every === 0)) {
      svg.append(makeSvg("text", { x: x(axis) + 6, y: y(share) + 4, class: "tick" }, text));
    }
  }
  return svg;
}
