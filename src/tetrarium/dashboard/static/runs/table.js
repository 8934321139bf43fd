// @ts-check
// Table of runs, with their actions and the checkboxes that choose runs to compare.

import { pageUrl } from "../common/address.js";
import { find, findAll, findInput, make, setAttribute } from "../common/dom.js";
import { Emitter } from "../common/emitter.js";
import { KeyedList } from "../common/keyed-list.js";
import { COLUMNS } from "./columns.js";
import { actionButtons } from "./run-actions.js";

/** @typedef {import("./api.js").Run} Run */
/** @typedef {import("./columns.js").Column} Column */

const MINUTE_MS = 60_000; // time after which ages are updated

/** @extends {Emitter<{ sort: Column, chosen: null, changed: null, remove: string }>} "remove" carries a run's name */
export class RunTable extends Emitter {
  #root;
  /** @type {KeyedList<Run>} */
  #rows;
  #all = make("input", {
    type: "checkbox",
    "aria-label": "Compare all on this page",
    onchange: () => this.#chooseAll(),
  });
  #chosen;
  /** @type {Run[]} */
  #runs = [];

  /**
   * @param {HTMLElement} root the page's main element
   * @param {Set<string>} chosen names of the runs to compare, which the checkboxes change
   */
  constructor(root, chosen) {
    super();
    this.#root = root;
    this.#rows = new KeyedList(find("#runs-table tbody", root), {
      keyOf: ({ name }) => name,
      stateOf: (run) => [run, Math.floor(Date.now() / MINUTE_MS)],
      make: (run) => this.#makeRow(run),
      update: (row, run) => this.#updateRow(row, run),
    });
    this.#chosen = chosen;
    find("#runs-table thead tr", this.#root).replaceChildren(
      make("th", { class: "column-choose" }, this.#all),
      ...COLUMNS.map((column) => this.#makeHead(column)),
      make("th", { scope: "col", class: "column-actions" }, make("span", { class: "hidden-text" }, "Actions")),
    );
  }

  /** @param {Column} column */
  #makeHead(column) {
    const { key, title, sort, help, isText } = column;
    const sortButton = make(
      "button",
      { type: "button", class: "sort", title: help, onclick: () => this.emit("sort", column) },
      title,
    );
    return make("th", { scope: "col", class: `column-${key}${isText ? " text" : ""}`, "data-sort": sort }, sortButton);
  }

  #chooseAll() {
    for (const { name } of this.#runs) this.#choose(name, this.#all.checked);
    this.emit("chosen", null);
  }

  /**
   * @param {string} name
   * @param {boolean} isChosen
   */
  #choose(name, isChosen) {
    if (isChosen) this.#chosen.add(name);
    else this.#chosen.delete(name);
  }

  /** @param {{ sort?: string, descending?: boolean }} order */
  showOrder({ sort, descending }) {
    const direction = descending ? "descending" : "ascending";
    for (const head of findAll("#runs-table thead th", this.#root)) {
      setAttribute(head, "aria-sort", head.dataset.sort === sort ? direction : null);
    }
  }

  showChosen() {
    for (const [name, row] of this.#rows.elements) findInput("input", row).checked = this.#chosen.has(name);
    const n = this.#runs.filter(({ name }) => this.#chosen.has(name)).length;
    this.#all.checked = n > 0 && n === this.#runs.length;
    this.#all.indeterminate = n > 0 && n < this.#runs.length;
  }

  /** @param {Run[]} runs */
  show(runs) {
    this.#runs = runs;
    this.#rows.show(runs);
    this.showChosen();
  }

  /** @param {Run} run */
  #makeRow({ name }) {
    const choose = (/** @type {boolean} */ isChosen) => {
      this.#choose(name, isChosen);
      this.emit("chosen", null);
    };
    const checkbox = make("input", {
      type: "checkbox",
      "aria-label": `Compare ${name}`,
      onchange: ({ currentTarget }) => choose(currentTarget.checked),
    });
    return make(
      "tr",
      { "data-name": name },
      make("td", { class: "column-choose" }, checkbox),
      COLUMNS.map(({ key, isText }) =>
        key === "name"
          ? make("th", { scope: "row", class: "column-name text" })
          : make("td", { class: `column-${key}${isText ? " text" : ""}` }),
      ),
      make("td", { class: "column-actions" }),
    );
  }

  /**
   * @param {HTMLElement} row
   * @param {Run} run
   */
  #updateRow(row, run) {
    const cells = findAll("td, th", row);
    for (const [k, { cell }] of COLUMNS.entries()) cells[k + 1].replaceChildren(...[cell(run)].flat());
    const actions = cells[cells.length - 1];
    const kind = `${run.state} ${run.is_alive}`;
    if (actions.dataset.kind === kind) return; // keeps the focus on a button
    actions.dataset.kind = kind;
    const changed = () => this.emit("changed", null);
    actions.replaceChildren(
      make("div", { class: "row-actions" }, actionButtons(run, changed, { class: "small" }), this.#makeLastAction(run)),
    );
  }

  /** @param {Run} run */
  #makeLastAction({ name, is_alive: isAlive }) {
    if (!isAlive) {
      const remove = () => this.emit("remove", name);
      return make(
        "button",
        { type: "button", class: "small", "aria-label": `Delete ${name}`, onclick: remove },
        "Delete",
      );
    }
    const href = `${pageUrl()}#run/${encodeURIComponent(name)}`;
    return make("a", { class: "button small", href, "aria-label": `Watch ${name}` }, "Watch");
  }
}
