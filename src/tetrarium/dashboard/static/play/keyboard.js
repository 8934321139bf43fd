// @ts-check
// Keys and touch buttons of the game, each with the time of its press and release; the game itself repeats held keys.

import { find, findAll } from "../common/dom.js";

/** @typedef {import("./settings.js").Settings} Settings */
/** @typedef {"pause" | "again"} PageAction keys that the page handles */
/** @typedef {(key: string, isDown: boolean, at: number) => void} KeyListener `at` in seconds since 1970 */

/**
 * Returns the time of an event in seconds since 1970, by a monotonic clock.
 *
 * @param {{ timeStamp: number }} event
 */
const timeOf = ({ timeStamp }) => (performance.timeOrigin + timeStamp) / 1000;

export class Keyboard {
  #root;
  #settings;
  #onKey;
  #onAction;
  /** @type {Map<string, string>} */
  #held = new Map(); // action by key code or pointer

  /**
   * @param {HTMLElement} root the page's main element
   * @param {Settings} settings
   * @param {{ onKey: KeyListener, onAction: (action: PageAction) => void }} listeners
   */
  constructor(root, settings, { onKey, onAction }) {
    this.#root = root;
    this.#settings = settings;
    this.#onKey = onKey;
    this.#onAction = onAction;
    document.addEventListener("keydown", (event) => this.#keyDown(event), { capture: true });
    document.addEventListener("keyup", (event) => this.#keyUp(event), { capture: true });
    for (const button of findAll("#touch [data-key]", this.#root)) this.#listenToTouch(button);
  }

  /** Releases all held keys. */
  releaseAll() {
    const at = timeOf({ timeStamp: performance.now() });
    for (const action of this.#held.values()) this.#onKey(action, false, at);
    this.#held.clear();
    for (const button of findAll("#touch .down", this.#root)) button.classList.remove("down");
  }

  /** @param {KeyboardEvent} event */
  #keyDown(event) {
    if (event.isComposing || event.metaKey || document.querySelector("dialog[open]") || !isFocusOnGame()) return;
    const action = event.code === "Escape" ? "pause" : this.#settings.actionOf(event.code);
    if (!action || (event.altKey && !event.code.startsWith("Alt"))) return;
    if (event.ctrlKey && !event.code.startsWith("Control") && !this.#holdsControl()) return; // shortcut of the browser
    event.preventDefault();
    event.stopImmediatePropagation(); // the page may have a shortcut with the same letter
    if (event.repeat || this.#held.has(event.code)) return;
    if (action === "pause" || action === "again") {
      this.#onAction(action);
      return;
    }
    this.#held.set(event.code, action);
    this.#onKey(action, true, timeOf(event));
  }

  /** Returns whether a Control key is held as a key of the game. */
  #holdsControl() {
    return [...this.#held.keys()].some((code) => code.startsWith("Control"));
  }

  /** @param {KeyboardEvent} event */
  #keyUp(event) {
    const action = this.#held.get(event.code);
    if (!action) return;
    this.#held.delete(event.code);
    this.#onKey(action, false, timeOf(event));
  }

  /** @param {HTMLElement} button */
  #listenToTouch(button) {
    const action = button.dataset.key ?? "";
    const press = (/** @type {PointerEvent} */ event) => {
      event.preventDefault(); // keeps the focus on the game
      button.setPointerCapture(event.pointerId);
      button.classList.add("down");
      this.#held.set(`pointer ${event.pointerId}`, action);
      this.#onKey(action, true, timeOf(event));
    };
    const release = (/** @type {PointerEvent} */ event) => {
      if (!this.#held.delete(`pointer ${event.pointerId}`)) return;
      button.classList.remove("down");
      this.#onKey(action, false, timeOf(event));
    };
    button.addEventListener("pointerdown", press);
    button.addEventListener("pointerup", release);
    button.addEventListener("pointercancel", release);
    button.addEventListener("lostpointercapture", release);
    button.addEventListener("contextmenu", (event) => event.preventDefault());
    button.addEventListener("click", (event) => {
      if (event.detail !== 0) return; // a pointer's click; Enter and Space have no detail
      this.#onKey(action, true, timeOf(event));
      this.#onKey(action, false, timeOf(event));
    });
  }
}

/** Returns whether keys go to the game: nothing else on the page has the focus. */
export function isFocusOnGame() {
  const focused = document.activeElement;
  return !focused || focused === document.body || focused === find("#playfield") || focused.id === "content";
}
