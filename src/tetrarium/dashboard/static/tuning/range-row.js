// One setting that a study varies: over what, its meaning and bounds, and the way to leave it out.

import { find, findAll, make, setAttribute, setText } from "../common/dom.js";
import { boundsText } from "../common/field.js";

const WIDE = 1e3; // bounds so far apart are searched by orders of magnitude

export class RangeRow {
  /** `spec` is a field as the server describes it, `value` what the preset has; `removed` is called with the row. */
  constructor(spec, value, removed) {
    this.spec = spec;
    this.id = `vary-${spec.name}`;
    this.isNumber = spec.type === "int" || spec.type === "float";
    const title = spec.name.replaceAll("_", " ");
    this.error = make("p", { class: "error", id: `${this.id}-error` });
    this.element = make("fieldset", { class: "range-row", "aria-describedby": `${this.id}-hint ${this.id}-error` },
      make("legend", {}, title),
      make("button", { type: "button", class: "quiet drop", "aria-label": `Do not vary ${title}`, onclick: () => removed(this) }, "×"),
      make("p", { class: "fine", id: `${this.id}-hint` }, this.#hint()),
      ...(this.isNumber ? this.#numbers(value) : [this.#choices(value)]),
      this.error);
    this.element.addEventListener("input", () => this.showError(""));
    if (this.isNumber) this.#show();
  }

  #hint() {
    const { help } = this.spec;
    const bounds = boundsText(this.spec);
    return bounds ? `${help} · ${bounds}` : help;
  }

  #numbers(value) {
    const { type, low, high } = this.spec;
    const at = typeof value === "number" && value > 0 ? value : 1;
    const clip = (number) => Math.min(Math.max(number, low), high);
    const neat = (number) => (type === "int" ? String(Math.round(number)) : String(Number(number.toPrecision(2))));
    const isWide = low > 0 && high / low >= WIDE && type === "float";
    const [from, to] = [neat(clip(at / 4)), neat(clip(at * 4))];
    const line = (name, label, text, mode) => make("label", { class: "range-value" }, label,
      make("input", { type: "text", id: `${this.id}-${name}`, inputmode: mode, autocomplete: "off", spellcheck: "false", value: text }));
    const choice = (kind, label, isChosen) => make("label", {},
      make("input", { type: "radio", name: `${this.id}-kind`, value: kind, checked: isChosen, onchange: () => this.#show() }), make("span", {}, label));
    this.between = make("div", { class: "range-values" }, line("low", "from", from, "decimal"), line("high", "to", to, "decimal"),
      make("label", { class: "range-log" }, make("input", { type: "checkbox", id: `${this.id}-log`, checked: isWide }), "by orders of magnitude"));
    this.listed = make("div", { class: "range-values" }, line("values", "values", [from, neat(at), to].filter((text, place, all) => all.indexOf(text) === place).join(", "), "text"));
    return [make("div", { class: "segments", role: "radiogroup", "aria-label": `How ${this.spec.name} varies` },
      choice("between", "From … to", true), choice("listed", "Listed values", false)), this.between, this.listed];
  }

  #choices(value) {
    const { type, choices, items, name } = this.spec;
    const options = type === "bool" ? ["true", "false"] : choices;
    if (type === "list" || !options.length) {
      const text = Array.isArray(value) ? value.join(", ") : String(value ?? "");
      const hint = items ? "Values, with semicolons between them" : "Values, with commas between them";
      return make("label", { class: "range-value" }, hint,
        make("input", { type: "text", id: `${this.id}-values`, autocomplete: "off", spellcheck: "false", value: items === "int" ? `${text}; 32` : text }));
    }
    const yes = { true: "yes", false: "no" };
    return make("div", { class: "checks" }, options.map((option) =>
      make("label", {}, make("input", { type: "checkbox", value: option, checked: true }), type === "bool" ? yes[option] : option)));
  }

  #show() {
    const kind = find("input:checked[type=radio]", this.element).value;
    this.between.hidden = kind !== "between";
    this.listed.hidden = kind !== "listed";
    this.showError("");
  }

  /** What it varies over, as the server wants it. Throws an Error in words for people. */
  read() {
    const { type, name, items } = this.spec;
    if (this.isNumber && !this.between.hidden) {
      const log = find(`#${this.id}-log`).checked;
      return { low: this.#number(this.#text("low")), high: this.#number(this.#text("high")), ...(log ? { log } : {}) };
    }
    const boxes = findAll(".checks input", this.element);
    const parts = boxes.length ? boxes.filter(({ checked }) => checked).map(({ value }) => value) : this.#text("values").split(items ? ";" : ",").map((part) => part.trim()).filter(Boolean);
    if (parts.length < 2) throw new Error(`${name} takes two values or more; got ${parts.length}.`);
    if (this.isNumber) return { values: parts.map((part) => this.#number(part)) };
    if (type === "bool") return { values: parts.map((part) => part === "true") };
    if (type !== "list") return { values: parts };
    return { values: parts.map((part) => part.split(",").map((one) => one.trim()).filter(Boolean).map((one) => (items === "int" ? this.#number(one) : one))) };
  }

  #text(name) {
    return find(`#${this.id}-${name}`).value.trim();
  }

  #number(text) {
    const value = Number(text.replaceAll(/[_\s](?=\d{3})/g, ""));
    const isWhole = this.spec.type !== "float";
    if (text === "" || !Number.isFinite(value) || (isWhole && !Number.isInteger(value))) {
      throw new Error(`${this.spec.name} is a ${isWhole ? "whole " : ""}number; got “${text}”.`);
    }
    return value;
  }

  showError(text) {
    setText(this.error, text);
    for (const input of findAll('input[type="text"]', this.element)) setAttribute(input, "aria-invalid", text ? "true" : null);
  }

  focus() {
    (find('input[type="text"]', this.between ?? this.element) ?? find("input", this.element)).focus();
  }
}
