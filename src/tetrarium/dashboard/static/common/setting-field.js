// @ts-check
// One setting in a form: its input, meaning and bounds, a mark if it was changed, and a button back to its default.

import { make, setAttribute, setText } from "./dom.js";
import { formatCount } from "./format.js";
import { formatValue, makeInput, parseNumber, parseWhole } from "./setting-input.js";

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const LONGEST_DEFAULT = 24; // characters on the button back to the default

/**
 * Formats the bounds of a setting; a setting without bounds has an empty text.
 *
 * @param {Pick<SettingSpec, "low" | "high">} spec
 */
export function formatBounds({ low, high }) {
  return typeof low !== "number" || typeof high !== "number" ? "" : `${formatBound(low)} to ${formatBound(high)}`;
}

/**
 * Formats far bounds as powers of ten.
 *
 * @param {number} value
 */
function formatBound(value) {
  const power = Math.round(Math.log10(Math.abs(value)));
  if (value > 0 && (power > 6 || power < -3) && Math.abs(value / 10 ** power - 1) < 1e-9) {
    const digits = [...String(Math.abs(power))].map((digit) => SUPERSCRIPTS[Number(digit)]);
    return `10${power < 0 ? "⁻" : ""}${digits.join("")}`;
  }
  return Number.isInteger(value) ? formatCount(value) : String(value);
}

export class SettingField {
  /** @type {unknown} */
  #baseline;
  #onChange;

  /**
   * @param {SettingSpec} spec
   * @param {() => void} onChange
   */
  constructor(spec, onChange) {
    this.spec = spec;
    this.#baseline = spec.default;
    this.#onChange = onChange;
    this.id = `set-${spec.config}-${spec.name}`;
    this.input = makeInput(spec, this.id, `${this.id}-error ${this.id}-hint`, () => this.#acceptInput());
    this.error = make("p", { class: "error", id: `${this.id}-error` });
    this.hint = make("p", { class: "fine", id: `${this.id}-hint` });
    this.resetButton = make("button", { type: "button", class: "reset", onclick: () => this.#reset() });
    this.element = make(
      "div",
      { class: "field" },
      make(
        "div",
        { class: "field-head" },
        make("label", { for: this.id }, spec.name.replaceAll("_", " ")),
        this.resetButton,
      ),
      this.input.element,
      this.error,
      this.hint,
    );
    this.input.text = formatValue(spec.default);
    this.setBaseline(spec.default);
  }

  /**
   * Sets the value that counts as unchanged: the preset's, or the default.
   *
   * @param {unknown} value
   */
  setBaseline(value) {
    const wasChanged = this.isChanged;
    this.#baseline = value;
    if (!wasChanged) this.input.text = formatValue(value);
    setText(this.hint, [this.spec.help, formatBounds(this.spec)].filter(Boolean).join(" · "));
    this.#markChange();
  }

  /** @param {unknown} value */
  setValue(value) {
    this.input.text = formatValue(value);
    this.#markChange();
  }

  get isChanged() {
    return this.input.text !== formatValue(this.#baseline);
  }

  #acceptInput() {
    this.showError("");
    this.#markChange();
    this.#onChange();
  }

  #reset() {
    this.input.text = formatValue(this.#baseline);
    this.input.focus();
    this.#acceptInput();
  }

  #markChange() {
    this.element.classList.toggle("changed", this.isChanged);
    const baseline = formatValue(this.#baseline) || "none";
    setText(this.resetButton, `Reset to ${baseline.length > LONGEST_DEFAULT ? "the default" : baseline}`);
    setAttribute(this.resetButton, "aria-label", `Reset ${this.spec.name} to ${baseline}`);
  }

  /**
   * Returns the value as the server expects it.
   *
   * @returns {any}
   * @throws {Error} with a message for the user if the input is not valid
   */
  read() {
    const { name, type, nullable, items } = this.spec;
    const { text } = this.input;
    if (nullable && (text === "" || text.toLowerCase() === "none")) return null;
    if (type === "bool") return text === "true";
    if (type === "list") return parseList(name, text, items === "int");
    if (type !== "int" && type !== "float") return text;
    return this.#parseNumber(text);
  }

  /** @param {string} text */
  #parseNumber(text) {
    const { name, type, low, high } = this.spec;
    const value = parseNumber(text);
    const isBounded = typeof low === "number" && typeof high === "number";
    const range = isBounded ? ` from ${low} to ${high}` : "";
    if (!Number.isFinite(value)) {
      const remedy = text.includes(",") ? " Write decimals with a point." : "";
      throw new Error(`${name} is a number${range}; got “${text}”.${remedy}`);
    }
    if (type === "int" && !Number.isInteger(value)) throw new Error(`${name} is a whole number${range}; got ${text}.`);
    if (isBounded && (value < low || value > high)) throw new Error(`${name} is a number${range}; got ${text}.`);
    return value;
  }

  /** Returns whether the input is valid; if not, shows why. */
  isValid() {
    try {
      this.read();
      return true;
    } catch (error) {
      this.showError(error.message);
      return false;
    }
  }

  /** Opens the group of the field, and moves the focus to its input. */
  reveal() {
    this.element.closest("details")?.toggleAttribute("open", true);
    this.input.focus();
    this.element.scrollIntoView({ block: "center" });
  }

  /** @param {string} text */
  showError(text) {
    setText(this.error, text);
    this.input.markInvalid(Boolean(text));
  }
}

/**
 * @param {string} name
 * @param {string} text
 * @param {boolean} isOfNumbers
 */
function parseList(name, text, isOfNumbers) {
  const parts = text
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean);
  if (!isOfNumbers) return parts;
  return parts.map((part) => parseWhole(`Each of ${name}`, part));
}
