// @ts-check
// Texts and signs that both pages of studies share.

import { pageUrl } from "../common/address.js";
import { make } from "../common/dom.js";
import { formatCount, formatLines, formatNumber, stateLabel } from "../common/format.js";

/** @typedef {import("./api.js").Trial} Trial */

/** @type {Record<string, string>} */
const TRIAL_STATES = { done: "Done", pruned: "Pruned", failed: "Failed", waiting: "Waiting" };
export const GOAL = "placements-to-goal"; // objective

/** @param {string} name */
export const studyPath = (name) => pageUrl("tuning", name);

/** @param {string} name */
export const runPath = (name) => pageUrl("runs", name);

/**
 * Returns the label of the state of a study or trial.
 *
 * @param {string} state
 */
export const labelOf = (state) => TRIAL_STATES[state] ?? stateLabel(state);

/** @param {string} state */
export const hasEnded = (state) => state === "done" || state === "pruned" || state === "failed";

/**
 * Makes the sign of a state with its label.
 *
 * @param {string} state
 */
export function stateSign(state) {
  const dot = make("span", { class: "dot", "aria-hidden": "true" });
  return make("span", { class: "study-state", "data-state": state }, dot, labelOf(state));
}

/**
 * Returns the unit of an objective's values.
 *
 * @param {string} objective
 */
export const unitOf = (objective) => (objective === GOAL ? "Placements to the goal" : "Lines until the limit");

/**
 * Formats the value of a trial. A trial that missed the goal has a value that only ranks it, which is not shown.
 *
 * @param {Trial} trial
 * @param {string} objective
 */
export function valueText({ value, is_reached: isReached }, objective) {
  if (value === null) return "–";
  if (objective !== GOAL) return formatLines(value);
  return isReached ? formatCount(value) : "not reached";
}

/**
 * Formats the value of a setting.
 *
 * @param {unknown} value
 */
export function settingText(value) {
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number") return String(value ?? "–");
  return Number.isInteger(value) ? formatCount(value) : formatNumber(value);
}

/**
 * Returns the name of a setting or objective as shown.
 *
 * @param {string} name
 */
export const nameText = (name) => name.replaceAll("_", " ");
