// @ts-check
// Panel that starts a run: a preset, the settings that are changed most, and all others.

import {
  find,
  findAll,
  findAllInputs,
  findButton,
  findInput,
  findOptional,
  make,
  setAttribute,
  setText,
} from "../common/dom.js";
import { formatCount } from "../common/format.js";
import { followsRule, readMeta } from "../common/meta.js";
import { panelHeader } from "../common/panels.js";
import { SettingField } from "../common/setting-field.js";
import { parseNumber } from "../common/setting-input.js";
import { runAction } from "../common/toast.js";
import { api } from "./api.js";

const COMMON_SETTINGS = ["total_timesteps", "target_lines", "seed"]; // shown first
/** @type {Record<string, string>} */
const TEXT_FIELDS = {
  name: "run-title",
  start_from: "run-start",
  seeds: "run-seeds",
  group: "run-group",
}; // ids, by name in the request

/** @typedef {import("./app.js").App} App */
/** @typedef {ApiResponse<"get", "/presets">[number]} Preset */
/** @typedef {ApiResponse<"get", "/settings">["groups"]} SettingGroups */

export class NewRunPanel {
  #app;
  #dialog;
  #onStart;
  /** @type {Map<string, SettingField>} */
  #fields = new Map(); // by name
  /** @type {Preset[]} */
  #presets = [];
  /** @type {import("../common/meta.js").NameRule | null} */
  #nameRule = null;
  #isBuilt = false;

  /**
   * @param {HTMLDialogElement} dialog the panel
   * @param {App} app
   * @param {() => void} onStart called once a run has started
   */
  constructor(dialog, app, onStart) {
    this.#dialog = dialog;
    this.#onStart = onStart;
    this.#app = app;
  }

  /**
   * Opens the panel, with the settings of a run if one is given.
   *
   * @param {string} [like] name of the run
   */
  async open(like) {
    if (!this.#dialog.open) this.#dialog.showModal();
    if (!this.#isBuilt) await this.#load();
    if (this.#isBuilt && like !== undefined) await runAction(null, null, () => this.#fill(like));
  }

  async #load() {
    this.#dialog.replaceChildren(make("p", { class: "panel-body fine" }, "Loading the settings…"));
    try {
      const [presets, { groups }, { names }] = await Promise.all([api.presets(), api.settings(), readMeta()]);
      this.#presets = presets;
      this.#nameRule = names.entry;
      this.#build(groups);
      this.#isBuilt = true;
    } catch (error) {
      const retry = make("button", { type: "button", onclick: () => this.open() }, "Try again");
      this.#dialog.replaceChildren(
        make("div", { class: "panel-body" }, make("p", { class: "form-error" }, error.message), retry),
      );
    }
  }

  /** @param {SettingGroups} groups */
  #build(groups) {
    const form = make(
      "form",
      { method: "dialog", novalidate: true, onsubmit: (event) => this.#submit(event) },
      panelHeader(this.#dialog, "new-run-title", "New run"),
      make(
        "div",
        { class: "panel-body" },
        make("p", { class: "form-error", role: "alert", id: "new-run-error" }),
        this.#makePresetChoice(),
        this.#makeCommonSettings(groups),
        this.#makeAllSettings(groups),
      ),
      make(
        "div",
        { class: "panel-foot" },
        make("span", { class: "fine", id: "new-run-changes", "aria-live": "polite" }, "Nothing changed"),
        make("button", { class: "primary", id: "start-run" }, "Start training"),
      ),
    );
    this.#dialog.replaceChildren(form);
    this.#applyPreset();
    findOptional("input:checked", form)?.focus();
  }

  #makePresetChoice() {
    const options = this.#presets.map(({ name, meaning, training_config: config }, index) =>
      make(
        "label",
        {},
        make("input", {
          type: "radio",
          name: "preset",
          value: name,
          checked: index === 0,
          onchange: () => this.#applyPreset(),
        }),
        make("strong", {}, name),
        make(
          "span",
          { class: "fine" },
          `${meaning} · ${config.algorithm}, ${formatCount(Number(config.total_timesteps))} steps`,
        ),
      ),
    );
    return make(
      "fieldset",
      {},
      make("legend", { class: "legend" }, "Preset"),
      make("div", { class: "choices" }, options),
    );
  }

  /** @param {SettingGroups} groups */
  #makeCommonSettings(groups) {
    const specs = groups.flatMap(({ fields }) => fields).filter(({ name }) => COMMON_SETTINGS.includes(name));
    specs.sort((a, b) => COMMON_SETTINGS.indexOf(a.name) - COMMON_SETTINGS.indexOf(b.name));
    const name = makeTextField("run-title", "name", "generated", this.#nameRule?.text ?? "");
    const hint = "agent that training starts from: a run, NAME@best, NAME@STEP or a model";
    const start = makeTextField("run-start", "initial weights", "random", hint);
    const fields = specs.map((spec) => this.#makeField(spec));
    const seedsHint = "runs with consecutive seeds, which train at the same time as one group";
    const seeds = makeTextField("run-seeds", "seeds", "1", seedsHint);
    const group = makeTextField("run-group", "group", "none", "runs of a group are compared by their median");
    return make("section", { class: "fields" }, name, fields, start, seeds, group);
  }

  /** @param {SettingGroups} groups */
  #makeAllSettings(groups) {
    const filter = make("input", {
      type: "search",
      id: "settings-filter",
      placeholder: "Find a setting",
      "aria-label": "Find a setting",
      oninput: ({ currentTarget }) => this.#filter(currentTarget.value),
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        if (event.key === "Enter") event.preventDefault(); // it would submit the form
      },
    });
    const sections = groups.map(({ name, fields }) => {
      const shown = fields.filter((spec) => !COMMON_SETTINGS.includes(spec.name));
      const title = name[0].toUpperCase() + name.slice(1);
      return make(
        "details",
        { class: "group" },
        make("summary", {}, title, make("span", { class: "fine" }, `${shown.length} settings`)),
        make(
          "div",
          { class: "fields" },
          shown.map((spec) => this.#makeField(spec)),
        ),
      );
    });
    return make("section", {}, make("h3", { class: "legend" }, "All settings"), filter, sections);
  }

  /** @param {SettingSpec} spec */
  #makeField(spec) {
    const field = new SettingField(spec, () => this.#countChanges());
    this.#fields.set(spec.name, field);
    return field.element;
  }

  get #preset() {
    const checked = findOptional('input[name="preset"]:checked', this.#dialog);
    return this.#presets.find(({ name }) => checked instanceof HTMLInputElement && name === checked.value);
  }

  get #changedFields() {
    return [...this.#fields.values()].filter((field) => field.isChanged);
  }

  /**
   * Chooses the preset of a run, and sets what differs from it.
   *
   * @param {string} name of the run
   */
  async #fill(name) {
    const { config, start_from: start } = await api.run(name);
    const { preset, env_config: game, training_config: training } = /** @type {Record<string, any>} */ (config);
    const choices = findAllInputs('input[name="preset"]', this.#dialog);
    (choices.find(({ value }) => value === preset) ?? choices[0]).checked = true;
    this.#applyPreset();
    findInput("#run-start", this.#dialog).value = start ?? "";
    for (const [setting, field] of this.#fields) {
      const values = field.spec.config === "env" ? game : training;
      if (setting in values) field.setValue(values[setting]);
    }
    this.#countChanges();
  }

  #applyPreset() {
    const preset = this.#preset;
    for (const [name, field] of this.#fields) {
      const config = field.spec.config === "env" ? preset?.env_config : preset?.training_config;
      field.setBaseline(config && name in config ? config[name] : field.spec.default);
    }
    this.#countChanges();
  }

  #countChanges() {
    const n = this.#changedFields.length;
    setText(
      find("#new-run-changes", this.#dialog),
      n ? `${n} ${n === 1 ? "setting" : "settings"} changed` : "Nothing changed",
    );
  }

  /** @param {string} text */
  #filter(text) {
    const words = text
      .toLowerCase()
      .split(/[\s_]+/)
      .filter(Boolean);
    for (const group of findAll("details.group", this.#dialog)) {
      let n = 0;
      for (const element of findAll(".field", group)) {
        const content = (element.textContent ?? "").toLowerCase();
        const isShown = words.every((word) => content.includes(word));
        element.hidden = !isShown;
        n += isShown ? 1 : 0;
      }
      group.hidden = n === 0;
      group.toggleAttribute("open", words.length > 0 && n > 0);
    }
  }

  /** @param {SubmitEvent} event */
  async #submit(event) {
    event.preventDefault();
    setText(find("#new-run-error", this.#dialog), "");
    const name = findInput("#run-title", this.#dialog).value.trim();
    if (name && this.#nameRule && !followsRule(name, this.#nameRule)) {
      this.#showTextError("run-title", `A name ${this.#nameRule.text}; got “${name}”. Choose another name.`);
      return;
    }
    const invalid = this.#changedFields.filter((field) => !field.isValid());
    if (invalid.length) {
      this.#reveal(invalid[0]);
      return;
    }
    const start = async () => {
      await this.#app.startRun(this.#readBody());
      this.#dialog.close();
      this.#onStart();
      for (const id of Object.values(TEXT_FIELDS)) findInput(`#${id}`, this.#dialog).value = "";
    };
    await runAction(findButton("#start-run", this.#dialog), "Starting…", start, (error) => this.#showError(error));
  }

  #readBody() {
    /** @type {import("./api.js").StartRunBody} */
    const body = { preset: this.#preset?.name, settings: {} };
    /** @type {Record<string, unknown>} */
    const settings = {};
    const name = findInput("#run-title", this.#dialog).value.trim();
    if (name) body.name = name;
    const start = findInput("#run-start", this.#dialog).value.trim();
    if (start) body.start_from = start;
    const group = findInput("#run-group", this.#dialog).value.trim();
    if (group) body.group = group;
    const seeds = findInput("#run-seeds", this.#dialog).value.trim();
    if (seeds) body.seeds = Number.isInteger(parseNumber(seeds)) ? parseNumber(seeds) : /** @type {any} */ (seeds);
    for (const field of this.#changedFields) {
      if (field.spec.name === "seed") body.seed = field.read();
      else if (field.spec.name === "target_lines") body.target_lines = field.read();
      else settings[field.spec.name] = field.read();
    }
    return { ...body, settings };
  }

  /**
   * Shows an error at the setting at fault, else at the top.
   *
   * @param {import("../common/api.js").ApiError} error
   */
  #showError({ message, field: name }) {
    const text = name && TEXT_FIELDS[name];
    if (text) {
      this.#showTextError(text, message);
      return;
    }
    const field = this.#fields.get(name ?? "");
    if (field) {
      field.showError(message);
      this.#reveal(field);
      return;
    }
    setText(find("#new-run-error", this.#dialog), message);
    find("#new-run-error", this.#dialog).scrollIntoView({ block: "nearest" });
  }

  /** @param {SettingField} field */
  #reveal(field) {
    if (field.element.hidden) {
      findInput("#settings-filter", this.#dialog).value = "";
      this.#filter("");
    }
    field.reveal();
  }

  /**
   * @param {string} id of a text field
   * @param {string} message
   */
  #showTextError(id, message) {
    setText(find(`#${id}-error`, this.#dialog), message);
    setAttribute(find(`#${id}`, this.#dialog), "aria-invalid", "true");
    find(`#${id}`, this.#dialog).focus();
  }
}

/**
 * @param {string} id
 * @param {string} label
 * @param {string} placeholder
 * @param {string} hint
 */
function makeTextField(id, label, placeholder, hint) {
  const error = make("p", { class: "error", id: `${id}-error` });
  const input = make("input", {
    type: "text",
    id,
    autocomplete: "off",
    spellcheck: "false",
    placeholder,
    "aria-describedby": `${id}-error ${id}-hint`,
    oninput: () => {
      setText(error, "");
      input.removeAttribute("aria-invalid");
    },
  });
  return make(
    "div",
    { class: "field" },
    make("div", { class: "field-head" }, make("label", { for: id }, label)),
    input,
    error,
    make("p", { class: "fine", id: `${id}-hint` }, hint),
  );
}
