// @ts-check
// Columns of the table of runs: headings, contents, and sort keys.

import { pageUrl } from "../common/address.js";
import { make } from "../common/dom.js";
import { formatAge, formatCount, formatLines, stateLabel } from "../common/format.js";
import { makeSwatch } from "../common/run-styles.js";
import { makeTags } from "./labels.js";

/** @typedef {import("./api.js").Run} Run */
/** @typedef {HTMLElement | string} Content */

/**
 * @typedef {object} Heading
 * @property {string} key
 * @property {string} title
 * @property {string} sort field of a run, or a setting
 * @property {string} [help]
 * @property {boolean} [isText] aligned left and sorted from A to Z first; numbers begin with the largest
 */

/**
 * @typedef {object} Cells
 * @property {(run: Run) => Content | Content[]} cell
 * @property {(group: Group) => Content | Content[]} groupCell
 */

/** @typedef {Heading & Cells} Column */
/** @typedef {import("./api.js").Group} Group */

/**
 * Returns the heading of a setting's column.
 *
 * @param {string} name of the setting
 * @returns {Heading}
 */
export const settingColumn = (name) => ({
  key: "setting",
  title: name.replaceAll("_", " "),
  sort: name,
  help: name,
});

/** Stands before the name of a group, where runs are named too. */
export const GROUP = "group:";

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

/** @param {string} tag to find runs with */
const searchTag = (tag) => document.dispatchEvent(new CustomEvent("searchtag", { detail: tag }));

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
    cell: ({ name, tags, note }) => [
      makeSwatch(name),
      make("a", { href: runPath(name), class: "run-link", title: note || null }, name),
      ...makeTags(tags, searchTag),
    ],
    groupCell: ({ name, runs }) => [
      makeSwatch(`${GROUP}${name}`),
      make("span", { class: "group-name" }, name),
      make("span", { class: "fine" }, `${formatCount(runs.length)} runs`),
    ],
  },
  {
    key: "state",
    title: "State",
    sort: "state",
    isText: true,
    cell: ({ state }) => stateSign(state),
    groupCell: ({ n_by_state: counts }) =>
      Object.entries(counts).map(([state, n]) =>
        make("span", { class: "group-state" }, `${formatCount(n)} `, stateSign(state)),
      ),
  },
  {
    key: "step",
    title: "Step",
    sort: "step",
    help: "Steps trained so far, and their total.",
    cell: stepCell,
    groupCell: () => "",
  },
  {
    key: "mean",
    title: "Training mean",
    sort: "training_mean",
    help: "Mean lines of the latest games, those still running included; of a group, the median of its runs.",
    cell: meanCell,
    groupCell: ({ training_mean: mean, runs, started }) => [
      make("span", { class: mean === null ? "none" : null }, formatLines(mean)),
      make("span", { class: "fine" }, " median"),
      make("span", { class: "fine only-phone" }, ` · ${formatCount(runs.length)} runs · ${formatAge(started)}`),
    ],
  },
  {
    key: "best",
    title: "Best game",
    sort: "best_lines_game",
    help: "Most lines in one game.",
    cell: (run) => formatCount(run.best_lines_game),
    groupCell: (group) => formatCount(group.best_lines_game),
  },
  {
    key: "speed",
    title: "Speed",
    sort: "steps_per_second",
    help: "Placements per second, of all games together.",
    cell: speedOf,
    groupCell: () => "",
  },
  {
    key: "started",
    title: "Started",
    sort: "started",
    cell: ({ started }) => make("span", { title: started ?? "" }, formatAge(started)),
    groupCell: ({ started }) => make("span", { title: started ?? "" }, formatAge(started)),
  },
  {
    key: "algorithm",
    title: "Algorithm",
    sort: "algorithm",
    isText: true,
    help: "Preset and algorithm.",
    cell: algorithmOf,
    groupCell: ({ settings, differing }) =>
      differing.includes("algorithm") ? "varies" : String(settings.algorithm ?? ""),
  },
  {
    key: "seed",
    title: "Seed",
    sort: "seed",
    cell: ({ seed }) => String(seed),
    groupCell: ({ differing }) => (differing.includes("seed") ? "varies" : ""),
  },
];
