// The settings that a run was started with, and which of them differ from its preset's or from the defaults.

import { find, make, setText } from "../common/dom.js";
import { written } from "../common/inputs.js";
import { count } from "../common/words.js";
import { api } from "./api.js";

export class Settings {
  #run = null;
  #groups = null;
  #presets = [];
  #told = "";

  constructor() {
    find("#config-changed").addEventListener("change", () => {
      this.#told = "";
      this.#draw();
    });
  }

  /** Reads what settings and presets there are. */
  async read() {
    const [{ groups }, presets] = await Promise.all([api.settings(), api.presets()]);
    this.#groups = groups;
    this.#presets = presets;
    this.#draw();
  }

  show(run) {
    this.#run = run;
    this.#draw();
  }

  #draw() {
    if (!this.#run || !this.#groups) return;
    const { config } = this.#run;
    const told = JSON.stringify(config);
    if (told === this.#told) return;
    this.#told = told;
    const preset = this.#presets.find(({ name }) => name === config.preset);
    const onlyChanged = find("#config-changed").checked;
    let n = 0;
    const groups = this.#groups.map((group) => {
      const rows = group.fields.map((field) => {
        const values = config[`${field.config}_config`] ?? {};
        const base = preset ? preset[`${field.config}_config`][field.name] : field.default;
        const value = field.name in values ? values[field.name] : field.default;
        const isChanged = JSON.stringify(value) !== JSON.stringify(base);
        n += isChanged ? 1 : 0;
        return isChanged || !onlyChanged ? rowOf(field, value, base, isChanged) : null;
      }).filter(Boolean);
      return rows.length ? make("div", {}, make("h3", {}, group.name), make("dl", {}, rows.flat())) : null;
    }).filter(Boolean);
    const from = preset ? `the preset ${preset.name}` : "the defaults";
    setText(find("#config-note"), n ? `${count(n)} ${n === 1 ? "differs" : "differ"} from ${from}` : `all as in ${from}`);
    find("#config").replaceChildren(...(groups.length ? groups : [make("p", { class: "fine" }, `Every setting is that of ${from}.`)]));
  }
}

const shown = (value) => (Number.isInteger(value) && value >= 10_000 ? count(value) : written(value) || "none");

function rowOf({ name, help }, value, base, isChanged) {
  const term = make("dt", { title: help, class: isChanged ? "changed" : null }, name.replaceAll("_", " "));
  return [term, make("dd", {}, shown(value), isChanged ? make("span", { class: "fine" }, ` instead of ${shown(base)}`) : null)];
}
