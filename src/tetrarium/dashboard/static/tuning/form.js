// @ts-check
// Panel that starts a study: the varied settings with their ranges, the trials, and the settings that all trials share.

import { find, findAll, findButton, findInput, findSelect, make, setAttribute, setText } from "../common/dom.js";
import { formatCount } from "../common/format.js";
import { followsRule, readMeta } from "../common/meta.js";
import { panelHeader } from "../common/panels.js";
import { SettingField } from "../common/setting-field.js";
import { parseWhole } from "../common/setting-input.js";
import { runAction } from "../common/toast.js";
import { api } from "./api.js";
import { nameText } from "./format.js";
import { RangeRow } from "./range-row.js";

/** @typedef {import("./api.js").StudyOptions} StudyOptions */
/** @typedef {import("./api.js").StartStudyBody} StartStudyBody */
/** @typedef {ApiResponse<"get", "/settings">["groups"]} SettingGroups */
/** @typedef {ApiResponse<"get", "/presets">[number]} Preset */
/** @typedef {{ name: string, meaning: string }} Choice */

const FIRST_VARIED = "learning_rate";
/** @type {Record<string, string>} */
const INPUTS = { name: "study-title", n_trials: "study-trials", n_at_once: "study-at-once" }; // by the study's field
const COMMON_SETTINGS = ["total_timesteps", "target_evaluation_lines", "evaluate_every"]; // shown first

export class StudyForm {
  #onStart;
  #dialog;
  /** @type {Preset[]} */
  #presets = [];
  /** @type {import("../common/meta.js").NameRule | null} */
  #nameRule = null;
  /** @type {Map<string, SettingSpec>} */
  #specs = new Map(); // settings that may vary
  /** @type {Map<string, RangeRow>} */
  #rows = new Map(); // settings that vary
  /** @type {Map<string, SettingField>} */
  #fields = new Map(); // settings that all trials share
  #isBuilt = false;

  /**
   * @param {HTMLDialogElement} dialog the panel
   * @param {(study: string) => void} onStart
   */
  constructor(dialog, onStart) {
    this.#dialog = dialog;
    this.#onStart = onStart;
  }

  async open() {
    if (!this.#dialog.open) this.#dialog.showModal();
    if (this.#isBuilt) return;
    this.#dialog.replaceChildren(make("p", { class: "panel-body fine" }, "Loading the settings…"));
    try {
      const [presets, options, { groups }, { names }] = await Promise.all([
        api.presets(),
        api.options(),
        api.settings(),
        readMeta(),
      ]);
      this.#presets = presets;
      this.#nameRule = names.study;
      for (const group of options.groups) for (const spec of group.fields) this.#specs.set(spec.name, spec);
      this.#build(options, groups);
      this.#isBuilt = true;
    } catch (error) {
      const retry = make("button", { type: "button", onclick: () => this.open() }, "Try again");
      const message = make("p", { class: "form-error" }, error.message);
      this.#dialog.replaceChildren(make("div", { class: "panel-body" }, message, retry));
    }
  }

  /**
   * @param {StudyOptions} options
   * @param {SettingGroups} groups
   */
  #build(options, groups) {
    const form = make(
      "form",
      { method: "dialog", novalidate: true, onsubmit: (event) => this.#submit(event) },
      panelHeader(this.#dialog, "study-panel-title", "New study"),
      make(
        "div",
        { class: "panel-body" },
        make("p", { class: "form-error", role: "alert", id: "study-error" }),
        this.#makeNameAndPreset(),
        this.#makeVaried(options),
        this.#makeTrials(options),
        this.#makeShared(groups),
      ),
      make(
        "div",
        { class: "panel-foot" },
        make("span", { class: "fine", id: "study-summary", "aria-live": "polite" }),
        make("button", { class: "primary", id: "start-study" }, "Start study"),
      ),
    );
    this.#dialog.replaceChildren(form);
    this.#applyPreset();
    this.#vary(FIRST_VARIED);
    find("#study-title", this.#dialog).focus();
  }

  /**
   * @param {string} id
   * @param {string} label
   * @param {string} hint
   * @param {string} value
   * @param {string} [mode] of the keyboard on phones
   */
  #makeLine(id, label, hint, value, mode = "text") {
    const input = make("input", {
      type: "text",
      id,
      inputmode: mode,
      autocomplete: "off",
      spellcheck: "false",
      value,
      "aria-describedby": `${id}-error ${id}-hint`,
      oninput: () => this.#clearError(id),
    });
    const error = make("p", { class: "error", id: `${id}-error` });
    return makeField(id, label, input, error, make("p", { class: "fine", id: `${id}-hint` }, hint));
  }

  /**
   * @param {string} id
   * @param {string} label
   * @param {Choice[]} choices
   * @param {() => void} [onChange]
   */
  #makeSelect(id, label, choices, onChange = () => {}) {
    const hint = make("p", { class: "fine", id: `${id}-hint` });
    const options = choices.map(({ name }) => make("option", { value: name }, name));
    const select = make("select", { id, "aria-describedby": `${id}-hint` }, options);
    const showMeaning = () => setText(hint, choices.find(({ name }) => name === select.value)?.meaning ?? "");
    select.addEventListener("change", () => {
      showMeaning();
      onChange();
    });
    showMeaning();
    return makeField(id, label, select, hint);
  }

  #makeNameAndPreset() {
    const hint = "its trials are the runs NAME-0001, NAME-0002 and so on";
    const preset = this.#makeSelect("study-preset", "preset", this.#presets, () => this.#applyPreset());
    return make("section", { class: "fields" }, this.#makeLine("study-title", "name", hint, ""), preset);
  }

  /** @param {StudyOptions} options */
  #makeVaried({ groups }) {
    const optionGroups = groups.map(({ name, fields }) =>
      make(
        "optgroup",
        { label: name },
        fields.map((spec) => make("option", { value: spec.name }, nameText(spec.name))),
      ),
    );
    const select = make("select", { id: "vary-add" }, make("option", { value: "" }, "Choose a setting"), optionGroups);
    select.addEventListener("change", () => {
      this.#vary(select.value);
      select.value = "";
    });
    return make(
      "section",
      { class: "fields" },
      make("h3", { class: "legend" }, "Varied settings"),
      make("div", { id: "vary-rows", class: "fields" }),
      makeField("vary-add", "vary another setting", select),
    );
  }

  /** @param {StudyOptions} options */
  #makeTrials({ objectives, samplers }) {
    const pruning = make("input", { type: "checkbox", role: "switch", id: "study-prunes" });
    const track = make("span", { class: "track", "aria-hidden": "true" });
    return make(
      "section",
      { class: "fields" },
      make("h3", { class: "legend" }, "Trials"),
      make(
        "div",
        { class: "two" },
        this.#makeLine("study-trials", "number of trials", "more can be added later", "20", "numeric"),
        this.#makeLine("study-at-once", "in parallel", "each takes one core", "1", "numeric"),
      ),
      this.#makeSelect("study-objective", "objective", objectives),
      this.#makeSelect("study-sampler", "sampler", samplers),
      this.#makeLine(
        "study-seed",
        "seed",
        "the same seed gives the same trials if they are not parallel",
        "0",
        "numeric",
      ),
      make("label", { class: "switch" }, pruning, track, "Prune unpromising trials"),
    );
  }

  /** @param {SettingGroups} groups */
  #makeShared(groups) {
    const specs = groups.flatMap(({ fields }) => fields).filter(({ name }) => COMMON_SETTINGS.includes(name));
    specs.sort((a, b) => COMMON_SETTINGS.indexOf(a.name) - COMMON_SETTINGS.indexOf(b.name));
    const makeFields = (/** @type {SettingSpec[]} */ shown) =>
      make(
        "div",
        { class: "fields" },
        shown.map((spec) => this.#makeSetting(spec)),
      );
    const details = groups.map(({ name, fields }) => {
      const others = fields.filter((spec) => !COMMON_SETTINGS.includes(spec.name));
      const summary = make("summary", {}, name[0].toUpperCase() + name.slice(1));
      return make("details", { class: "group" }, summary, makeFields(others));
    });
    return make(
      "section",
      {},
      make("h3", { class: "legend" }, "Shared settings"),
      makeFields(specs),
      make("div", { class: "other-settings" }, details),
    );
  }

  /** @param {SettingSpec} spec */
  #makeSetting(spec) {
    const field = new SettingField(spec, () => {});
    this.#fields.set(spec.name, field);
    return field.element;
  }

  get #preset() {
    return this.#presets.find(({ name }) => name === findSelect("#study-preset", this.#dialog).value);
  }

  #applyPreset() {
    for (const [name, field] of this.#fields) field.setBaseline(this.#presetValue(name) ?? field.spec.default);
    this.#showVariedCount();
  }

  /** @param {string} name of a setting */
  #presetValue(name) {
    /** @type {Record<string, unknown>} */
    const values = { ...this.#preset?.env_config, ...this.#preset?.training_config };
    return values[name];
  }

  /** @param {string} name of a setting */
  #vary(name) {
    const spec = this.#specs.get(name);
    if (!spec || this.#rows.has(name)) return;
    const row = new RangeRow(spec, this.#presetValue(name), () => this.#stopVarying(name));
    this.#rows.set(name, row);
    find("#vary-rows", this.#dialog).append(row.element);
    this.#showVaried();
    row.focus();
  }

  /** @param {string} name of a setting */
  #stopVarying(name) {
    this.#rows.get(name)?.element.remove();
    this.#rows.delete(name);
    this.#showVaried();
    find("#vary-add", this.#dialog).focus();
  }

  #showVaried() {
    for (const [name, field] of this.#fields) field.element.hidden = this.#rows.has(name);
    for (const option of findAll("#vary-add option", this.#dialog)) {
      option.toggleAttribute("disabled", this.#rows.has(option.getAttribute("value") ?? ""));
    }
    this.#showVariedCount();
  }

  #showVariedCount() {
    const n = this.#rows.size;
    setText(find("#study-summary", this.#dialog), `${formatCount(n)} ${n === 1 ? "setting varies" : "settings vary"}`);
  }

  /** @param {string} id */
  #clearError(id) {
    setText(find(`#${id}-error`, this.#dialog), "");
    setAttribute(find(`#${id}`, this.#dialog), "aria-invalid", null);
    this.#showVariedCount();
  }

  /**
   * @param {string} id
   * @param {string} message
   */
  #showErrorAt(id, message) {
    setText(find(`#${id}-error`, this.#dialog), message);
    setAttribute(find(`#${id}`, this.#dialog), "aria-invalid", "true");
    find(`#${id}`, this.#dialog).focus();
  }

  /**
   * Returns the whole number in an input; if it is not valid, shows an error and returns null.
   *
   * @param {string} id
   * @param {string} what
   */
  #readWhole(id, what) {
    try {
      return parseWhole(what, findInput(`#${id}`, this.#dialog).value);
    } catch (error) {
      this.#showErrorAt(id, error.message);
      return null;
    }
  }

  /**
   * Returns the request; if an input is not valid, shows an error there and returns null.
   *
   * @returns {StartStudyBody | null}
   */
  #readBody() {
    const name = findInput("#study-title", this.#dialog).value.trim();
    if (this.#nameRule && !followsRule(name, this.#nameRule)) {
      this.#showErrorAt("study-title", `A study's name ${this.#nameRule.text}; got “${name}”. Choose another name.`);
      return null;
    }
    const n_trials = this.#readWhole("study-trials", "The number of trials");
    const n_at_once = this.#readWhole("study-at-once", "The number of parallel trials");
    const seed = this.#readWhole("study-seed", "The seed");
    if (n_trials === null || n_at_once === null || seed === null) return null;
    const ranges = this.#readRanges();
    const settings = ranges && this.#readSettings();
    if (!ranges || !settings) return null;
    return {
      name,
      preset: this.#preset?.name,
      settings,
      ranges,
      n_trials,
      n_at_once,
      seed,
      objective: /** @type {StartStudyBody["objective"]} */ (findSelect("#study-objective", this.#dialog).value),
      sampler: /** @type {StartStudyBody["sampler"]} */ (findSelect("#study-sampler", this.#dialog).value),
      prunes: findInput("#study-prunes", this.#dialog).checked,
    };
  }

  #readRanges() {
    /** @type {NonNullable<StartStudyBody["ranges"]>} */
    const ranges = {};
    for (const [name, row] of this.#rows) {
      try {
        ranges[name] = row.read();
      } catch (error) {
        row.showError(error.message);
        row.focus();
        return null;
      }
    }
    return ranges;
  }

  #readSettings() {
    /** @type {Record<string, unknown>} */
    const settings = {};
    for (const [name, field] of this.#fields) {
      if (!field.isChanged || this.#rows.has(name)) continue;
      if (!field.isValid()) {
        field.reveal();
        return null;
      }
      settings[name] = field.read();
    }
    return settings;
  }

  /** @param {SubmitEvent} event */
  async #submit(event) {
    event.preventDefault();
    setText(find("#study-error", this.#dialog), "");
    const body = this.#readBody();
    if (!body) return;
    const start = async () => {
      const study = await api.start(body);
      this.#dialog.close();
      this.#onStart(study.name);
    };
    await runAction(findButton("#start-study", this.#dialog), "Starting…", start, (error) => this.#showError(error));
  }

  /**
   * Shows an error at the setting at fault, else at the top.
   *
   * @param {import("../common/api.js").ApiError} error
   */
  #showError({ message, field: path }) {
    const name = (path?.startsWith("ranges.") ? path.split(".")[1] : path) ?? "";
    const row = this.#rows.get(name);
    const field = this.#fields.get(name);
    if (row) {
      row.showError(message);
      row.focus();
    } else if (field) {
      field.showError(message);
      field.reveal();
    } else if (name in INPUTS) {
      this.#showErrorAt(INPUTS[name], message);
    } else {
      setText(find("#study-error", this.#dialog), message);
      find("#study-error", this.#dialog).scrollIntoView({ block: "nearest" });
    }
  }
}

/**
 * @param {string} id
 * @param {string} label
 * @param {HTMLElement[]} content
 */
const makeField = (id, label, ...content) =>
  make("div", { class: "field" }, make("div", { class: "field-head" }, make("label", { for: id }, label)), ...content);
