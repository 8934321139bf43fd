// @ts-check
// Columns of the table of runs: headings, contents, and sort keys.

import { pageUrl } from "../common/address.js";
import { make } from "../common/dom.js";
import { formatAge, formatCount, formatLines, stateLabel } from "../common/format.js";
import { makeSwatch } from "../common/run-styles.js";

/** @typedef {import("./api.js").Run} Run */
/** @typedef {HTMLElement | string} Content */

/**
 * @typedef {object} Column
 * @property {string} key
 * @property {string} title
 * @property {NonNullable<import("./api.js").HistoryQuery["sort"]>} sort
 * @property {string} [help]
 * @property {boolean} [isText] aligned left and sorted from A to Z first; numbers begin with the largest
 * @property {(run: Run) => Content | Content[]} cell
 */

/** @param {string} name */
export const runPath = (name) => pageUrl("runs", name);

/**
 * Makes the sign of a state with its label.
 *
 * @param {string} state
 */
export const stateSign = (state) =>
  make(
    "span",
    { class: "state", "data-state": state },
    make("span", { class: "dot", "aria-hidden": "true" }),
    make("span", {}, stateLabel(state)),
  );

/** @param {Run} run */
function stepCell({ step, total_steps: total }) {
  const bar = make("span", { class: "bar", "aria-hidden": "true" });
  bar.style.setProperty("--share", (total ? Math.min(1, step / total) : 0).toFixed(3));
  return [make("span", {}, `${formatCount(step)} of ${formatCount(total)}`), bar];
}

/** @param {Run} run */
const speedOf = (run) => (run.is_alive && run.steps_per_second ? `${formatCount(run.steps_per_second)}/s` : "–");

/** @param {Run} run */
const algorithmOf = (run) => [run.preset, run.algorithm].filter(Boolean).join(" · ");

/**
 * On a phone this cell holds the contents of the other columns.
 *
 * @param {Run} run
 */
function meanCell(run) {
  const { training_mean: mean, step, total_steps: total, started } = run;
  const parts = [
    mean === null ? "" : "training mean",
    `step ${formatCount(step)} of ${formatCount(total)}`,
    algorithmOf(run),
    formatAge(started),
  ];
  return [
    make("span", { class: mean === null ? "none" : null }, formatLines(mean)),
    make("span", { class: "fine only-phone" }, parts.filter(Boolean).join(" · ")),
  ];
}

/** @type {Column[]} */
export const COLUMNS = [
  {
    key: "name",
    title: "Run",
    sort: "name",
    isText: true,
    cell: ({ name }) => [makeSwatch(name), make("a", { href: runPath(name), class: "run-link" }, name)],
  },
  { key: "state", title: "State", sort: "state", isText: true, cell: ({ state }) => stateSign(state) },
  { key: "step", title: "Step", sort: "step", help: "Steps trained so far, and their total.", cell: stepCell },
  {
    key: "mean",
    title: "Training mean",
    sort: "training_mean",
    help: "Mean lines of the latest games, those still running included.",
    cell: meanCell,
  },
  {
    key: "best",
    title: "Best game",
    sort: "best_lines_game",
    help: "Most lines in one game.",
    cell: (run) => formatCount(run.best_lines_game),
  },
  {
    key: "speed",
    title: "Speed",
    sort: "steps_per_second",
    help: "Placements per second, of all games together.",
    cell: speedOf,
  },
  {
    key: "started",
    title: "Started",
    sort: "started",
    cell: ({ started }) => make("span", { title: started ?? "" }, formatAge(started)),
  },
  {
    key: "algorithm",
    title: "Algorithm",
    sort: "algorithm",
    isText: true,
    help: "Preset and algorithm.",
    cell: algorithmOf,
  },
  { key: "seed", title: "Seed", sort: "seed", cell: ({ seed }) => String(seed) },
];
