// @ts-check
// Keyboard shortcuts of a page, and the help panel that lists them and explains the page's numbers.

import { find, findDialog, make } from "./dom.js";
import { panelHeader } from "./panels.js";
import { readStorage, writeStorage } from "./storage.js";

const STORAGE_KEY = "tetrarium-keys";
const REPEATED = ["+", "-", "ArrowLeft", "ArrowRight"]; // repeat while they are held

/** @typedef {[key: string, meaning: string, action: () => unknown]} Shortcut a key as KeyboardEvent.key names it */
/** @typedef {readonly [term: string, meaning: string]} HelpEntry */

export class Shortcuts {
  #keys;
  #numbers;
  #others;
  #dialog = findDialog("#help-panel");
  #areEnabled = readStorage(STORAGE_KEY) !== "off";

  /**
   * @param {Shortcut[]} keys
   * @param {{ numbers?: HelpEntry[], others?: HelpEntry[] }} [help] meanings of the page's numbers; and keys that work
   *   on a part of the page alone
   */
  constructor(keys, { numbers = [], others = [] } = {}) {
    this.#keys = [...keys, /** @type {Shortcut} */ (["?", "this help", () => this.open()])];
    this.#numbers = numbers;
    this.#others = others;
    document.addEventListener("keydown", (event) => this.#press(event));
    find("#help").addEventListener("click", () => this.open());
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (document.querySelector("dialog[open]")) return;
    const isOn = (/** @type {string} */ selector) => event.target instanceof Element && event.target.closest(selector);
    if (isOn('input[type="text"], input[type="search"], select, textarea')) return;
    if (event.key === " " && isOn('button, a, summary, input:not([type="range"])')) return;
    const pressed = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const shortcut = this.#keys.find(([key]) => key === pressed);
    if (!shortcut || (!this.#areEnabled && pressed !== "?")) return;
    event.preventDefault();
    if (event.repeat && !REPEATED.includes(pressed)) return;
    shortcut[2]();
  }

  open() {
    const input = make("input", {
      type: "checkbox",
      role: "switch",
      checked: this.#areEnabled,
      onchange: ({ currentTarget }) => this.#enable(currentTarget.checked),
    });
    const track = make("span", { class: "track", "aria-hidden": "true" });
    this.#dialog.replaceChildren(
      panelHeader(this.#dialog, "help-title", "Keys and numbers"),
      make(
        "div",
        { class: "panel-body", tabindex: 0, role: "region", "aria-label": "Keys and numbers" },
        make(
          "dl",
          { class: "keys" },
          this.#keys.map(([key, meaning]) => makeEntry(keyElement(key), meaning)),
        ),
        this.#others.length
          ? make(
              "dl",
              {},
              this.#others.map(([keys, meaning]) => makeEntry(make("kbd", {}, keys), meaning)),
            )
          : null,
        make("label", { class: "switch" }, input, track, "Enable keyboard shortcuts"),
        this.#numbers.length ? make("h2", {}, "Numbers") : null,
        make(
          "dl",
          {},
          this.#numbers.map(([term, meaning]) => makeEntry(term, meaning)),
        ),
      ),
    );
    this.#dialog.showModal();
  }

  /** @param {boolean} areEnabled */
  #enable(areEnabled) {
    this.#areEnabled = areEnabled;
    writeStorage(STORAGE_KEY, areEnabled ? "on" : "off");
  }
}

/** @param {string} key */
const keyElement = (key) => make("kbd", {}, key === " " ? "Space" : key.toUpperCase());

/**
 * @param {string | HTMLElement} term
 * @param {string} meaning
 */
const makeEntry = (term, meaning) => make("div", {}, make("dt", {}, term), make("dd", {}, meaning));
