// @ts-check
// Columns of the table of runs for the settings that differ among them: chosen and ordered by the user, and remembered.

import { find, findDialog, make } from "../common/dom.js";
import { formatValue } from "../common/setting-input.js";
import { readStorage, writeStorage } from "../common/storage.js";

/** @typedef {{ name: string, isShown: boolean }} Choice */

const KEY = "tetrarium.runs.columns";
const N_SHOWN = 3; // of settings about which the user did not decide
const OWN_COLUMN = ["seed", "algorithm", "total_timesteps"]; // settings that the table shows anyway

/** @param {unknown} value of a setting */
export const formatSettingValue = (value) => formatValue(value) || "none";

export class SettingColumns {
  /** @type {Choice[]} */
  #choices = readChoices();
  /** @type {string[]} */
  #differing = [];
  #onChange;

  /** @param {() => void} onChange called when the user changes the columns */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  /** Names of the settings that have a column. */
  get shown() {
    return this.#listed.filter(({ isShown }) => isShown).map(({ name }) => name);
  }

  /** @returns {Choice[]} those of the settings that differ, in the user's order */
  get #listed() {
    return this.#choices.filter(({ name }) => this.#differing.includes(name));
  }

  /**
   * @param {string[]} differing names of the settings that differ among the runs
   * @returns {boolean} whether the columns changed
   */
  update(differing) {
    const before = this.shown.join();
    this.#differing = differing.filter((name) => !OWN_COLUMN.includes(name));
    for (const name of this.#differing) {
      if (this.#choices.some((choice) => choice.name === name)) continue;
      this.#choices.push({ name, isShown: this.shown.length < N_SHOWN });
    }
    return this.shown.join() !== before;
  }

  /** Shows the list of the settings, with a checkbox and two buttons for each. */
  open() {
    const dialog = findDialog("#columns-panel");
    const list = make("ul", { class: "column-choices" });
    const close = make("button", { type: "button", class: "primary", onclick: () => dialog.close() }, "Done");
    dialog.replaceChildren(
      make("div", { class: "panel-head" }, make("h2", { id: "columns-title" }, "Columns of settings")),
      make(
        "div",
        { class: "panel-body" },
        make("p", { class: "fine" }, "Settings that differ among the runs shown. Filter by one with, say, gamma<0.9."),
        list,
      ),
      make("div", { class: "panel-foot" }, close),
    );
    this.#fill(list);
    dialog.showModal();
    close.focus();
  }

  /** @param {HTMLElement} list */
  #fill(list) {
    const rows = this.#listed;
    const change = (/** @type {() => void} */ edit, /** @type {string} */ focus) => {
      edit();
      writeStorage(KEY, JSON.stringify(this.#choices));
      this.#fill(list);
      find(`[data-focus="${focus}"]`, list).focus();
      this.#onChange();
    };
    const items = rows.map((choice, k) => {
      const { name, isShown } = choice;
      const toggle = () =>
        change(() => {
          choice.isShown = !choice.isShown;
        }, name);
      const checkbox = make("input", { type: "checkbox", "data-focus": name, checked: isShown, onchange: toggle });
      const move = (/** @type {number} */ by, /** @type {string} */ sign, /** @type {string} */ label) => {
        const other = rows[k + by];
        const swap = () => change(() => this.#swap(choice, other), `${name}${sign}`);
        return make(
          "button",
          {
            type: "button",
            class: "quiet",
            "aria-label": `Move ${name} ${label}`,
            "aria-disabled": other ? null : "true",
            "data-focus": `${name}${sign}`,
            onclick: () => other && swap(),
          },
          sign,
        );
      };
      return make(
        "li",
        {},
        make("label", {}, checkbox, name.replaceAll("_", " ")),
        move(-1, "↑", "up"),
        move(1, "↓", "down"),
      );
    });
    if (!items.length) items.push(make("li", { class: "fine" }, "All runs shown have the same settings."));
    list.replaceChildren(...items);
  }

  /**
   * @param {Choice} one
   * @param {Choice} other
   */
  #swap(one, other) {
    const [first, second] = [this.#choices.indexOf(one), this.#choices.indexOf(other)];
    this.#choices[first] = other;
    this.#choices[second] = one;
  }
}

/** @returns {Choice[]} */
function readChoices() {
  try {
    const stored = JSON.parse(readStorage(KEY) ?? "[]");
    return stored.filter((/** @type {any} */ one) => typeof one?.name === "string" && typeof one.isShown === "boolean");
  } catch {
    return [];
  }
}
