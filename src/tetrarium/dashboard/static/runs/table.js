// @ts-check
// Table of runs, with their actions and the checkboxes that choose runs to compare.

import { pageUrl } from "../common/address.js";
import { find, findAll, findInput, make, setAttribute } from "../common/dom.js";
import { Emitter } from "../common/emitter.js";
import { KeyedList } from "../common/keyed-list.js";
import { COLUMNS, GROUP, settingColumn } from "./columns.js";
import { actionButtons } from "./run-actions.js";
import { formatSettingValue } from "./setting-columns.js";

/** @typedef {import("./api.js").Run} Run */
/** @typedef {import("./api.js").Row} Row */
/** @typedef {import("./api.js").Group} Group */
/** @typedef {import("./columns.js").Heading} Heading */

const MINUTE_MS = 60_000; // time after which ages are updated

/** @param {Row} row */
const keyOf = ({ run, group }) => (group ? `${GROUP}${group.name}` : (run?.name ?? ""));

/** @extends {Emitter<{ sort: Heading, chosen: null, changed: null, remove: string, toggle: string }>} with the name of
 *   the run to remove or of the group to open or close */
export class RunTable extends Emitter {
  #root;
  /** @type {KeyedList<Row>} */
  #rows;
  /** @type {string[]} */
  #settings = []; // that have a column
  /** @type {Record<string, unknown>} */
  #defaults = {}; // of settings
  /** @type {Set<string>} */
  #open = new Set();
  #all = make("input", {
    type: "checkbox",
    "aria-label": "Compare all on this page",
    onchange: () => this.#chooseAll(),
  });
  #chosen;
  /** @type {Row[]} */
  #shown = [];

  /**
   * @param {HTMLElement} root the page's main element
   * @param {Set<string>} chosen runs and groups to compare, which the checkboxes change
   */
  constructor(root, chosen) {
    super();
    this.#root = root;
    this.#rows = new KeyedList(find("#runs-table tbody", root), {
      keyOf,
      stateOf: (row) => [
        row,
        this.#settings.map((name) => [name, this.#defaults[name]]),
        row.group && this.#open.has(row.group.name),
        Math.floor(Date.now() / MINUTE_MS),
      ],
      make: (row) => this.#makeRow(row),
      update: (element, row) => this.#updateRow(element, row),
    });
    this.#chosen = chosen;
    this.#makeHeads();
  }

  /**
   * Sets the settings that have a column, and the defaults of all settings.
   *
   * @param {string[]} settings
   * @param {Record<string, unknown>} defaults
   */
  setColumns(settings, defaults) {
    this.#settings = settings;
    this.#defaults = defaults;
    this.#makeHeads();
  }

  #makeHeads() {
    find("#runs-table", this.#root).classList.toggle("has-settings", this.#settings.length > 0);
    find("#runs-table thead tr", this.#root).replaceChildren(
      make("th", { class: "column-choose" }, this.#all),
      ...COLUMNS.map((column) => this.#makeHead(column)),
      ...this.#settings.map((name) => this.#makeHead(settingColumn(name))),
      make("th", { scope: "col", class: "column-actions" }, make("span", { class: "hidden-text" }, "Actions")),
    );
  }

  /** @param {Heading} column */
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
    for (const row of this.#shown) if (!row.is_member) this.#choose(keyOf(row), this.#all.checked);
    this.emit("chosen", null);
  }

  /**
   * @param {string} key
   * @param {boolean} isChosen
   */
  #choose(key, isChosen) {
    if (isChosen) this.#chosen.add(key);
    else this.#chosen.delete(key);
  }

  /** @param {{ sort?: string, descending?: boolean }} order */
  showOrder({ sort, descending }) {
    const direction = descending ? "descending" : "ascending";
    for (const head of findAll("#runs-table thead th", this.#root)) {
      setAttribute(head, "aria-sort", head.dataset.sort === sort ? direction : null);
    }
  }

  showChosen() {
    for (const [key, row] of this.#rows.elements) findInput("input", row).checked = this.#chosen.has(key);
    const rows = this.#shown.filter((row) => !row.is_member);
    const n = rows.filter((row) => this.#chosen.has(keyOf(row))).length;
    this.#all.checked = n > 0 && n === rows.length;
    this.#all.indeterminate = n > 0 && n < rows.length;
  }

  /**
   * @param {Row[]} rows
   * @param {Set<string>} open names of the groups whose runs are shown
   */
  show(rows, open) {
    this.#shown = rows;
    this.#open = open;
    this.#rows.show(rows);
    this.showChosen();
  }

  /** @param {Row} row */
  #makeRow(row) {
    const name = keyOf(row);
    const choose = (/** @type {boolean} */ isChosen) => {
      this.#choose(name, isChosen);
      this.emit("chosen", null);
    };
    const checkbox = make("input", {
      type: "checkbox",
      "aria-label": `Compare ${row.group ? `the group ${row.group.name}` : name}`,
      onchange: ({ currentTarget }) => choose(currentTarget.checked),
    });
    return make(
      "tr",
      { "data-name": name, class: row.group ? "group" : null },
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
   * @param {HTMLElement} element
   * @param {Row} row
   */
  #updateRow(element, row) {
    const { run, group, is_member: isMember } = row;
    element.classList.toggle("member", isMember);
    for (const cell of findAll(".column-setting", element)) cell.remove();
    const cells = findAll("td, th", element);
    const hadFocus = cells[1].contains(document.activeElement);
    for (const [k, { cell, groupCell }] of COLUMNS.entries()) {
      const content = run ? cell(run) : group ? groupCell(group) : "";
      cells[k + 1].replaceChildren(...[content].flat());
    }
    const actions = cells[cells.length - 1];
    actions.before(...this.#settings.map((name) => this.#makeSettingCell(name, row)));
    if (group) this.#showToggle(cells[1], group, hadFocus);
    if (run) this.#showActions(actions, run);
  }

  /**
   * @param {string} name
   * @param {Row} row
   */
  #makeSettingCell(name, { run, group }) {
    const changed = run?.changed_settings ?? group?.settings ?? {};
    const value = name in changed ? changed[name] : this.#defaults[name];
    const isKnown = name in changed || name in this.#defaults;
    const text = group?.differing.includes(name) ? "varies" : isKnown ? formatSettingValue(value) : "";
    return make("td", { class: `column-setting${name in changed ? "" : " default"}` }, text);
  }

  /**
   * Makes the name of a group the button that opens and closes it, which keeps the focus.
   *
   * @param {HTMLElement} cell
   * @param {Group} group
   * @param {boolean} hasFocus
   */
  #showToggle(cell, { name }, hasFocus) {
    const isOpen = this.#open.has(name);
    const toggle = make(
      "button",
      {
        type: "button",
        class: "quiet toggle",
        "aria-expanded": String(isOpen),
        "aria-label": `Runs of ${name}`,
        onclick: () => {
          this.emit("toggle", name);
        },
      },
      find(".group-name", cell),
    );
    find(".swatch", cell).after(toggle);
    if (hasFocus) toggle.focus();
  }

  /**
   * @param {HTMLElement} actions
   * @param {Run} run
   */
  #showActions(actions, run) {
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
