// What a setting is entered with: a line of text, a choice, or a set of choices. All of them read and write text.

import { make, setAttribute } from "./dom.js";

/** How a value is written. */
export function written(value) {
  if (value === null || value === undefined) return "";
  return Array.isArray(value) ? value.join(", ") : String(value);
}

/** The number that a text says, or NaN: thousands may be apart by commas, spaces or underscores; decimals follow a point. */
export function numberIn(text) {
  const isGrouped = /^[-+]?[1-9]\d{0,2}([,_\s]\d{3})+(\.\d+)?$/.test(text);
  return Number(isGrouped ? text.replaceAll(/[,_\s]/g, "") : text);
}

const YES_OR_NO = { true: "yes", false: "no" };

/** Makes the input for a field as the server describes it: {element, text, focus(), markInvalid(isInvalid)}. */
export function makeInput(spec, id, describedBy, changed) {
  if (spec.type === "list" && spec.choices?.length) return new Checks(spec, id, describedBy, changed);
  return new Line(spec, id, describedBy, changed);
}

class Line {
  constructor({ type, choices, nullable }, id, describedBy, changed) {
    const options = type === "bool" ? Object.keys(YES_OR_NO) : choices ?? [];
    const shared = { id, "aria-describedby": describedBy, oninput: changed, onchange: changed };
    const mode = { int: "numeric", float: "decimal" }[type] ?? "text";
    this.element = options.length
      ? make("select", shared, options.map((choice) => make("option", { value: choice }, YES_OR_NO[choice] ?? choice)))
      : make("input", {
        ...shared, type: "text", inputmode: mode, autocomplete: "off", spellcheck: "false",
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

  markInvalid(isInvalid) {
    setAttribute(this.element, "aria-invalid", isInvalid ? "true" : null);
  }
}

class Checks {
  #boxes;

  constructor({ choices, name }, id, describedBy, changed) {
    this.#boxes = choices.map((choice) => make("input", { type: "checkbox", value: choice, onchange: changed }));
    this.element = make("div", { id, class: "checks", role: "group", "aria-label": name, "aria-describedby": describedBy },
      this.#boxes.map((box) => make("label", {}, box, box.value.replaceAll("_", " "))));
  }

  get text() {
    return this.#boxes.filter(({ checked }) => checked).map(({ value }) => value).join(", ");
  }

  set text(text) {
    const chosen = text.split(", ");
    for (const box of this.#boxes) box.checked = chosen.includes(box.value);
  }

  focus() {
    this.#boxes[0].focus();
  }

  markInvalid(isInvalid) {
    this.element.classList.toggle("invalid", isInvalid);
  }
}
