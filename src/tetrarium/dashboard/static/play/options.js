// @ts-check
// Form of the game's options: mode, level, seed, opponent and advice. They apply to the next game, except for the
// opponent's pace and the advice, which change at once.

import { agentOptions } from "../common/agent-options.js";
import { find, findAllInputs, findButton, findInput, findSelect, make, setAttribute, setText } from "../common/dom.js";
import { makeFilter } from "../common/list-filter.js";
import { readMeta } from "../common/meta.js";
import { parseOptionalWhole } from "../common/setting-input.js";
import { api } from "./api.js";

/** @typedef {import("./settings.js").Settings} Settings */
/** @typedef {import("./settings.js").GameSettings} GameSettings */
/** @typedef {import("../common/agent-options.js").Agent} Agent */

const MIN_PACE = 0.2; // pieces per second, at the left end of the slider
const MAX_PACE = 10;

/** @param {number} position from 0 to 100 */
const paceAt = (position) => Number((MIN_PACE * (MAX_PACE / MIN_PACE) ** (position / 100)).toPrecision(2));

/** @param {number} pace */
const positionOf = (pace) => Math.round((100 * Math.log(pace / MIN_PACE)) / Math.log(MAX_PACE / MIN_PACE));

export class Options {
  #root;
  #settings;
  #onChange;
  /** @type {import("../common/meta.js").Meta["human_game_modes"]} */
  #modes = []; // empty until they are loaded

  /**
   * @param {HTMLElement} root the page's main element
   * @param {Settings} settings
   * @param {(isForNextGame: boolean) => void} onChange
   */
  constructor(root, settings, onChange) {
    this.#root = root;
    this.#settings = settings;
    this.#onChange = onChange;
    const level = findSelect("#first-level", this.#root);
    const opponent = findSelect("#opponent", this.#root);
    const advice = findSelect("#advice", this.#root);
    this.#show();
    find("#options", this.#root).addEventListener("submit", (event) => event.preventDefault());
    readMeta().then(
      ({ limits, human_game_modes: modes }) => {
        this.#modes = modes;
        this.#showMode();
        const levels = Array.from({ length: limits.max_level }, (_, k) => k + 1);
        level.replaceChildren(...levels.map((number) => make("option", { value: number }, String(number))));
        level.value = String(settings.game.level);
      },
      () => {}, // the game starts at the stored level
    );
    for (const radio of findAllInputs('input[name="mode"]', this.#root)) {
      const mode = /** @type {GameSettings["mode"]} */ (radio.value);
      radio.addEventListener("change", () => this.#set({ mode }, true));
    }
    level.addEventListener("change", () => this.#set({ level: Number(level.value) }, true));
    find("#seed", this.#root).addEventListener("change", () => this.#readSeed());
    opponent.addEventListener("change", () => this.#set({ opponent: opponent.value || null }, true));
    advice.addEventListener("change", () => this.#set({ advice: advice.value || null }, false));
    find("#pace", this.#root).addEventListener("input", () => this.#readPace());
    find("#match-speed", this.#root).addEventListener("change", () => this.#readPace());
  }

  /** Fills the lists of agents; a chosen agent that is gone is deselected. */
  async loadAgents() {
    const agents = await api.agents();
    this.#fillAgents("opponent", "none", agents);
    this.#fillAgents(
      "advice",
      "off",
      agents.filter(({ name }) => name !== "random"),
    );
    this.#show();
  }

  /**
   * @param {"opponent" | "advice"} option
   * @param {string} none label of no agent
   * @param {Agent[]} agents
   */
  #fillAgents(option, none, agents) {
    const select = findSelect(`#${option}`, this.#root);
    select.replaceChildren(make("option", { value: "" }, none), ...agentOptions(agents));
    select.previousElementSibling?.closest(".list-filter")?.remove();
    select.before(makeFilter(`Find an agent: ${option}`, select));
    if (!agents.some(({ name }) => name === this.#settings.game[option])) this.#settings.setGame({ [option]: null });
    select.value = this.#settings.game[option] ?? "";
  }

  /**
   * Shows the seed of the current game.
   *
   * @param {number | undefined} seed
   */
  showSeed(seed) {
    setText(
      find("#seed-now", this.#root),
      seed === undefined ? "The same seed brings the same pieces." : `This game: seed ${seed}.`,
    );
    findButton("#replay-seed", this.#root).disabled = seed === undefined;
  }

  /** @param {string} text */
  showNote(text) {
    setText(find("#options-note", this.#root), text);
  }

  #show() {
    const { mode, level, seed, opponent, pace } = this.#settings.game;
    for (const radio of findAllInputs('input[name="mode"]', this.#root)) radio.checked = radio.value === mode;
    this.#showMode();
    findSelect("#first-level", this.#root).value = String(level);
    findInput("#seed", this.#root).value = seed === null ? "" : String(seed);
    find("#pace-part", this.#root).hidden = !opponent;
    findInput("#match-speed", this.#root).checked = pace === null;
    if (pace !== null) findInput("#pace", this.#root).value = String(positionOf(pace));
    this.#showPace();
  }

  #showMode() {
    const mode = this.#modes.find(({ name }) => name === this.#settings.game.mode);
    setText(find("#mode-help", this.#root), mode?.meaning ?? "");
  }

  #showPace() {
    const { pace } = this.#settings.game;
    findInput("#pace", this.#root).disabled = pace === null;
    setText(find("#pace-value", this.#root), pace === null ? "yours" : String(pace));
    setAttribute(
      find("#pace", this.#root),
      "aria-valuetext",
      pace === null ? "your speed" : `${pace} pieces per second`,
    );
  }

  /**
   * @param {Partial<GameSettings>} changes
   * @param {boolean} isForNextGame
   */
  #set(changes, isForNextGame) {
    this.#settings.setGame(changes);
    this.#show();
    this.#onChange(isForNextGame);
  }

  #readPace() {
    const pace = findInput("#match-speed", this.#root).checked
      ? null
      : paceAt(Number(findInput("#pace", this.#root).value));
    this.#settings.setGame({ pace });
    this.#showPace();
    this.#onChange(false);
  }

  async #readSeed() {
    const input = findInput("#seed", this.#root);
    let message = "";
    try {
      const { limits } = await readMeta();
      this.#set({ seed: parseOptionalWhole("A seed", input.value, 0, limits.max_seed) }, true);
    } catch (error) {
      ({ message } = error);
    }
    setAttribute(input, "aria-invalid", message ? "true" : null);
    setText(find("#seed-error", this.#root), message);
  }
}
