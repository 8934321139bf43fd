// The game under way: its process, the socket to it, and what the newest message says of it.

import { LiveLink } from "../common/link.js";
import { keep, recall } from "../common/memory.js";
import { api } from "./api.js";

const KEPT = "tetrarium-hand"; // of this tab: a page that is loaded again goes on with its game

/** Tells of itself by the events "change", "shown" and "rival". */
export class Game extends EventTarget {
  #settings;
  #link;
  #number = 0; // of the latest key press
  id = null;
  isStarting = false;
  error = "";
  shown = null;
  state = ""; // of the worker

  constructor(settings) {
    super();
    this.#settings = settings;
    this.#link = new LiveLink();
    this.#link.addEventListener("event", ({ detail }) => this.#hear(detail));
    this.#link.addEventListener("link", () => this.#tell("change"));
    this.#link.addEventListener("refused", ({ detail }) => this.dispatchEvent(new CustomEvent("refused", { detail })));
  }

  get link() {
    return this.#link.state;
  }

  /** "none", "lost", "starting", "failed", or a phase of the game. */
  get phase() {
    if (this.isStarting) return "starting";
    if (!this.id) return "none";
    if (this.link === "lost") return "lost";
    if (["failed", "dead", "stopped", "stopping"].includes(this.state)) return this.state === "stopping" ? "stopped" : this.state;
    return this.shown?.phase ?? "starting";
  }

  get isPlaying() {
    return this.phase === "playing";
  }

  /** Goes on with the game that this tab had, if it is still there. */
  async find() {
    const id = recall(KEPT, { isOfTab: true });
    if (!id) return;
    const hand = (await api.hands()).find((one) => one.id === id && one.is_alive);
    if (hand) this.#watch(id);
    else keep(KEPT, null, { isOfTab: true });
    this.#tell("change");
  }

  /** Starts the game's process; `changes` are wishes for its first game alone. */
  async start(changes = {}) {
    if (this.isStarting) return;
    this.isStarting = true;
    this.error = "";
    this.#tell("change");
    try {
      this.#watch((await api.begin({ ...this.#settings.wishes, ...changes })).id);
    } catch (error) {
      this.error = error.message;
      throw error;
    } finally {
      this.isStarting = false;
      this.#tell("change");
    }
  }

  /** Begins a new game; `changes` are wishes for this one alone. */
  async again(changes = {}) {
    if (!this.id || ["none", "failed", "dead", "stopped"].includes(this.phase)) await this.start(changes);
    else await api.command(this.id, "begin", { ...this.#settings.wishes, ...changes });
  }

  pause() {
    return this.#command("pause");
  }

  resume() {
    return this.#command("resume");
  }

  change(values) {
    return this.#command("change", values);
  }

  async #command(command, values) {
    if (this.id && !["none", "starting", "failed", "dead", "stopped"].includes(this.phase)) await api.command(this.id, command, values);
  }

  /** A key that went down or up; returns the number of a press, by which messages name it. */
  press(key, isDown, at) {
    if (isDown) this.#number += 1;
    const told = isDown ? { key, down: true, at, number: this.#number } : { key, down: false, at };
    this.#link.send({ keys: [told] });
    return this.#number;
  }

  #watch(id) {
    this.id = id;
    this.shown = null;
    this.state = "";
    keep(KEPT, id, { isOfTab: true });
    this.#link.watch({ kind: "hand", name: id });
  }

  #hear({ source, event }) {
    if (source !== `hand/${this.id}`) return;
    if (event.kind === "hand-shown") {
      this.shown = event;
      this.#tell("shown");
    } else if (event.kind === "board-shown") {
      this.dispatchEvent(new CustomEvent("rival", { detail: event }));
    } else if (event.kind === "state-changed") {
      this.state = event.state;
      if (event.state === "failed") this.error = event.message;
      this.#tell("change");
    }
  }

  #tell(kind) {
    this.dispatchEvent(new CustomEvent(kind));
  }
}
