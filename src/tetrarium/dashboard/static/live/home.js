// The runs and demos of the home, as the server lists them.

import { api } from "./api.js";

export class Home extends EventTarget {
  runs = null; // newest first; null until the server has told them
  players = [];
  #refreshing = null;
  #next = null;

  /** Asks the server again. Whoever asks during a call is answered by a further one: the first may know too little. */
  refresh() {
    if (!this.#refreshing) {
      this.#refreshing = this.#read().finally(() => (this.#refreshing = null));
      return this.#refreshing;
    }
    this.#next ??= this.#refreshing.then(() => {
      this.#next = null;
      return this.refresh();
    });
    return this.#next;
  }

  async #read() {
    const seen = this.runs && new Set(this.runs.map(({ name }) => name));
    try {
      const [runs, players] = await Promise.all([api.runs(), api.players()]);
      this.runs = runs;
      this.players = players.filter(({ seats }) => seats.length === 0); // tables are shown on the page of models
    } catch {
      return; // the socket says that the connection is lost, and asks again when it is back
    }
    const fresh = seen ? this.runs.filter((run) => run.is_alive && !seen.has(run.name)) : [];
    this.dispatchEvent(new CustomEvent("listed", { detail: fresh }));
  }

  /** What is known of a run or demo, with its kind and title; null if there is none. */
  find(target) {
    if (!target) return null;
    if (target.kind === "run") {
      const run = this.runs?.find(({ name }) => name === target.name);
      return run ? { ...run, kind: "run", title: run.name } : null;
    }
    const player = this.players.find(({ id }) => id === target.name);
    return player ? { ...player, kind: "player", title: `Demo: ${player.what}` } : null;
  }

  /** The run whose curves belong to a target: the run itself, or the one whose agent plays. */
  runOf(target) {
    if (target?.kind !== "player") return target?.name ?? null;
    const what = this.find(target)?.what?.split("@")[0];
    return this.runs?.some(({ name }) => name === what) ? what : null;
  }

  /** A demo under way in which a run's agent plays, or null. */
  demoOf(name) {
    return this.players.find(({ what, is_alive: isAlive }) => isAlive && what.split("@")[0] === name) ?? null;
  }

  /** What to watch where nobody chose: a run that lives, else the newest; null where there is none. */
  get first() {
    return this.runs.find(({ is_alive: isAlive }) => isAlive) ?? this.runs[0] ?? null;
  }
}
