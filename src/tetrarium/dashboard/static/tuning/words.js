// Words and signs that both pages of studies share.

import { make } from "../common/dom.js";
import { count, lines, small, stateWord } from "../common/words.js";

const ENDED = { done: "Done", pruned: "Pruned", failed: "Failed", waiting: "Waiting" };
export const GOAL = "placements-to-goal";
export const pathOf = (name) => `/tuning/${encodeURIComponent(name)}`;
export const runPath = (name) => `/runs/${encodeURIComponent(name)}`;
export const wordOf = (state) => ENDED[state] ?? stateWord(state);
export const isEnded = (state) => state === "done" || state === "pruned" || state === "failed";

/** A state as a sign of a shape of its own, and its word. */
export function stateSign(state) {
  return make("span", { class: "study-state", "data-state": state }, make("span", { class: "dot", "aria-hidden": "true" }), wordOf(state));
}

/** What values are, as the head of a column. */
export const unitOf = (objective) => (objective === GOAL ? "Placements to the goal" : "Lines a game");

/** What a trial came to; a number that only ranks those that missed the goal is not shown. */
export function valueText(trial, objective) {
  if (trial.value === null) return "–";
  if (objective !== GOAL) return lines(trial.value);
  return trial.is_reached ? count(trial.value) : "not reached";
}

/** A setting's value. */
export function settingText(value) {
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number") return String(value ?? "–");
  return Number.isInteger(value) ? count(value) : small(value);
}

/** Names of settings as people read them. */
export const nameText = (name) => name.replaceAll("_", " ");
