// @ts-check
// Table of the settings in which the compared runs and groups differ.

import { find, make } from "../common/dom.js";
import { formatCount } from "../common/format.js";
import { makeSwatch } from "../common/run-styles.js";
import { api } from "./api.js";
import { GROUP } from "./columns.js";
import { formatSettingValue } from "./setting-columns.js";

const MAX_VALUES = 4; // of a setting in a group

/** @param {unknown[]} values */
function formatValues(values) {
  const shown = values.slice(0, MAX_VALUES).map(formatSettingValue).join(" | ");
  return values.length > MAX_VALUES ? `${shown} | … (${formatCount(values.length)} values)` : shown;
}

export class Differences {
  #host;
  #shown = "";

  /** @param {HTMLElement} host */
  constructor(host) {
    this.#host = host;
  }

  /**
   * Shows the differences of runs and groups; earlier ones stay until the new ones are there.
   *
   * @param {string[]} keys names of runs, and of groups after GROUP
   */
  async show(keys) {
    const asked = keys.join();
    if (asked === this.#shown) return;
    this.#shown = asked;
    const isComparison = keys.length > 1 || keys.some((key) => key.startsWith(GROUP));
    this.#host.hidden = !isComparison;
    if (!isComparison) return;
    try {
      const found = await api.differences(keys);
      if (this.#shown === asked) this.#draw(found);
    } catch {
      if (this.#shown === asked) this.#shown = ""; // the comparison reports runs that cannot be read
    }
  }

  /** @param {ApiResponse<"get", "/differences">} found */
  #draw({ compared, settings }) {
    const heads = compared.map((key) =>
      make("th", { scope: "col" }, makeSwatch(key), " ", key.startsWith(GROUP) ? key.slice(GROUP.length) : key),
    );
    const rows = Object.entries(settings).map(([name, columns]) =>
      make(
        "tr",
        {},
        make("th", { scope: "row", class: "text" }, name.replaceAll("_", " ")),
        columns.map((values) => make("td", {}, formatValues(values))),
      ),
    );
    const table = make(
      "table",
      {},
      make("thead", {}, make("tr", {}, make("th", { scope: "col", class: "text" }, "What differs"), heads)),
      make("tbody", {}, rows),
    );
    const same = make("p", { class: "fine" }, "What differs: nothing; all have the same settings.");
    find("div", this.#host).replaceChildren(rows.length ? table : same);
  }
}
