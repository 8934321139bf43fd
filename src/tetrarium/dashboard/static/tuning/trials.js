// The table of a study's trials: rows stay where they are while their figures change, so that no focus is lost.

import { find, make, setAttribute } from "../common/dom.js";
import { count, duration, percent } from "../common/words.js";
import { GOAL, isEnded, nameText, runPath, settingText, stateSign, unitOf, valueText } from "./words.js";

const share = ({ step, total_steps: total }) => (total ? Math.min(1, step / total) : 0);

/** The columns of a study: key, title, a text's side, what is shown and by what is sorted. */
function columnsOf(study) {
  const fixed = [
    { key: "number", title: "Trial", isText: true, sort: (trial) => trial.number, cell: runCell },
    { key: "state", title: "State", isText: true, sort: (trial) => trial.state, cell: stateCell },
    { key: "value", title: unitOf(study.objective), sort: (trial) => trial.value, cell: (trial) => valueText(trial, study.objective) },
    { key: "cut", title: "Cut off", help: "Games of the evaluation that were still running at its end.", sort: (trial) => trial.n_cut_off, cell: (trial) => (trial.n_games === null ? "–" : `${count(trial.n_cut_off)} of ${count(trial.n_games)}`) },
  ];
  const varied = Object.keys(study.ranges).map((name) => ({ key: `set-${name}`, title: nameText(name), sort: (trial) => trial.params[name], cell: (trial) => settingText(trial.params[name]) }));
  return [...fixed, ...varied, { key: "time", title: "Time", sort: (trial) => trial.seconds, cell: (trial) => (trial.seconds ? duration(trial.seconds) : "–") }];
}

function runCell(trial) {
  return trial.has_run ? make("a", { href: runPath(trial.run) }, trial.run) : make("span", { title: "This run is not there, or not yet." }, trial.run);
}

function stateCell(trial) {
  if (trial.note) return make("span", { title: trial.note }, stateSign(trial.state));
  if (isEnded(trial.state) || !trial.step) return stateSign(trial.state);
  return make("span", {}, stateSign(trial.state), make("span", { class: "fine" }, ` ${percent(Math.round(share(trial) * 100) / 100)}`));
}

export class TrialTable {
  #columns = [];
  #rows = new Map(); // run → {element, told}
  #order = { key: "value", descending: true };
  #study = null;

  /** Shows a study's trials; at first the best one is on top, those under way before it. */
  show(study) {
    if (!this.#study) {
      this.#order.descending = study.objective !== GOAL;
      this.#columns = columnsOf(study);
      this.#makeHead();
    }
    this.#study = study;
    const body = find("#trials tbody");
    const rows = this.#ordered().map((trial) => this.#row(trial));
    rows.forEach((row, place) => {
      if (body.children[place] !== row) body.insertBefore(row, body.children[place] ?? null);
    });
    for (const head of find("#trials thead tr").children) {
      setAttribute(head, "aria-sort", head.dataset.key === this.#order.key ? (this.#order.descending ? "descending" : "ascending") : null);
    }
  }

  #makeHead() {
    find("#trials thead tr").replaceChildren(...this.#columns.map(({ key, title, help, isText }) =>
      make("th", { scope: "col", class: isText ? "text" : null, "data-key": key },
        make("button", { type: "button", class: "sort", title: help, onclick: () => this.#sortBy(key, isText) }, title))));
  }

  #sortBy(key, isText) {
    this.#order = { key, descending: this.#order.key === key ? !this.#order.descending : !isText };
    this.show(this.#study);
  }

  #ordered() {
    const { key, descending } = this.#order;
    const { sort } = this.#columns.find((column) => column.key === key);
    const turn = descending ? -1 : 1;
    const isLast = (value) => value === null || value === undefined;
    return [...this.#study.trials].sort((one, other) => {
      const [a, b] = [sort(one), sort(other)];
      if (key === "value" && isLast(a) && isLast(b)) return Number(isEnded(one.state)) - Number(isEnded(other.state)) || one.number - other.number;
      if (key === "value" && isLast(a) !== isLast(b)) return isLast(a) === !isEnded((isLast(a) ? one : other).state) ? -1 : 1;
      if (isLast(a) || isLast(b)) return Number(isLast(a)) - Number(isLast(b));
      const [left, right] = [a, b].map((value) => (typeof value === "number" ? value : settingText(value)));
      return (left < right ? -1 : left > right ? 1 : 0) * turn || one.number - other.number;
    });
  }

  #row(trial) {
    const isBest = trial.number === this.#study.best;
    const told = JSON.stringify([trial, isBest]);
    const known = this.#rows.get(trial.run);
    if (known?.told === told) return known.element;
    const element = known?.element ?? make("tr", { "data-trial": trial.number });
    const isFocused = element.contains(document.activeElement);
    element.classList.toggle("best", isBest);
    element.replaceChildren(...this.#columns.map(({ cell, isText }) => make("td", { class: isText ? "text" : null }, cell(trial))));
    if (isFocused) find("a", element)?.focus();
    this.#rows.set(trial.run, { element, told });
    return element;
  }
}
