// The side panel that begins a study: what varies and over what, how many trials, and what is the same in all of them.

import { find, findAll, make, setAttribute, setText } from "../common/dom.js";
import { Field } from "../common/field.js";
import { panelHead } from "../common/panels.js";
import { count } from "../common/words.js";
import { api } from "./api.js";
import { RangeRow } from "./range-row.js";
import { nameText } from "./words.js";

const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,58}$/;
const AT_FIRST = "learning_rate";
const OFTEN = ["total_timesteps", "target_evaluation_lines", "evaluate_every"];

export class StudyForm {
  #begun;
  #dialog = find("#study-panel");
  #presets = [];
  #specs = new Map(); // what may vary: name → field as the server describes it
  #rows = new Map(); // what does: name → RangeRow
  #fields = new Map(); // what is the same in all trials: name → Field
  #isBuilt = false;

  /** `begun` is called with the name of a study that was begun. */
  constructor(begun) {
    this.#begun = begun;
  }

  async open() {
    if (!this.#dialog.open) this.#dialog.showModal();
    if (this.#isBuilt) return;
    this.#dialog.replaceChildren(make("p", { class: "panel-body fine" }, "Reading the settings…"));
    try {
      const [presets, tuning, { groups }] = await Promise.all([api.presets(), api.tuning(), api.settings()]);
      this.#presets = presets;
      for (const group of tuning.groups) for (const spec of group.fields) this.#specs.set(spec.name, spec);
      this.#build(tuning, groups);
      this.#isBuilt = true;
    } catch (error) {
      const retry = make("button", { type: "button", onclick: () => this.open() }, "Try again");
      this.#dialog.replaceChildren(make("div", { class: "panel-body" }, make("p", { class: "form-error" }, error.message), retry));
    }
  }

  #build(tuning, groups) {
    this.#dialog.replaceChildren(make("form", { method: "dialog", novalidate: true, onsubmit: (event) => this.#submit(event) },
      panelHead(this.#dialog, "study-panel-title", "New study"),
      make("div", { class: "panel-body" },
        make("p", { class: "form-error", role: "alert", id: "study-error" }),
        this.#beginning(), this.#varied(tuning), this.#trials(tuning), this.#shared(groups)),
      make("div", { class: "panel-foot" },
        make("span", { class: "fine", id: "study-sum", "aria-live": "polite" }),
        make("button", { class: "primary", id: "begin-study" }, "Begin study"))));
    this.#applyPreset();
    this.#vary(AT_FIRST);
    find("#study-title").focus();
  }

  #line(id, label, hint, value, mode = "text") {
    const input = make("input", { type: "text", id, inputmode: mode, autocomplete: "off", spellcheck: "false", value, "aria-describedby": `${id}-error ${id}-hint`, oninput: () => this.#clear(id) });
    return make("div", { class: "field" }, make("div", { class: "field-head" }, make("label", { for: id }, label)), input,
      make("p", { class: "error", id: `${id}-error` }), make("p", { class: "fine", id: `${id}-hint` }, hint));
  }

  #select(id, label, options, changed) {
    const hint = make("p", { class: "fine", id: `${id}-hint` });
    const tell = () => setText(hint, options.find(({ name }) => name === select.value)?.meaning ?? "");
    const select = make("select", { id, "aria-describedby": `${id}-hint`, onchange: () => { tell(); changed?.(); } },
      options.map(({ name }) => make("option", { value: name }, name)));
    tell();
    return make("div", { class: "field" }, make("div", { class: "field-head" }, make("label", { for: id }, label)), select, hint);
  }

  #beginning() {
    return make("section", { class: "fields" },
      this.#line("study-title", "name", "letters, digits, dots and dashes; its trials are the runs NAME-0001 and so on", ""),
      this.#select("study-preset", "preset", this.#presets, () => this.#applyPreset()));
  }

  #varied(tuning) {
    const options = tuning.groups.map(({ name, fields }) => make("optgroup", { label: name },
      fields.map((spec) => make("option", { value: spec.name }, nameText(spec.name)))));
    const select = make("select", { id: "vary-add", onchange: ({ target }) => { this.#vary(target.value); target.value = ""; } },
      make("option", { value: "" }, "Choose a setting"), options);
    return make("section", { class: "fields" }, make("h3", { class: "legend" }, "What varies"),
      make("div", { id: "vary-rows", class: "fields" }),
      make("div", { class: "field" }, make("div", { class: "field-head" }, make("label", { for: "vary-add" }, "vary another setting")), select));
  }

  #trials(tuning) {
    const pruning = make("label", { class: "switch" }, make("input", { type: "checkbox", role: "switch", id: "study-prunes" }), make("span", { class: "track", "aria-hidden": "true" }), "Stop hopeless trials early");
    return make("section", { class: "fields" }, make("h3", { class: "legend" }, "Trials"),
      make("div", { class: "two" },
        this.#line("study-trials", "how many", "more can follow", "20", "numeric"),
        this.#line("study-at-once", "side by side", "one takes a core", "1", "numeric")),
      this.#select("study-objective", "judged by", tuning.objectives), this.#select("study-sampler", "drawn by", tuning.samplers),
      this.#line("study-seed", "seed", "same seed, same trials, one after the other", "0", "numeric"), pruning);
  }

  #shared(groups) {
    const specs = groups.flatMap(({ fields }) => fields);
    const often = OFTEN.map((wanted) => specs.find(({ name }) => name === wanted)).filter(Boolean);
    return make("section", {}, make("h3", { class: "legend" }, "The same in all trials"),
      make("div", { class: "fields" }, often.map((spec) => this.#field(spec))),
      make("div", { class: "other-settings" }, groups.map(({ name, fields }) => make("details", { class: "group" },
        make("summary", {}, name[0].toUpperCase() + name.slice(1)),
        make("div", { class: "fields" }, fields.filter((spec) => !OFTEN.includes(spec.name)).map((spec) => this.#field(spec)))))));
  }

  #field(spec) {
    const field = new Field(spec, () => {});
    this.#fields.set(spec.name, field);
    return field.element;
  }

  get #preset() {
    return this.#presets.find(({ name }) => name === find("#study-preset").value);
  }

  #applyPreset() {
    for (const [name, field] of this.#fields) field.setBaseline(this.#valueOf(name) ?? field.spec.default);
    this.#tellSum();
  }

  #valueOf(name) {
    return { ...this.#preset?.env_config, ...this.#preset?.training_config }[name];
  }

  #vary(name) {
    const spec = this.#specs.get(name);
    if (!spec || this.#rows.has(name)) return;
    const row = new RangeRow(spec, this.#valueOf(name), () => this.#leave(name));
    this.#rows.set(name, row);
    find("#vary-rows").append(row.element);
    this.#showVaried();
    row.focus();
  }

  #leave(name) {
    this.#rows.get(name).element.remove();
    this.#rows.delete(name);
    this.#showVaried();
    find("#vary-add").focus();
  }

  #showVaried() {
    for (const [name, field] of this.#fields) field.element.hidden = this.#rows.has(name);
    for (const option of findAll("#vary-add option")) option.disabled = this.#rows.has(option.value);
    this.#tellSum();
  }

  #tellSum() {
    const n = this.#rows.size;
    setText(find("#study-sum"), `${count(n)} ${n === 1 ? "setting varies" : "settings vary"}`);
  }

  #clear(id) {
    setText(find(`#${id}-error`), "");
    setAttribute(find(`#${id}`), "aria-invalid", null);
    this.#tellSum();
  }

  #refuseAt(id, message) {
    setText(find(`#${id}-error`), message);
    setAttribute(find(`#${id}`), "aria-invalid", "true");
    find(`#${id}`).focus();
  }

  #whole(id, what) {
    const text = find(`#${id}`).value.trim();
    if (/^\d{1,10}$/.test(text)) return Number(text);
    this.#refuseAt(id, `${what} is a whole number; got “${text}”.`);
    return null;
  }

  /** What the server is asked for, or null where something is wrong, which is shown by then. */
  #body() {
    const name = find("#study-title").value.trim();
    if (!NAME.test(name)) {
      this.#refuseAt("study-title", `A name has letters, digits, dots and dashes, at most 59 of them; got “${name}”.`);
      return null;
    }
    const numbers = { n_trials: this.#whole("study-trials", "How many"), n_at_once: this.#whole("study-at-once", "Side by side"), seed: this.#whole("study-seed", "The seed") };
    if (Object.values(numbers).includes(null)) return null;
    const body = { name, preset: this.#preset.name, settings: {}, vary: {}, ...numbers, objective: find("#study-objective").value, sampler: find("#study-sampler").value, prunes: find("#study-prunes").checked };
    for (const [key, row] of this.#rows) {
      try {
        body.vary[key] = row.read();
      } catch (error) {
        row.showError(error.message);
        row.focus();
        return null;
      }
    }
    for (const [key, field] of this.#fields) {
      if (!field.isChanged || this.#rows.has(key)) continue;
      if (!field.isGood()) {
        this.#reveal(field);
        return null;
      }
      body.settings[key] = field.read();
    }
    return body;
  }

  async #submit(event) {
    event.preventDefault();
    setText(find("#study-error"), "");
    const button = find("#begin-study");
    const body = button.getAttribute("aria-busy") === "true" ? null : this.#body();
    if (!body) return;
    button.setAttribute("aria-busy", "true");
    setText(button, "Beginning…");
    try {
      const study = await api.begin(body);
      this.#dialog.close();
      this.#begun(study.name);
    } catch (problem) {
      this.#refuse(problem);
    } finally {
      button.removeAttribute("aria-busy");
      setText(button, "Begin study");
    }
  }

  /** Puts the server's line at the setting that it is about, or on top where it names none. */
  #refuse({ message, field: named }) {
    const row = this.#rows.get(named);
    const field = this.#fields.get(named);
    if (row) {
      row.showError(message);
      row.focus();
    } else if (field) {
      field.showError(message);
      this.#reveal(field);
    } else if (/\bname\b|'[^']+' is a run/.test(message)) {
      this.#refuseAt("study-title", message);
    } else {
      setText(find("#study-error"), message);
      find("#study-error").scrollIntoView({ block: "nearest" });
    }
  }

  #reveal(field) {
    const group = field.element.closest("details");
    if (group) group.open = true;
    field.input.focus();
    field.element.scrollIntoView({ block: "center" });
  }
}
