// One setting in a form: its input, its meaning and bounds, whether it was changed, and the way back.

import { make, setAttribute, setText } from "./dom.js";
import { makeInput, numberIn, written } from "./inputs.js";
import { count } from "./words.js";

/** From where to where a setting goes, or nothing. */
export function boundsText({ low, high }) {
  return low === null || low === undefined ? "" : `${bound(low)} to ${bound(high)}`;
}

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** Far bounds as powers of ten, others as they are. */
function bound(value) {
  const power = Math.round(Math.log10(Math.abs(value)));
  if (value > 0 && (power > 6 || power < -3) && Math.abs(value / 10 ** power - 1) < 1e-9) {
    return `10${power < 0 ? "⁻" : ""}${[...String(Math.abs(power))].map((digit) => SUPERSCRIPTS[digit]).join("")}`;
  }
  return Number.isInteger(value) ? count(value) : String(value);
}

export class Field {
  #baseline;

  /** `spec` is a field as the server describes it; `changed` is called after each change. */
  constructor(spec, changed) {
    this.spec = spec;
    this.#baseline = spec.default;
    this.id = `set-${spec.config}-${spec.name}`;
    this.input = makeInput(spec, this.id, `${this.id}-error ${this.id}-hint`, () => this.#touch(changed));
    this.error = make("p", { class: "error", id: `${this.id}-error` });
    this.hint = make("p", { class: "fine", id: `${this.id}-hint` });
    this.reset = make("button", { type: "button", class: "reset", onclick: () => this.#back(changed) });
    this.element = make("div", { class: "field" },
      make("div", { class: "field-head" },
        make("label", { for: this.id }, spec.name.replaceAll("_", " ")), this.reset),
      this.input.element, this.error, this.hint);
    this.input.text = written(spec.default);
    this.setBaseline(spec.default);
  }

  /** What the field falls back to: a preset's value, or the default. */
  setBaseline(value) {
    const wasChanged = this.isChanged;
    this.#baseline = value;
    if (!wasChanged) this.input.text = written(value);
    setText(this.hint, this.#hintText());
    this.#mark();
  }

  #hintText() {
    const bounds = boundsText(this.spec);
    return [this.spec.help, bounds && `${bounds}`].filter(Boolean).join(" · ");
  }

  get isChanged() {
    return this.input.text !== written(this.#baseline);
  }

  #touch(changed) {
    this.showError("");
    this.#mark();
    changed();
  }

  #back(changed) {
    this.input.text = written(this.#baseline);
    this.input.focus();
    this.#touch(changed);
  }

  #mark() {
    this.element.classList.toggle("changed", this.isChanged);
    const back = written(this.#baseline) || "none";
    setText(this.reset, `back to ${back.length > 24 ? "the default" : back}`);
    setAttribute(this.reset, "aria-label", `${this.spec.name}: back to ${back}`);
  }

  /** The value as the server wants it. Throws an Error in words for people. */
  read() {
    const { name, type, low, high, nullable, items } = this.spec;
    const { text } = this.input;
    if (text === "" && nullable) return null;
    if (type === "bool") return text === "true";
    if (type === "list") return readList(name, text, items === "int");
    if (type !== "int" && type !== "float") return text;
    const value = numberIn(text);
    const range = low === null || low === undefined ? "" : ` from ${low} to ${high}`;
    if (text === "" || !Number.isFinite(value)) throw new Error(`${name} is a number${range}; got “${text}”.${text.includes(",") ? " Write decimals with a point." : ""}`);
    if (type === "int" && !Number.isInteger(value)) throw new Error(`${name} is a whole number${range}; got ${text}.`);
    if (range && (value < low || value > high)) throw new Error(`${name} is a number${range}; got ${text}.`);
    return value;
  }

  /** Reads the value, or shows what is wrong with it and returns false. */
  isGood() {
    try {
      this.read();
      return true;
    } catch (error) {
      this.showError(error.message);
      return false;
    }
  }

  showError(text) {
    setText(this.error, text);
    this.input.markInvalid(Boolean(text));
  }
}

function readList(name, text, isOfNumbers) {
  const parts = text.split(",").map((part) => part.trim()).filter(Boolean);
  if (!isOfNumbers) return parts;
  const bad = parts.find((part) => !/^\d+$/.test(part));
  if (bad !== undefined) throw new Error(`${name} is whole numbers with commas between them; got “${bad}”.`);
  return parts.map(Number);
}
