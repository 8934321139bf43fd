// What a player has set: keys, how held keys repeat, and the game wanted; kept in the browser.

import { keep, recall } from "../common/memory.js";

const KEPT = "tetrarium-play";

/** What keys do, in the order in which they are listed. */
export const ACTIONS = [
  ["left", "Left"], ["right", "Right"], ["soft drop", "Soft drop"], ["hard drop", "Hard drop"],
  ["clockwise", "Turn right"], ["counter-clockwise", "Turn left"], ["hold", "Hold"],
  ["pause", "Pause"], ["again", "New game"],
];

/** Two keys for each action, as KeyboardEvent.code names them; null where there is none. */
const KEYS = {
  left: ["ArrowLeft", null], right: ["ArrowRight", null], "soft drop": ["ArrowDown", null], "hard drop": ["Space", null],
  clockwise: ["ArrowUp", "KeyX"], "counter-clockwise": ["KeyZ", null], hold: ["KeyC", "ShiftLeft"],
  pause: ["KeyP", null], again: ["KeyR", null],
};

export const HANDLING = { das_ms: 167, arr_ms: 33, soft_drop: 20 };
const GAME = { mode: "marathon", level: 1, seed: null, opponent: null, pace: 1, advice: null };

export class Settings extends EventTarget {
  keys = structuredClone(KEYS);
  handling = { ...HANDLING };
  game = { ...GAME };

  constructor() {
    super();
    try {
      const kept = JSON.parse(recall(KEPT) ?? "{}");
      for (const [action, codes] of Object.entries(kept.keys ?? {})) {
        if (action in KEYS && Array.isArray(codes)) this.keys[action] = [0, 1].map((place) => asCode(codes[place]));
      }
      for (const name of Object.keys(HANDLING)) this.handling[name] = asNumber(kept.handling?.[name], HANDLING[name]);
      for (const name of Object.keys(GAME)) if (kept.game && name in kept.game) this.game[name] = kept.game[name];
    } catch {
      // what cannot be read is as ever
    }
  }

  /** Everything that a new game is made of, as the server takes it. */
  get wishes() {
    return { ...this.game, handling: { ...this.handling } };
  }

  /** What a key does, or undefined. */
  actionOf(code) {
    return Object.keys(this.keys).find((action) => this.keys[action].includes(code));
  }

  /** Gives a key to an action; whatever had it before loses it, and is returned. */
  setKey(action, place, code) {
    const before = code === null ? undefined : this.actionOf(code);
    if (before) this.keys[before] = this.keys[before].map((other) => (other === code ? null : other));
    this.keys[action][place] = code;
    this.#keep("keys");
    return before === action ? undefined : before;
  }

  setHandling(name, value) {
    this.handling[name] = value;
    this.#keep("handling");
  }

  setGame(changes) {
    Object.assign(this.game, changes);
    this.#keep("game");
  }

  /** Keys and repeats as they come. */
  reset() {
    this.keys = structuredClone(KEYS);
    this.handling = { ...HANDLING };
    this.#keep("keys");
    this.#keep("handling");
  }

  #keep(part) {
    keep(KEPT, JSON.stringify({ keys: this.keys, handling: this.handling, game: this.game }));
    this.dispatchEvent(new CustomEvent("change", { detail: part }));
  }
}

const asCode = (value) => (typeof value === "string" && value.length < 40 ? value : null);

const asNumber = (value, otherwise) =>
  typeof value === "number" && value >= 0 && value <= 1000 ? value : otherwise;

const SHOWN = {
  ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", ControlLeft: "Ctrl left", ControlRight: "Ctrl right",
  ShiftLeft: "Shift left", ShiftRight: "Shift right", AltLeft: "Alt left", AltRight: "Alt right",
};
let layout = null;

/** Learns what is printed on the keys, where the browser tells. */
export async function readLayout() {
  try {
    layout = await navigator.keyboard?.getLayoutMap?.();
  } catch {
    layout = null; // then keys are named as on an English keyboard
  }
}

/** A key as people call it. */
export function keyName(code) {
  if (code === null) return "–";
  if (SHOWN[code]) return SHOWN[code];
  const printed = layout?.get(code);
  return printed ? printed.toUpperCase() : code.replace(/^(Key|Digit)/, "").replace(/^Numpad/, "Num ");
}
