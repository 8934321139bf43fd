// The side panel that starts a run: a preset, a few things asked often, and every setting of the configurations.

import { api } from "./api.js";
import { find, findAll, make, setAttribute, setText } from "../common/dom.js";
import { Field } from "../common/field.js";
import { panelHead } from "../common/panels.js";
import { count } from "../common/words.js";

const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/;
const OFTEN = ["total_timesteps", "target_lines", "seed"];

export class NewRunPanel {
  #app;
  #dialog = find("#new-run-panel");
  #fields = new Map(); // name → Field
  #presets = [];
  #isBuilt = false;

  constructor(app) {
    this.#app = app;
  }

  async open() {
    if (!this.#dialog.open) this.#dialog.showModal();
    if (this.#isBuilt) return;
    this.#dialog.replaceChildren(make("p", { class: "panel-body fine" }, "Reading the settings…"));
    try {
      const [presets, { groups }] = await Promise.all([api.presets(), api.settings()]);
      this.#presets = presets;
      this.#build(groups);
      this.#isBuilt = true;
    } catch (error) {
      const retry = make("button", { type: "button", onclick: () => this.open() }, "Try again");
      this.#dialog.replaceChildren(make("div", { class: "panel-body" }, make("p", { class: "form-error" }, error.message), retry));
    }
  }

  #build(groups) {
    const form = make("form", { method: "dialog", novalidate: true, onsubmit: (event) => this.#submit(event) },
      panelHead(this.#dialog, "new-run-title", "New run"),
      make("div", { class: "panel-body" },
        make("p", { class: "form-error", role: "alert", id: "new-run-error" }),
        this.#presetChoice(), this.#oftenAsked(groups), this.#allSettings(groups)),
      make("div", { class: "panel-foot" },
        make("span", { class: "fine", id: "new-run-changes", "aria-live": "polite" }, "Nothing changed"),
        make("button", { class: "primary", id: "start-run" }, "Start training")));
    this.#dialog.replaceChildren(form);
    this.#applyPreset();
    find("input:checked", form)?.focus();
  }

  #presetChoice() {
    const options = this.#presets.map((preset, index) =>
      make("label", {},
        make("input", { type: "radio", name: "preset", value: preset.name, checked: index === 0, onchange: () => this.#applyPreset() }),
        make("strong", {}, preset.name),
        make("span", { class: "fine" }, `${preset.meaning} · ${preset.training_config.algorithm}, ${count(preset.training_config.total_timesteps)} steps`)));
    return make("fieldset", {}, make("legend", { class: "legend" }, "Preset"), make("div", { class: "choices" }, options));
  }

  #oftenAsked(groups) {
    const specs = groups.flatMap(({ fields }) => fields);
    const name = make("div", { class: "field" },
      make("div", { class: "field-head" }, make("label", { for: "run-title" }, "name")),
      make("input", { type: "text", id: "run-title", autocomplete: "off", spellcheck: "false", placeholder: "chosen for you", "aria-describedby": "run-title-error run-title-hint" }),
      make("p", { class: "error", id: "run-title-error" }),
      make("p", { class: "fine", id: "run-title-hint" }, "letters, digits, dots and dashes"));
    find("input", name).addEventListener("input", ({ target }) => {
      setText(find(".error", name), "");
      target.removeAttribute("aria-invalid");
    });
    const fields = OFTEN.map((wanted) => specs.find((spec) => spec.name === wanted)).filter(Boolean);
    return make("section", { class: "fields" }, name, fields.map((spec) => this.#makeField(spec)));
  }

  #allSettings(groups) {
    const filter = make("input", {
      type: "search", id: "settings-filter", placeholder: "Find a setting", "aria-label": "Find a setting",
      oninput: (event) => this.#filter(event.target.value),
      onkeydown: (event) => event.key === "Enter" && event.preventDefault(), // who searches starts nothing
    });
    const sections = groups.map(({ name, fields }) => {
      const shown = fields.filter((spec) => !OFTEN.includes(spec.name));
      return make("details", { class: "group" },
        make("summary", {}, name[0].toUpperCase() + name.slice(1), make("span", { class: "fine" }, `${shown.length} settings`)),
        make("div", { class: "fields" }, shown.map((spec) => this.#makeField(spec))));
    });
    return make("section", {}, make("h3", { class: "legend" }, "All settings"), filter, sections);
  }

  #makeField(spec) {
    const field = new Field(spec, () => this.#countChanges());
    this.#fields.set(spec.name, field);
    return field.element;
  }

  get #preset() {
    const name = find('input[name="preset"]:checked', this.#dialog)?.value;
    return this.#presets.find((preset) => preset.name === name);
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
    const changed = [...this.#fields.values()].filter((field) => field.isChanged);
    const n = changed.length;
    setText(find("#new-run-changes"), n ? `${n} ${n === 1 ? "setting" : "settings"} changed` : "Nothing changed");
  }

  #filter(text) {
    const words = text.toLowerCase().split(/[\s_]+/).filter(Boolean);
    for (const group of findAll("details.group", this.#dialog)) {
      let n = 0;
      for (const element of findAll(".field", group)) {
        const isShown = words.every((word) => element.textContent.toLowerCase().includes(word));
        element.hidden = !isShown;
        n += isShown ? 1 : 0;
      }
      group.hidden = n === 0;
      group.open = words.length > 0 && n > 0;
    }
  }

  async #submit(event) {
    event.preventDefault();
    const error = find("#new-run-error");
    setText(error, "");
    const name = find("#run-title").value.trim();
    if (name && !NAME.test(name)) {
      this.#refuseName(`A name has letters, digits, dots and dashes, at most 64 of them; got “${name}”.`);
      return;
    }
    const bad = [...this.#fields.values()].filter((field) => field.isChanged && !field.isGood());
    if (bad.length) {
      this.#reveal(bad[0]);
      return;
    }
    const button = find("#start-run");
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    setText(button, "Starting…");
    try {
      await this.#app.startRun(this.#body());
      this.#dialog.close();
      find("#run-title").value = "";
    } catch (problem) {
      this.#refuse(problem);
    } finally {
      button.removeAttribute("aria-busy");
      setText(button, "Start training");
    }
  }

  #body() {
    const body = { preset: this.#preset?.name, settings: {} };
    const name = find("#run-title").value.trim();
    if (name) body.name = name;
    for (const [key, field] of this.#fields) {
      if (!field.isChanged) continue;
      if (key === "seed" || key === "target_lines") body[key] = field.read();
      else body.settings[key] = field.read();
    }
    return body;
  }

  /** Puts the server's line at the field that it is about, or on top where it names none. */
  #refuse({ message, field: named }) {
    const words = message.match(/[a-z][a-z0-9_]*/g) ?? [];
    const name = named ?? words.find((word) => this.#fields.has(word) && word.includes("_")) ?? words[0];
    if (name === "name" || /\bname\b|\brun\b/.test(message) && !this.#fields.has(name)) {
      this.#refuseName(message);
      return;
    }
    const field = this.#fields.get(name);
    if (!field) {
      setText(find("#new-run-error"), message);
      find("#new-run-error").scrollIntoView({ block: "nearest" });
      return;
    }
    field.showError(message);
    this.#reveal(field);
  }

  #refuseName(message) {
    setText(find("#run-title-error"), message);
    setAttribute(find("#run-title"), "aria-invalid", "true");
    find("#run-title").focus();
  }

  #reveal(field) {
    const group = field.element.closest("details");
    if (group) group.open = true;
    field.input.focus();
    field.element.scrollIntoView({ block: "center" });
  }
}
