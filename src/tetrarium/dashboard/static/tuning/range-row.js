// @ts-check
// One setting that a study varies: its range or values, with meaning and bounds.

import { find, findAll, findAllInputs, findInput, findOptional, make, setAttribute, setText } from "../common/dom.js";
import { formatBounds } from "../common/setting-field.js";
import { parseNumber, parseWhole } from "../common/setting-input.js";
import { nameText } from "./format.js";

/** @typedef {NonNullable<import("./api.js").StartStudyBody["ranges"]>[string]} RangeBody */

const WIDE = 1e3; // ratio of bounds above which a range has a log scale by default
const SMALL_SHARE = 0.05; // middle of the range of a share that is 0
const SUGGESTED_LIST = "32"; // second value of a setting that is a list of numbers

export class RangeRow {
  #between = make("div", { class: "range-values" });
  #listed = make("div", { class: "range-values" });
  #isNumber;

  /**
   * @param {SettingSpec} spec
   * @param {unknown} value of the preset
   * @param {() => void} onRemove
   */
  constructor(spec, value, onRemove) {
    this.spec = spec;
    this.id = `vary-${spec.name}`;
    this.#isNumber = spec.type === "int" || spec.type === "float";
    const title = nameText(spec.name);
    const hint = [spec.help, formatBounds(spec)].filter(Boolean).join(" · ");
    const remove = make(
      "button",
      { type: "button", class: "quiet drop", "aria-label": `Do not vary ${title}`, onclick: onRemove },
      "×",
    );
    this.error = make("p", { class: "error", id: `${this.id}-error` });
    this.element = make(
      "fieldset",
      { class: "range-row", "aria-describedby": `${this.id}-hint ${this.id}-error` },
      make("legend", {}, title),
      remove,
      make("p", { class: "fine", id: `${this.id}-hint` }, hint),
      this.#isNumber ? this.#makeNumberInputs(value) : [this.#makeChoices(value)],
      this.error,
    );
    this.element.addEventListener("input", () => this.showError(""));
    if (this.#isNumber) this.#showKind("between");
  }

  /** @param {unknown} value */
  #makeNumberInputs(value) {
    const { name, type, low, high } = this.spec;
    const proposed = proposeValues(this.spec, value);
    const [from, , to] = proposed;
    const isWide = low && high && low > 0 && high / low >= WIDE && type === "float";
    const log = make("input", { type: "checkbox", id: `${this.id}-log`, checked: Boolean(isWide) });
    const values = [...new Set(proposed)].join(", ");
    this.#between.append(
      this.#makeLine("low", "from", from, "decimal"),
      this.#makeLine("high", "to", to, "decimal"),
      make("label", { class: "range-log" }, log, "log scale"),
    );
    this.#listed.append(this.#makeLine("values", "values", values, "text"));
    const kinds = make(
      "div",
      { class: "segments", role: "radiogroup", "aria-label": `Kind of range of ${name}` },
      this.#makeKind("between", "From … to", true),
      this.#makeKind("listed", "Listed values", false),
    );
    return [kinds, this.#between, this.#listed];
  }

  /**
   * @param {string} name
   * @param {string} label
   * @param {string} text
   * @param {string} mode of the keyboard on phones
   */
  #makeLine(name, label, text, mode) {
    const input = make("input", {
      type: "text",
      id: `${this.id}-${name}`,
      inputmode: mode,
      autocomplete: "off",
      spellcheck: "false",
      value: text,
    });
    return make("label", { class: "range-value" }, label, input);
  }

  /**
   * @param {"between" | "listed"} kind
   * @param {string} label
   * @param {boolean} isChecked
   */
  #makeKind(kind, label, isChecked) {
    const radio = make("input", {
      type: "radio",
      name: `${this.id}-kind`,
      value: kind,
      checked: isChecked,
      onchange: () => this.#showKind(kind),
    });
    return make("label", {}, radio, make("span", {}, label));
  }

  /** @param {unknown} value */
  #makeChoices(value) {
    const { type, choices, items } = this.spec;
    const options = type === "bool" ? ["true", "false"] : choices;
    if (type === "list" || !options.length) {
      const hint = `Values, with ${type === "list" ? "semicolons" : "commas"} between them`;
      if (!Array.isArray(value)) return this.#makeLine("values", hint, String(value ?? ""), "text");
      const other = choices.find((choice) => !value.includes(choice));
      const second = items === "int" ? SUGGESTED_LIST : [...value, other].join(", ");
      return this.#makeLine("values", hint, `${value.join(", ")}; ${second}`, "text");
    }
    /** @type {Record<string, string>} */
    const labels = type === "bool" ? { true: "yes", false: "no" } : {};
    const boxes = options.map((option) => {
      const box = make("input", { type: "checkbox", value: option, checked: true });
      return make("label", {}, box, labels[option] ?? option);
    });
    return make("div", { class: "checks" }, boxes);
  }

  /** @param {"between" | "listed"} kind */
  #showKind(kind) {
    this.#between.hidden = kind !== "between";
    this.#listed.hidden = kind !== "listed";
    this.showError("");
  }

  /**
   * Returns the range as the server expects it.
   *
   * @returns {RangeBody}
   * @throws {Error} with a message for the user
   */
  read() {
    const { type, name, items } = this.spec;
    if (this.#isNumber && !this.#between.hidden) {
      const range = { low: this.#parse(this.#text("low")), high: this.#parse(this.#text("high")) };
      return findInput(`#${this.id}-log`).checked ? { ...range, log: true } : range;
    }
    const boxes = findAllInputs(".checks input", this.element);
    const parts = boxes.length
      ? boxes.filter(({ checked }) => checked).map(({ value }) => value)
      : splitList(this.#text("values"), type === "list" ? ";" : ",");
    if (parts.length < 2) throw new Error(`${name} takes two values or more; got ${parts.length}.`);
    if (this.#isNumber) return { values: parts.map((part) => this.#parse(part)) };
    if (type === "bool") return { values: parts.map((part) => part === "true") };
    if (type !== "list") return { values: parts };
    const parseItem = (/** @type {string} */ item) => (items === "int" ? this.#parse(item) : item);
    return { values: parts.map((part) => splitList(part, ",").map(parseItem)) };
  }

  /** @param {string} name of the input */
  #text(name) {
    return findInput(`#${this.id}-${name}`).value.trim();
  }

  /** @param {string} text */
  #parse(text) {
    const { name, type } = this.spec;
    if (type !== "float") return parseWhole(name, text, -Number.MAX_SAFE_INTEGER);
    const value = parseNumber(text);
    if (!Number.isFinite(value)) throw new Error(`${name} is a number; got “${text}”.`);
    return value;
  }

  /** @param {string} text */
  showError(text) {
    setText(this.error, text);
    for (const input of findAll('input[type="text"]', this.element)) {
      setAttribute(input, "aria-invalid", text ? "true" : null);
    }
  }

  focus() {
    const root = this.#isNumber ? this.#between : this.element;
    (findOptional('input[type="text"]', root) ?? find("input", this.element)).focus();
  }
}

/**
 * Returns a low, a middle and a high value around the preset's: a quarter of it and four times as much; for a value
 * near its upper bound of 1, twice its distance to 1 and a fifth of it.
 *
 * @param {SettingSpec} spec
 * @param {unknown} value
 */
function proposeValues({ type, low, high }, value) {
  const [min, max] = [low ?? -Infinity, high ?? Infinity];
  const isShare = type === "float" && max <= 1;
  const least = isShare ? SMALL_SHARE : Math.max(min, 1);
  const middle = typeof value === "number" && value > 0 ? value : least;
  const round = (/** @type {number} */ number) =>
    type === "int" ? Math.max(1, Math.round(number)) : Number(number.toPrecision(2));
  const fromOne = (/** @type {number} */ distance) => 1 - round(distance);
  const isNearOne = isShare && middle > 0.5 && middle < 1;
  const ends = isNearOne
    ? [fromOne(2 * (1 - middle)), fromOne((1 - middle) / 5)]
    : [round(middle / 4), round(middle * 4)];
  const clipped = [ends[0], middle, ends[1]].map((number) => Math.min(Math.max(number, min), max));
  return clipped.map((number) => String(Number(number.toPrecision(12))));
}

/**
 * @param {string} text
 * @param {string} separator
 */
const splitList = (text, separator) =>
  text
    .split(separator)
    .map((part) => part.trim())
    .filter(Boolean);
