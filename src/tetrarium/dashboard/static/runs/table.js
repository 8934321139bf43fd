// The table of runs: rows stay where they are while their figures change, so that nothing jumps and no focus is lost.

import { find, make, setAttribute } from "../common/dom.js";
import { COLUMNS } from "./columns.js";
import { actionButtons } from "./doing.js";

export class RunTable extends EventTarget {
  #body = find("#runs-table tbody");
  #rows = new Map(); // name → {element, told: what it shows, as text}
  #chosen;
  #runs = [];

  /** `chosen` is the Set of names that are compared. */
  constructor(chosen) {
    super();
    this.#chosen = chosen;
    this.#makeHead();
  }

  #makeHead() {
    this.all = make("input", { type: "checkbox", "aria-label": "Compare all on this page", onchange: () => this.#chooseAll() });
    const heads = COLUMNS.map(({ key, title, sort, help, isText }) =>
      make("th", { scope: "col", class: `column-${key}${isText ? " text" : ""}`, "data-sort": sort },
        make("button", { type: "button", class: "sort", title: help, onclick: () => this.#tell("sort", { sort, isText }) }, title)));
    find("#runs-table thead tr").replaceChildren(
      make("th", { class: "column-choose" }, this.all), ...heads,
      make("th", { scope: "col", class: "column-actions" }, make("span", { class: "hidden-text" }, "Actions")));
  }

  #tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }

  #chooseAll() {
    for (const { name } of this.#runs) this.#chosen[this.all.checked ? "add" : "delete"](name);
    this.#tell("chosen");
  }

  showOrder({ sort, descending }) {
    for (const head of find("#runs-table thead tr").children) {
      const isIt = head.dataset.sort === sort;
      setAttribute(head, "aria-sort", isIt ? (descending ? "descending" : "ascending") : null);
    }
  }

  showChosen() {
    for (const [name, { element }] of this.#rows) find("input", element).checked = this.#chosen.has(name);
    const n = this.#runs.filter(({ name }) => this.#chosen.has(name)).length;
    this.all.checked = n > 0 && n === this.#runs.length;
    this.all.indeterminate = n > 0 && n < this.#runs.length;
  }

  /** Shows these runs, in this order. */
  show(runs) {
    this.#runs = runs;
    const before = this.#rows;
    this.#rows = new Map(runs.map((run) => [run.name, this.#rowOf(run, before.get(run.name))]));
    const elements = [...this.#rows.values()].map(({ element }) => element);
    const isSame = elements.length === this.#body.children.length && elements.every((element, k) => element === this.#body.children[k]);
    if (!isSame) this.#body.replaceChildren(...elements);
    this.showChosen();
  }

  #rowOf(run, known) {
    const element = known?.element ?? this.#makeRow(run);
    const told = JSON.stringify([run, Math.floor(Date.now() / 60_000)]);
    if (known?.told === told) return known;
    COLUMNS.forEach(({ cell }, k) => element.children[k + 1].replaceChildren(...[cell(run)].flat()));
    const actions = element.lastElementChild;
    const kind = `${run.state} ${run.is_alive}`;
    if (actions.dataset.kind !== kind) {
      actions.dataset.kind = kind;
      actions.replaceChildren(make("div", { class: "row-actions" }, actionButtons(run, () => this.#tell("changed"), { class: "small" }), run.is_alive
        ? make("a", { class: "button small", href: `/#run/${encodeURIComponent(run.name)}`, "aria-label": `Watch ${run.name}` }, "Watch")
        : make("button", { type: "button", class: "small", "aria-label": `Delete ${run.name}`, onclick: () => this.#tell("remove", run.name) }, "Delete")));
    }
    return { element, told };
  }

  #makeRow({ name }) {
    const box = make("input", { type: "checkbox", "aria-label": `Compare ${name}`, onchange: () => {
      this.#chosen[box.checked ? "add" : "delete"](name);
      this.#tell("chosen");
    } });
    return make("tr", { "data-name": name }, make("td", { class: "column-choose" }, box),
      COLUMNS.map(({ key, isText }) => (key === "name"
        ? make("th", { scope: "row", class: "column-name text" })
        : make("td", { class: `column-${key}${isText ? " text" : ""}` }))),
      make("td", { class: "column-actions" }));
  }
}
