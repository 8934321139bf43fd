// @ts-check
// Settings of a run, and which of them differ from its preset or from the defaults.

import { find, findInput, make, setText } from "../common/dom.js";
import { formatCount } from "../common/format.js";
import { formatValue } from "../common/setting-input.js";
import { api } from "./api.js";

/** @typedef {import("./api.js").RunDetail} RunDetail */
/** @typedef {ApiResponse<"get", "/presets">[number]} Preset */
/** @typedef {ApiResponse<"get", "/settings">["groups"]} SettingGroups */

export class RunSettings {
  #root;
  /** @type {RunDetail | null} */
  #run = null;
  /** @type {SettingGroups | null} */
  #groups = null;
  /** @type {Preset[]} */
  #presets = [];
  #shown = ""; // the settings that are shown, as JSON

  /** @param {HTMLElement} root the page's main element */
  constructor(root) {
    this.#root = root;
    find("#config-changed", this.#root).addEventListener("change", () => {
      this.#shown = "";
      this.#draw();
    });
  }

  /** Reads the settings and presets that exist. */
  async load() {
    const [{ groups }, presets] = await Promise.all([api.settings(), api.presets()]);
    this.#groups = groups;
    this.#presets = presets;
    this.#draw();
  }

  /** @param {RunDetail} run */
  show(run) {
    this.#run = run;
    this.#draw();
  }

  #draw() {
    if (!this.#run || !this.#groups) return;
    const config = /** @type {Record<string, any>} */ (this.#run.config);
    const shown = JSON.stringify(config);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const preset = this.#presets.find(({ name }) => name === config.preset);
    const onlyChanged = findInput("#config-changed", this.#root).checked;
    let nChanged = 0;
    /** @param {SettingSpec} spec */
    const makeRow = (spec) => {
      const values = config[`${spec.config}_config`] ?? {};
      const base = preset ? preset[spec.config === "env" ? "env_config" : "training_config"][spec.name] : spec.default;
      const value = spec.name in values ? values[spec.name] : spec.default;
      const isChanged = JSON.stringify(value) !== JSON.stringify(base);
      nChanged += isChanged ? 1 : 0;
      return isChanged || !onlyChanged ? makeSetting(spec, value, isChanged ? base : value) : [];
    };
    const groups = this.#groups.flatMap(({ name, fields }) => {
      const rows = fields.flatMap(makeRow);
      return rows.length ? [make("div", {}, make("h3", {}, name), make("dl", {}, rows))] : [];
    });
    const base = preset ? `the preset ${preset.name}` : "the defaults";
    const difference = `${formatCount(nChanged)} ${nChanged === 1 ? "differs" : "differ"} from ${base}`;
    setText(find("#config-note", this.#root), nChanged ? difference : `same as ${base}`);
    if (!groups.length)
      groups.push(make("div", {}, make("p", { class: "fine" }, `All settings are those of ${base}.`)));
    find("#config", this.#root).replaceChildren(...groups);
  }
}

/** @param {unknown} value */
const formatSetting = (value) =>
  typeof value === "number" && Number.isInteger(value) && value >= 10_000
    ? formatCount(value)
    : formatValue(value) || "none";

/**
 * @param {SettingSpec} spec
 * @param {unknown} value
 * @param {unknown} base the same value if the setting is not changed
 */
function makeSetting({ name, help }, value, base) {
  const isChanged = base !== value;
  const term = make("dt", { title: help, class: isChanged ? "changed" : null }, name.replaceAll("_", " "));
  const note = isChanged ? make("span", { class: "fine" }, ` instead of ${formatSetting(base)}`) : null;
  return [term, make("dd", {}, formatSetting(value), note)];
}
