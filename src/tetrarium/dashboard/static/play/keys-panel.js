// @ts-check
// Panel in which keys are assigned by pressing them, and their repeats are set.

import { find, findAll, make, setAttribute, setText } from "../common/dom.js";
import { panelHeader } from "../common/panels.js";
import { announce } from "../common/toast.js";
import { ACTIONS, DEFAULT_HANDLING, keyName } from "./settings.js";

/** @typedef {import("./settings.js").Settings} Settings */
/** @typedef {import("./settings.js").HandlingName} HandlingName */

const INSTANT_DROP = 1_000; // soft drop speed at the right end of its slider, in times the level's speed

/**
 * @typedef {object} SliderSpec
 * @property {HandlingName} name
 * @property {string} title
 * @property {string} help
 * @property {number} min
 * @property {number} max
 * @property {(value: number) => string} format
 */

/** @type {SliderSpec[]} */
const SLIDERS = [
  {
    name: "das_ms",
    title: "Delayed auto shift (DAS)",
    help: "How long a direction is held before it repeats.",
    min: 0,
    max: 400,
    format: (value) => `${value} ms`,
  },
  {
    name: "arr_ms",
    title: "Auto repeat rate (ARR)",
    help: "The time between repeats; 0 moves to the wall at once.",
    min: 0,
    max: 150,
    format: (value) => `${value} ms`,
  },
  {
    name: "soft_drop",
    title: "Soft drop",
    help: "How many times as fast a piece falls.",
    min: 2,
    max: 41,
    format: (value) => (value > 40 ? "at once" : `${value} ×`),
  },
];

/** @param {string | undefined} action */
const labelOf = (action) => ACTIONS.find(([known]) => known === action)?.[1];

export class KeysPanel {
  #settings;
  #dialog;
  /** @type {{ action: string, place: number, button: HTMLButtonElement } | null} */
  #pending = null; // the key to be pressed next

  /**
   * @param {HTMLDialogElement} dialog the panel
   * @param {Settings} settings
   */
  constructor(dialog, settings) {
    this.#dialog = dialog;
    this.#settings = settings;
    this.#dialog.addEventListener("keydown", (event) => this.#acceptKey(event), { capture: true });
    this.#dialog.addEventListener("cancel", (event) => {
      if (this.#pending) event.preventDefault();
    });
    this.#dialog.addEventListener("close", () => this.#cancelPending());
  }

  /** @param {() => void} onClose */
  open(onClose) {
    this.#fill();
    this.#dialog.addEventListener("close", onClose, { once: true });
    this.#dialog.showModal();
  }

  #fill() {
    const reset = make(
      "button",
      { type: "button", id: "reset-keys", onclick: () => this.#reset() },
      "Reset to defaults",
    );
    const done = make("button", { type: "button", class: "primary", onclick: () => this.#dialog.close() }, "Done");
    const help = "Choose a key, then press the new one. Esc cancels, Backspace clears. In a game, Esc always pauses.";
    this.#dialog.replaceChildren(
      make(
        "form",
        { method: "dialog", onsubmit: (event) => event.preventDefault() },
        panelHeader(this.#dialog, "settings-title", "Keys"),
        make(
          "div",
          { class: "panel-body", tabindex: 0, role: "region", "aria-label": "Keys and repeats" },
          make("p", { class: "fine" }, help),
          make(
            "table",
            { class: "keys" },
            make(
              "tbody",
              {},
              ACTIONS.map(([action, label]) => this.#makeRow(action, label)),
            ),
          ),
          make(
            "div",
            { class: "fields" },
            SLIDERS.map((spec) => this.#makeSlider(spec)),
          ),
        ),
        make("div", { class: "panel-foot" }, reset, done),
      ),
    );
  }

  /**
   * @param {string} action
   * @param {string} label
   */
  #makeRow(action, label) {
    const cells = [0, 1].map((place) => {
      const button = make("button", {
        type: "button",
        class: "key",
        "data-action": action,
        "data-place": place,
        onclick: ({ currentTarget }) => this.#waitForKey(action, place, currentTarget),
      });
      this.#labelButton(button);
      return make("td", {}, button);
    });
    return make("tr", {}, make("th", { scope: "row" }, label), cells);
  }

  /** @param {HTMLElement} button */
  #labelButton(button) {
    const { action = "", place } = button.dataset;
    const key = keyName(this.#settings.keys[action][Number(place)]);
    setText(button, key);
    setAttribute(button, "aria-label", `${labelOf(action)}, key ${Number(place) + 1}: ${key === "–" ? "none" : key}`);
  }

  /**
   * @param {string} action
   * @param {number} place
   * @param {HTMLButtonElement} button
   */
  #waitForKey(action, place, button) {
    this.#cancelPending();
    this.#pending = { action, place, button };
    button.classList.add("waiting");
    setText(button, "Press…");
    announce(`Press a key for ${labelOf(action)}.`);
  }

  #cancelPending() {
    if (!this.#pending) return;
    const { button } = this.#pending;
    this.#pending = null;
    button.classList.remove("waiting");
    this.#labelButton(button);
  }

  /** @param {KeyboardEvent} event */
  #acceptKey(event) {
    if (!this.#pending || event.isComposing || event.code === "" || event.code === "Tab") return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (event.repeat) return;
    const { action, place, button } = this.#pending;
    if (event.code !== "Escape") {
      const code = event.code === "Backspace" ? null : event.code;
      const previous = labelOf(this.#settings.setKey(action, place, code));
      announce(`${labelOf(action)}: ${keyName(code)}${previous ? `, removed from ${previous}` : ""}.`);
    }
    this.#cancelPending();
    for (const other of findAll("button.key", this.#dialog)) this.#labelButton(other);
    button.focus();
  }

  /** @param {SliderSpec} spec */
  #makeSlider({ name, title, help, min, max, format }) {
    const shown = Math.min(max, this.#settings.handling[name]);
    const output = make("output", { for: `set-${name}` }, format(shown));
    const input = make("input", {
      type: "range",
      id: `set-${name}`,
      min,
      max,
      step: 1,
      value: shown,
      "aria-describedby": `help-${name}`,
      "aria-valuetext": format(shown),
    });
    input.addEventListener("input", () => {
      const value = Number(input.value);
      setText(output, format(value));
      setAttribute(input, "aria-valuetext", format(value));
      this.#settings.setHandling(name, name === "soft_drop" && value === max ? INSTANT_DROP : value);
    });
    return make(
      "div",
      { class: "field" },
      make("label", { class: "speed", for: `set-${name}` }, make("span", {}, title), input, output),
      make("p", { class: "fine", id: `help-${name}` }, `${help} Default: ${format(DEFAULT_HANDLING[name])}.`),
    );
  }

  #reset() {
    this.#settings.reset();
    this.#fill();
    find("#reset-keys", this.#dialog).focus();
    announce("Keys and repeats are reset to their defaults.");
  }
}
