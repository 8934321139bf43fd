// @ts-check
// Settings of a person who plays: keys, their repeats, and the options of the next game. The browser stores them.

import { valueInHash } from "../common/address.js";
import { Emitter } from "../common/emitter.js";
import { FACTS } from "../common/facts.js";
import { readStorage, writeStorage } from "../common/storage.js";

const STORAGE_KEY = "tetrarium-play";
const AGAINST = "against/"; // address that selects the opponent
const MAX_CODE_LENGTH = 40;
const MAX_HANDLING = 1000;

/** @typedef {[first: string | null, second: string | null]} KeyPair codes as KeyboardEvent.code names them */
/** @typedef {"das_ms" | "arr_ms" | "soft_drop"} HandlingName */
/** @typedef {import("./api.js").GameOptions} GameOptions */

/**
 * @typedef {object} GameSettings
 * @property {"sprint" | "marathon" | "free"} mode
 * @property {number} level
 * @property {number | null} seed null for a random one
 * @property {string | null} opponent
 * @property {number | null} pace pieces per second of the opponent; null to match the person's speed
 * @property {string | null} advice agent whose placements are shown
 */

/** @type {[action: string, label: string][]} actions of keys, in the order of the panel */
export const ACTIONS = [
  ["left", "Left"],
  ["right", "Right"],
  ["soft drop", "Soft drop"],
  ["hard drop", "Hard drop"],
  ["clockwise", "Rotate right"],
  ["counter-clockwise", "Rotate left"],
  ["hold", "Hold"],
  ["pause", "Pause"],
  ["again", "New game"],
];

/** @type {Record<string, KeyPair>} */
const DEFAULT_KEYS = {
  left: ["ArrowLeft", null],
  right: ["ArrowRight", null],
  "soft drop": ["ArrowDown", null],
  "hard drop": ["Space", null],
  clockwise: ["ArrowUp", "KeyX"],
  "counter-clockwise": ["KeyZ", null],
  hold: ["KeyC", "ShiftLeft"],
  pause: ["KeyP", null],
  again: ["KeyR", null],
};

const { handling, ...DEFAULT_GAME } = FACTS.human_game;

export const DEFAULT_HANDLING = handling;

/** @extends {Emitter<{ change: "keys" | "handling" | "game" }>} "change" carries the part that has changed */
export class Settings extends Emitter {
  keys = structuredClone(DEFAULT_KEYS);
  handling = { ...DEFAULT_HANDLING };
  game = { ...DEFAULT_GAME };

  constructor() {
    super();
    try {
      this.#load(JSON.parse(readStorage(STORAGE_KEY) ?? "{}"));
    } catch {
      // what is stored is damaged: the defaults stay
    }
    this.game.opponent = valueInHash(AGAINST) ?? this.game.opponent;
  }

  /** @param {{ keys?: Record<string, unknown>, handling?: Record<string, unknown>, game?: object }} stored */
  #load({ keys = {}, handling = {}, game = {} }) {
    for (const [action, codes] of Object.entries(keys)) {
      if (action in DEFAULT_KEYS && Array.isArray(codes)) this.keys[action] = [asCode(codes[0]), asCode(codes[1])];
    }
    for (const name of /** @type {HandlingName[]} */ (Object.keys(DEFAULT_HANDLING))) {
      const value = handling[name];
      if (typeof value === "number" && value >= 0 && value <= MAX_HANDLING) this.handling[name] = value;
    }
    const known = Object.entries(game).filter(([name]) => name in DEFAULT_GAME);
    Object.assign(this.game, Object.fromEntries(known));
  }

  /** @returns {GameOptions} all options of a new game, for the server */
  get gameOptions() {
    return { ...this.game, handling: { ...this.handling } };
  }

  /**
   * Returns the action of a key, or undefined.
   *
   * @param {string} code
   */
  actionOf(code) {
    return Object.keys(this.keys).find((action) => this.keys[action].includes(code));
  }

  /**
   * Assigns a key to an action and takes it from the action that had it.
   *
   * @param {string} action
   * @param {number} place 0 or 1
   * @param {string | null} code null clears the place
   * @returns {string | undefined} the other action that lost the key
   */
  setKey(action, place, code) {
    const before = code === null ? undefined : this.actionOf(code);
    if (before)
      this.keys[before] = /** @type {KeyPair} */ (this.keys[before].map((other) => (other === code ? null : other)));
    this.keys[action][place] = code;
    this.#store("keys");
    return before === action ? undefined : before;
  }

  /**
   * @param {HandlingName} name
   * @param {number} value
   */
  setHandling(name, value) {
    this.handling[name] = value;
    this.#store("handling");
  }

  /** @param {Partial<GameSettings>} changes */
  setGame(changes) {
    Object.assign(this.game, changes);
    this.#store("game");
  }

  /** Resets keys and repeats to their defaults. */
  reset() {
    this.keys = structuredClone(DEFAULT_KEYS);
    this.handling = { ...DEFAULT_HANDLING };
    this.#store("keys");
    this.#store("handling");
  }

  /** @param {"keys" | "handling" | "game"} part */
  #store(part) {
    writeStorage(STORAGE_KEY, JSON.stringify({ keys: this.keys, handling: this.handling, game: this.game }));
    this.emit("change", part);
  }
}

/** @param {unknown} value */
const asCode = (value) => (typeof value === "string" && value.length < MAX_CODE_LENGTH ? value : null);

/** @type {Record<string, string>} */
const KEY_NAMES = {
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  ControlLeft: "Ctrl left",
  ControlRight: "Ctrl right",
  ShiftLeft: "Shift left",
  ShiftRight: "Shift right",
  AltLeft: "Alt left",
  AltRight: "Alt right",
};
/** @type {ReadonlyMap<string, string> | undefined} */
let keyboardLayout; // without it, keys have their names on an English keyboard

/** Reads the labels of the keys, in browsers that know them. */
export async function readKeyboardLayout() {
  keyboardLayout = await navigator.keyboard?.getLayoutMap?.().catch(() => undefined);
}

/**
 * Returns the label of a key.
 *
 * @param {string | null} code
 */
export function keyName(code) {
  if (code === null) return "–";
  if (KEY_NAMES[code]) return KEY_NAMES[code];
  const label = keyboardLayout?.get(code);
  return label ? label.toUpperCase() : code.replace(/^(Key|Digit)/, "").replace(/^Numpad/, "Num ");
}
