// @ts-check
// Inputs for settings: a line of text, a choice, or a set of choices. All of them read and write text.

import { make, setAttribute } from "./dom.js";
import { formatCount } from "./format.js";

/** @typedef {TextInput | CheckboxGroup} SettingInput */

/**
 * Formats a setting's value.
 *
 * @param {unknown} value
 */
export function formatValue(value) {
  if (value === null || value === undefined) return "";
  return Array.isArray(value) ? value.join(", ") : String(value);
}

const NUMBER = /^[-+]?(\d(_?\d)*(\.(\d(_?\d)*)?)?|\.\d(_?\d)*)(e[-+]?\d{1,4})?$/i;
const GROUPED = /^[-+]?[1-9]\d{0,2}([,_\s]\d{3})+(\.\d+)?$/;
const OTHER_BASE = /^0(x[\da-f]+|o[0-7]+|b[01]+)$/i;
const MAX_DIGITS = 1000;

/**
 * Parses a number as `values.py` does. Commas, spaces or underscores may separate thousands; a point precedes decimals.
 *
 * @param {string} text
 * @returns {number} NaN if the text is no number
 */
export function parseNumber(text) {
  const trimmed = text.trim();
  const isNumber = NUMBER.test(trimmed) || GROUPED.test(trimmed) || OTHER_BASE.test(trimmed);
  return isNumber && trimmed.length <= MAX_DIGITS ? Number(trimmed.replaceAll(/[,_\s]/g, "")) : NaN;
}

/**
 * Parses a whole number.
 *
 * @param {string} name of the value, for the message
 * @param {string} text
 * @param {number} [low]
 * @param {number} [high]
 * @throws {Error} with a message for the user
 */
export function parseWhole(name, text, low = 0, high = Number.MAX_SAFE_INTEGER) {
  const value = parseNumber(text);
  if (Number.isInteger(value) && value >= low && value <= high) return value;
  const least = low > 0 ? ` of ${formatCount(low)} or more` : "";
  const range = high === Number.MAX_SAFE_INTEGER ? least : ` from ${formatCount(low)} to ${formatCount(high)}`;
  throw new Error(`${name} is a whole number${range}; got “${text.trim()}”.`);
}

/**
 * Parses a whole number as `parseWhole` does; returns null without text.
 *
 * @param {Parameters<typeof parseWhole>} args
 */
export const parseOptionalWhole = (...args) => (args[1].trim() === "" ? null : parseWhole(...args));

/** @type {Record<string, string>} */
const YES_OR_NO = { true: "yes", false: "no" };

/**
 * Makes the input of a setting.
 *
 * @param {SettingSpec} spec
 * @param {string} id
 * @param {string} describedBy ids of the elements that describe it
 * @param {() => void} onChange
 * @returns {SettingInput}
 */
export function makeInput(spec, id, describedBy, onChange) {
  const isCheckboxes = spec.type === "list" && spec.choices.length;
  return new (isCheckboxes ? CheckboxGroup : TextInput)(spec, id, describedBy, onChange);
}

class TextInput {
  /**
   * @param {SettingSpec} spec
   * @param {string} id
   * @param {string} describedBy
   * @param {() => void} onChange
   */
  constructor({ type, choices, nullable }, id, describedBy, onChange) {
    const options = type === "bool" ? Object.keys(YES_OR_NO) : choices;
    const shared = { id, "aria-describedby": describedBy, oninput: onChange, onchange: onChange };
    const makeOption = (/** @type {string} */ choice) => make("option", { value: choice }, YES_OR_NO[choice] ?? choice);
    this.element = options.length
      ? make("select", shared, options.map(makeOption))
      : make("input", {
          ...shared,
          type: "text",
          inputmode: type === "int" ? "numeric" : type === "float" ? "decimal" : "text",
          autocomplete: "off",
          spellcheck: "false",
          placeholder: nullable ? "none" : null,
        });
  }

  get text() {
    return this.element.value.trim();
  }

  set text(text) {
    this.element.value = text;
  }

  focus() {
    this.element.focus();
  }

  /** @param {boolean} isInvalid */
  markInvalid(isInvalid) {
    setAttribute(this.element, "aria-invalid", isInvalid ? "true" : null);
  }
}

class CheckboxGroup {
  #boxes;

  /**
   * @param {SettingSpec} spec
   * @param {string} id
   * @param {string} describedBy
   * @param {() => void} onChange
   */
  constructor({ choices, name }, id, describedBy, onChange) {
    this.#boxes = choices.map((choice) => make("input", { type: "checkbox", value: choice, onchange: onChange }));
    this.element = make(
      "div",
      { id, class: "checks", role: "group", "aria-label": name, "aria-describedby": describedBy },
      this.#boxes.map((box) => make("label", {}, box, box.value.replaceAll("_", " "))),
    );
  }

  get text() {
    const checked = this.#boxes.filter((box) => box.checked);
    return checked.map(({ value }) => value).join(", ");
  }

  set text(text) {
    const chosen = text.split(", ");
    for (const box of this.#boxes) box.checked = chosen.includes(box.value);
  }

  focus() {
    this.#boxes[0].focus();
  }

  /** @param {boolean} isInvalid */
  markInvalid(isInvalid) {
    this.element.classList.toggle("invalid", isInvalid);
  }
}
