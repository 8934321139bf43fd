// @ts-check
// Table of a study's trials.

import { compareValues } from "../common/compare-values.js";
import { find, findAll, findOptional, make, setAttribute } from "../common/dom.js";
import { formatCount, formatDuration, formatPercent } from "../common/format.js";
import { KeyedList } from "../common/keyed-list.js";
import { runAction } from "../common/toast.js";
import { GOAL, hasEnded, nameText, runPath, settingText, stateSign, unitOf, valueText } from "./format.js";

/** @typedef {import("./api.js").StudyDetails} StudyDetails */
/** @typedef {import("./api.js").Trial} Trial */

/**
 * @typedef {object} Column
 * @property {string} key
 * @property {string} title
 * @property {string} [help]
 * @property {boolean} [isText]
 * @property {(trial: Trial) => unknown} sort value by which trials are sorted
 * @property {(trial: Trial) => string | HTMLElement} cell
 */

/**
 * @param {StudyDetails} study
 * @returns {Column[]}
 */
function columnsOf({ objective, ranges }) {
  const varied = Object.keys(ranges).map((name) => ({
    key: `set-${name}`,
    title: nameText(name),
    sort: (/** @type {Trial} */ { params }) => params[name],
    cell: (/** @type {Trial} */ { params }) => settingText(params[name]),
  }));
  return [
    { key: "number", title: "Trial", isText: true, sort: ({ number }) => number, cell: makeRunCell },
    { key: "state", title: "State", isText: true, sort: ({ state }) => state, cell: makeStateCell },
    {
      key: "value",
      title: unitOf(objective),
      sort: ({ value }) => value,
      cell: (trial) => valueText(trial, objective),
    },
    {
      key: "truncated",
      title: "Truncated",
      help: "Games of the evaluation that reached the piece limit.",
      sort: ({ n_truncated: nTruncated }) => nTruncated,
      cell: ({ n_truncated: nTruncated, n_games: nGames }) =>
        nGames === null ? "–" : `${formatCount(nTruncated)} of ${formatCount(nGames)}`,
    },
    ...varied,
    {
      key: "time",
      title: "Time",
      sort: ({ seconds }) => seconds,
      cell: ({ seconds }) => (seconds ? formatDuration(seconds) : "–"),
    },
  ];
}

/** @param {Trial} trial */
function makeRunCell({ has_run: hasRun, run }) {
  if (hasRun) return make("a", { href: runPath(run) }, run);
  return make("span", { title: "This run does not exist." }, run);
}

/** @param {Trial} trial */
function makeStateCell({ note, state, step, total_steps: total }) {
  if (note) return make("span", { title: note }, stateSign(state));
  if (hasEnded(state) || !step) return stateSign(state);
  const share = total ? Math.min(1, step / total) : 0;
  const progress = make("span", { class: "fine" }, ` ${formatPercent(Math.round(share * 100) / 100)}`);
  return make("span", {}, stateSign(state), progress);
}

export class TrialTable {
  #root;
  /** @type {Column[]} */
  #columns = [];
  #order = { key: "value", isDescending: true };
  /** @type {StudyDetails | null} */
  #study = null;
  /** @type {KeyedList<Trial>} */
  #rows;

  #onRemove;

  /**
   * @param {HTMLElement} root the page's main element
   * @param {(trial: Trial) => unknown} onRemove
   */
  constructor(root, onRemove) {
    this.#root = root;
    this.#onRemove = onRemove;
    this.#rows = new KeyedList(find("#trials tbody", root), {
      keyOf: ({ run }) => run,
      stateOf: (trial) => [trial, trial.number === this.#study?.best],
      make: ({ number }) => make("tr", { "data-trial": number }),
      update: (row, trial) => this.#updateRow(row, trial),
    });
  }

  /**
   * Shows the trials of a study, at first with active trials and then the best one on top.
   *
   * @param {StudyDetails} study
   */
  show(study) {
    if (!this.#study) {
      this.#order.isDescending = study.objective !== GOAL;
      this.#columns = columnsOf(study);
      this.#makeHead();
    }
    this.#study = study;
    this.#rows.show(this.#sorted(study.trials));
    const direction = this.#order.isDescending ? "descending" : "ascending";
    for (const head of findAll("#trials thead th", this.#root)) {
      setAttribute(head, "aria-sort", head.dataset.key === this.#order.key ? direction : null);
    }
  }

  #makeHead() {
    const heads = this.#columns.map(({ key, title, help, isText = false }) => {
      const sort = () => this.#sortBy(key, isText);
      const button = make("button", { type: "button", class: "sort", title: help, onclick: sort }, title);
      return make("th", { scope: "col", class: isText ? "text" : null, "data-key": key }, button);
    });
    const actions = make("th", { scope: "col" }, make("span", { class: "hidden-text" }, "Actions"));
    find("#trials thead tr", this.#root).replaceChildren(...heads, actions);
  }

  /**
   * @param {string} key
   * @param {boolean} isText
   */
  #sortBy(key, isText) {
    this.#order = { key, isDescending: this.#order.key === key ? !this.#order.isDescending : !isText };
    if (this.#study) this.show(this.#study);
  }

  /** @param {Trial[]} trials */
  #sorted(trials) {
    const { key, isDescending } = this.#order;
    const { sort } = this.#columns.find((column) => column.key === key) ?? this.#columns[0];
    const sign = isDescending ? -1 : 1;
    return [...trials].sort((one, other) => {
      const byPresence = rankOf(one, key, sort) - rankOf(other, key, sort);
      return byPresence || sign * compareValues(sort(one), sort(other)) || one.number - other.number;
    });
  }

  /**
   * @param {HTMLElement} row
   * @param {Trial} trial
   */
  #updateRow(row, trial) {
    const isFocused = row.contains(document.activeElement);
    row.classList.toggle("best", trial.number === this.#study?.best);
    const cells = this.#columns.map(({ cell, isText }) => make("td", { class: isText ? "text" : null }, cell(trial)));
    row.replaceChildren(...cells, make("td", {}, hasEnded(trial.state) ? this.#makeDelete(trial) : null));
    if (isFocused) findOptional("a", row)?.focus();
  }

  /** @param {Trial} trial */
  #makeDelete(trial) {
    const label = `Delete ${trial.run}`;
    const button = make("button", { type: "button", class: "small", "aria-label": label }, "Delete");
    button.addEventListener("click", () => runAction(button, null, () => this.#onRemove(trial)));
    return button;
  }
}

/** @param {unknown} value */
const isMissing = (value) => value === null || value === undefined;

/**
 * Returns 0 for active trials sorted by their value, 1 for trials with a sort value, and 2 for the others.
 *
 * @param {Trial} trial
 * @param {string} key
 * @param {Column["sort"]} sort
 */
function rankOf(trial, key, sort) {
  if (!isMissing(sort(trial))) return 1;
  return key === "value" && !hasEnded(trial.state) ? 0 : 2;
}
