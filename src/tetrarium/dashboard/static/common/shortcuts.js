// Keys for everything, and the panel that lists them and says what the numbers mean.

import { find, make } from "./dom.js";
import { keep, recall } from "./memory.js";
import { panelHead } from "./panels.js";

const KEPT = "tetrarium-keys";
const REPEATED = ["+", "-", "ArrowLeft", "ArrowRight"]; // act again and again while they are held

export class Shortcuts {
  #keys;
  #numbers;
  #others;
  #dialog = find("#help-panel");
  #areOn = recall(KEPT) !== "off";

  /**
   * `keys` is a list of [key, meaning, action]; a key is what KeyboardEvent.key says. `numbers` is a list of
   * [term, meaning] for what the page shows; `others` one of [keys, meaning] for what acts on a part of it alone.
   */
  constructor(keys, { numbers = [], others = [] } = {}) {
    this.#keys = [...keys, ["?", "these keys", () => this.open()]];
    this.#numbers = numbers;
    this.#others = others;
    document.addEventListener("keydown", (event) => this.#press(event));
    find("#help").addEventListener("click", () => this.open());
  }

  #press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector("dialog[open]")) return;
    if (event.target.closest?.('input[type="text"], input[type="search"], select, textarea')) return;
    if (event.key === " " && event.target.closest?.('button, a, summary, input:not([type="range"])')) return;
    const pressed = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const found = this.#keys.find(([key]) => key === pressed);
    if (!found || (!this.#areOn && pressed !== "?")) return;
    event.preventDefault();
    if (event.repeat && !REPEATED.includes(pressed)) return;
    found[2]();
  }

  open() {
    const list = (rows, write, look = null) => make("dl", { class: look }, rows.map(([term, meaning]) => make("div", {}, make("dt", {}, write(term)), make("dd", {}, meaning))));
    const switchBox = make("input", { type: "checkbox", role: "switch", checked: this.#areOn, onchange: (event) => this.#turn(event.target.checked) });
    this.#dialog.replaceChildren(
      panelHead(this.#dialog, "help-title", "Keys and numbers"),
      make("div", { class: "panel-body", tabindex: 0, role: "region", "aria-label": "Keys and numbers" },
        list(this.#keys, (key) => make("kbd", {}, key === " " ? "Space" : key.toUpperCase()), "keys"),
        this.#others.length ? list(this.#others, (keys) => make("kbd", {}, keys)) : null,
        make("label", { class: "switch" }, switchBox, make("span", { class: "track", "aria-hidden": "true" }), "Single keys act"),
        this.#numbers.length ? make("h2", {}, "Numbers") : null,
        list(this.#numbers, (term) => term)));
    this.#dialog.showModal();
  }

  #turn(on) {
    this.#areOn = on;
    keep(KEPT, on ? "on" : "off");
  }
}
