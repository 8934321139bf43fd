// The panel of keys: each is set by pressing it; and how held keys repeat.

import { find, make, setAttribute, setText } from "../common/dom.js";
import { panelHead } from "../common/panels.js";
import { announce } from "../common/toast.js";
import { ACTIONS, HANDLING, keyName } from "./settings.js";

const INSTANT = 1_000; // times the level's speed: at once
const SLIDERS = [
  ["das_ms", "Delayed auto shift (DAS)", "How long a direction is held before it repeats.", 0, 400, 1, (value) => `${value} ms`],
  ["arr_ms", "Auto repeat rate (ARR)", "The time between repeats; 0 goes to the wall at once.", 0, 150, 1, (value) => `${value} ms`],
  ["soft_drop", "Soft drop", "How many times as fast a piece falls.", 2, 41, 1, (value) => (value > 40 ? "at once" : `${value} ×`)],
];

export class SettingsPanel {
  #settings;
  #dialog = find("#settings-panel");
  #waiting = null; // {action, place, button} of the key that is about to be set

  constructor(settings) {
    this.#settings = settings;
    this.#dialog.addEventListener("keydown", (event) => this.#take(event), { capture: true });
    this.#dialog.addEventListener("cancel", (event) => {
      if (this.#waiting) event.preventDefault();
    });
    this.#dialog.addEventListener("close", () => this.#stopWaiting());
  }

  /** Opens it; `closed` is called once it is closed. */
  open(closed) {
    this.#fill();
    this.#dialog.addEventListener("close", closed, { once: true });
    this.#dialog.showModal();
  }

  #fill() {
    const reset = make("button", { type: "button", id: "reset-keys", onclick: () => this.#reset() }, "Back to the defaults");
    const done = make("button", { type: "button", class: "primary", onclick: () => this.#dialog.close() }, "Done");
    this.#dialog.replaceChildren(make("form", { method: "dialog", onsubmit: (event) => event.preventDefault() },
      panelHead(this.#dialog, "settings-title", "Keys"),
      make("div", { class: "panel-body", tabindex: 0, role: "region", "aria-label": "Keys and repeats" },
        make("p", { class: "fine" }, "Choose one, then press the key; Escape leaves it, Backspace takes it away. Escape always pauses."),
        make("table", { class: "keys" }, make("tbody", {}, ACTIONS.map(([action, name]) => this.#row(action, name)))),
        make("div", { class: "fields" }, SLIDERS.map((slider) => this.#slider(...slider)))),
      make("div", { class: "panel-foot" }, reset, done)));
  }

  #row(action, name) {
    const keys = [0, 1].map((place) => {
      const button = make("button", { type: "button", class: "key", "data-action": action, "data-place": place, onclick: () => this.#wait(action, place, button) });
      this.#label(button, action, place, name);
      return make("td", {}, button);
    });
    return make("tr", {}, make("th", { scope: "row" }, name), keys);
  }

  #label(button, action, place, name = ACTIONS.find(([known]) => known === action)[1]) {
    const key = keyName(this.#settings.keys[action][place]);
    setText(button, key);
    setAttribute(button, "aria-label", `${name}, key ${place + 1}: ${key === "–" ? "none" : key}`);
  }

  #wait(action, place, button) {
    this.#stopWaiting();
    this.#waiting = { action, place, button };
    button.classList.add("waiting");
    setText(button, "Press…");
    announce(`Press a key for ${button.getAttribute("aria-label").split(",")[0]}.`);
  }

  #stopWaiting() {
    if (!this.#waiting) return;
    const { action, place, button } = this.#waiting;
    this.#waiting = null;
    button.classList.remove("waiting");
    this.#label(button, action, place);
  }

  #take(event) {
    if (!this.#waiting || event.isComposing || event.code === "" || event.code === "Tab") return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (event.repeat) return;
    const { action, place, button } = this.#waiting;
    if (event.code !== "Escape") {
      const code = event.code === "Backspace" ? null : event.code;
      const loser = this.#settings.setKey(action, place, code);
      const name = ACTIONS.find(([known]) => known === loser)?.[1];
      announce(`${keyName(code)} is set${name ? `; ${name} has lost it` : ""}.`);
    }
    this.#stopWaiting();
    for (const other of this.#dialog.querySelectorAll("button.key")) this.#label(other, other.dataset.action, Number(other.dataset.place));
    button.focus();
  }

  #slider(name, title, help, low, high, step, write) {
    const shown = Math.min(high, this.#settings.handling[name]);
    const output = make("output", { for: `set-${name}` }, write(shown));
    const input = make("input", {
      type: "range", id: `set-${name}`, min: low, max: high, step, value: shown, "aria-describedby": `help-${name}`,
      "aria-valuetext": write(shown),
      oninput: ({ target }) => {
        const value = Number(target.value);
        setText(output, write(value));
        setAttribute(input, "aria-valuetext", write(value));
        this.#settings.setHandling(name, name === "soft_drop" && value === high ? INSTANT : value);
      },
    });
    return make("div", { class: "field" },
      make("label", { class: "speed", for: `set-${name}` }, make("span", {}, title), input, output),
      make("p", { class: "fine", id: `help-${name}` }, `${help} Default: ${write(HANDLING[name])}.`));
  }

  #reset() {
    this.#settings.reset();
    this.#fill();
    find("#reset-keys").focus();
    announce("Keys and repeats are as they were.");
  }
}
