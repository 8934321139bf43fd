// Keys and touches as they go down and up, each with the time at which it did: repeating is not the browser's doing.

import { find, findAll } from "../common/dom.js";

/** Seconds since 1970 of an event, by a clock that never jumps. */
const timeOf = (event) => (performance.timeOrigin + event.timeStamp) / 1000;

export class Keyboard {
  #settings;
  #press;
  #act;
  #down = new Map(); // what is held: code or pointer, and what it does

  /** `press(key, isDown, at)` hears of game keys, `act(action)` of the others: "pause" and "again". */
  constructor(settings, { press, act }) {
    this.#settings = settings;
    this.#press = press;
    this.#act = act;
    document.addEventListener("keydown", (event) => this.#keyDown(event), { capture: true });
    document.addEventListener("keyup", (event) => this.#keyUp(event), { capture: true });
    for (const button of findAll("#touch [data-key]")) this.#listenToTouch(button);
  }

  /** Takes all that is held for let go. */
  letGo() {
    const at = (performance.timeOrigin + performance.now()) / 1000;
    for (const action of this.#down.values()) this.#press(action, false, at);
    this.#down.clear();
    for (const button of findAll("#touch .down")) button.classList.remove("down");
  }

  #keyDown(event) {
    if (event.isComposing || event.metaKey || document.querySelector("dialog[open]") || !areKeysForTheGame()) return;
    const action = event.code === "Escape" ? "pause" : this.#settings.actionOf(event.code);
    if (!action || (event.altKey && !event.code.startsWith("Alt"))) return;
    if (event.ctrlKey && !event.code.startsWith("Control") && !this.#holdsControl()) return; // the browser's own
    event.preventDefault();
    event.stopImmediatePropagation(); // a letter may be a key of the page too
    if (event.repeat || this.#down.has(event.code)) return;
    if (action === "pause" || action === "again") {
      this.#act(action);
      return;
    }
    this.#down.set(event.code, action);
    this.#press(action, true, timeOf(event));
  }

  /** Whether a control key is held because it plays. */
  #holdsControl() {
    return [...this.#down.keys()].some((code) => code.startsWith("Control"));
  }

  #keyUp(event) {
    const action = this.#down.get(event.code);
    if (!action) return;
    this.#down.delete(event.code);
    this.#press(action, false, timeOf(event));
  }

  #listenToTouch(button) {
    const action = button.dataset.key;
    const lift = (event) => {
      if (!this.#down.delete(`pointer ${event.pointerId}`)) return;
      button.classList.remove("down");
      this.#press(action, false, timeOf(event));
    };
    button.addEventListener("pointerdown", (event) => {
      event.preventDefault(); // the focus stays where keys play
      button.setPointerCapture(event.pointerId);
      button.classList.add("down");
      this.#down.set(`pointer ${event.pointerId}`, action);
      this.#press(action, true, timeOf(event));
    });
    for (const kind of ["pointerup", "pointercancel", "lostpointercapture"]) button.addEventListener(kind, lift);
    button.addEventListener("contextmenu", (event) => event.preventDefault());
    button.addEventListener("click", (event) => {
      if (event.detail !== 0) return; // by Enter or Space
      this.#press(action, true, timeOf(event));
      this.#press(action, false, timeOf(event));
    });
  }
}

/** Keys play while nothing else on the page wants them. */
export function areKeysForTheGame() {
  const focused = document.activeElement;
  return !focused || focused === document.body || focused === find("#field") || focused.id === "content";
}
