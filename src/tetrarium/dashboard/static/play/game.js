// @ts-check
// Client of the human game of this tab: its process, its live socket, and its newest event.

import { Emitter } from "../common/emitter.js";
import { LiveSocket } from "../common/live-socket.js";
import { readStorage, writeStorage } from "../common/storage.js";
import { api } from "./api.js";

/** @typedef {Partial<import("./api.js").GameOptions>} OptionChanges */

const STORAGE_KEY = "tetrarium-human-game"; // of this tab: a reloaded page continues its game
const ENDED = ["failed", "crashed", "stopped"]; // states of the game's process
const WITHOUT_COMMANDS = ["none", "starting", ...ENDED]; // phases

/** @extends {Emitter<{ change: null, shown: HumanGameShown, opponent: BoardShown, refused: string }>} */
export class Game extends Emitter {
  #settings;
  #socket = new LiveSocket();
  #keyNumber = 0; // of the latest key press
  /** @type {string | null} */
  id = null;
  isStarting = false;
  error = "";
  /** @type {HumanGameShown | null} */
  shown = null;
  state = ""; // of the process

  /** @param {Pick<import("./settings.js").Settings, "gameOptions">} settings */
  constructor(settings) {
    super();
    this.#settings = settings;
    this.#socket.on("event", (sourced) => this.#receive(sourced));
    this.#socket.on("state", () => this.emit("change", null));
    this.#socket.on("refused", (message) => this.emit("refused", message));
  }

  /** "none", "lost", "starting", a state of the ended process, or a phase of the game. */
  get phase() {
    if (this.isStarting) return "starting";
    if (!this.id) return "none";
    if (this.#socket.state === "lost") return "lost";
    if (this.state === "stopping") return "stopped";
    if (ENDED.includes(this.state)) return this.state;
    return this.shown?.phase ?? "starting";
  }

  get isPlaying() {
    return this.phase === "playing";
  }

  /** Continues the game of this tab, if it is still there. */
  async restore() {
    const id = readStorage(STORAGE_KEY, { inTab: true });
    if (!id) return;
    const isThere = (await api.humanGames()).some((game) => game.id === id && game.is_alive);
    if (isThere) this.#watch(id);
    else writeStorage(STORAGE_KEY, null, { inTab: true });
    this.emit("change", null);
  }

  /**
   * Starts a new game, with a new process if there is none.
   *
   * @param {OptionChanges} [changes] for this game alone
   */
  async startNew(changes = {}) {
    const options = { ...this.#settings.gameOptions, ...changes };
    if (this.id && !["none", ...ENDED].includes(this.phase)) await api.command(this.id, "new-game", options);
    else await this.#startProcess(options);
  }

  /** @param {import("./api.js").GameOptions} options */
  async #startProcess(options) {
    if (this.isStarting) return;
    this.isStarting = true;
    this.error = "";
    this.emit("change", null);
    try {
      this.#watch((await api.start(options)).id);
    } catch (error) {
      this.error = error.message;
      throw error;
    } finally {
      this.isStarting = false;
      this.emit("change", null);
    }
  }

  pause() {
    return this.#command("pause");
  }

  resume() {
    return this.#command("resume");
  }

  /**
   * Changes options that apply at once.
   *
   * @param {OptionChanges} values
   */
  change(values) {
    return this.#command("change", values);
  }

  /**
   * @param {"pause" | "resume" | "change"} command
   * @param {object} [values]
   */
  async #command(command, values) {
    if (this.id && !WITHOUT_COMMANDS.includes(this.phase)) await api.command(this.id, command, values);
  }

  /**
   * Sends a key that went down or up.
   *
   * @param {string} key
   * @param {boolean} isDown
   * @param {number} at seconds since 1970
   * @returns {number} number of the latest key press, to which events refer
   */
  press(key, isDown, at) {
    if (isDown) this.#keyNumber += 1;
    const event = isDown ? { key, down: true, at, number: this.#keyNumber } : { key, down: false, at };
    this.#socket.send({ keys: [event] });
    return this.#keyNumber;
  }

  /** @param {string} id */
  #watch(id) {
    this.id = id;
    this.shown = null;
    this.state = "";
    writeStorage(STORAGE_KEY, id, { inTab: true });
    this.#socket.watch({ kind: "human-game", name: id });
  }

  /** @param {import("../common/live-socket.js").SourcedEvent} sourced */
  #receive({ source, event }) {
    if (source !== `human-game/${this.id}`) return;
    if (event.kind === "human-game-shown") {
      this.shown = event;
      this.emit("shown", event);
    } else if (event.kind === "board-shown") {
      this.emit("opponent", event);
    } else if (event.kind === "state-changed") {
      this.state = event.state;
      if (event.state === "failed") this.error = event.message;
      this.emit("change", null);
    }
  }
}
