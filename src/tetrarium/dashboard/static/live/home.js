// @ts-check
// Runs and demos of the home, as the server lists them.

import { Emitter } from "../common/emitter.js";
import { api } from "./api.js";

/** @typedef {import("./api.js").Run} Run */
/** @typedef {import("./api.js").Demo} Demo */
/** @typedef {import("./api.js").Target} Target */

const RETRY_MS = 2_000;

/**
 * @typedef {object} View a watched run or demo
 * @property {"run" | "demo"} kind
 * @property {string} name of a run, or id of a demo
 * @property {string} title
 * @property {string} state
 * @property {string} [message]
 * @property {string} [error]
 * @property {string} [agent] agent of a demo
 * @property {number} [step]
 * @property {number} [total_steps]
 * @property {number} [seconds]
 * @property {string | null} [preset]
 * @property {string} [algorithm]
 * @property {number} [seed]
 * @property {string | null} [started]
 * @property {string} [place] cluster whose workers train a run
 * @property {number | null} [training_mean]
 * @property {number | null} [evaluated_seconds]
 * @property {number | null} [best_lines_game]
 * @property {number | null} [games_ended]
 */

/** @extends {Emitter<{ listed: Run[] }>} "listed" carries the runs that have started since the list before */
export class Home extends Emitter {
  /** @type {Run[] | null} */
  runs = null; // newest first; null until the server has answered
  /** @type {Demo[]} */
  demos = [];
  /** @type {Promise<void> | null} */
  #refreshing = null;
  /** @type {Promise<void> | null} */
  #next = null;

  /**
   * Lists again, until the server has answered. A call during a request waits for a further one, since the first may
   * have missed something.
   *
   * @returns {Promise<void>}
   */
  refresh() {
    if (!this.#refreshing) {
      this.#refreshing = this.#list().finally(() => {
        this.#refreshing = null;
      });
      return this.#refreshing;
    }
    this.#next ??= this.#refreshing.then(() => {
      this.#next = null;
      return this.refresh();
    });
    return this.#next;
  }

  async #list() {
    const known = this.runs && new Set(this.runs.map(({ name }) => name));
    let answers;
    while (!answers) {
      try {
        answers = await Promise.all([api.runs(), api.demos()]);
      } catch {
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS)); // the live socket reports a lost connection
      }
    }
    const [listed, demos] = answers;
    const runs = listed.filter(({ state }) => state !== "damaged");
    this.runs = runs;
    this.demos = demos.filter(({ seats }) => seats.length === 0); // demo tables belong to the page of models
    this.emit("listed", known ? runs.filter((run) => run.is_alive && !known.has(run.name)) : []);
  }

  /**
   * Returns a listed run or demo, or null.
   *
   * @param {Target | null} target
   * @returns {View | null}
   */
  find(target) {
    if (!target) return null;
    if (target.kind === "run") {
      const run = this.runs?.find(({ name }) => name === target.name);
      return run ? { ...run, kind: "run", title: run.name } : null;
    }
    const demo = this.demos.find(({ id }) => id === target.name);
    return demo ? { ...demo, kind: "demo", name: demo.id, title: `Demo: ${demo.agent || demo.id}` } : null;
  }

  /**
   * Returns the name of the run whose curves belong to a target: the run itself, or the one whose agent plays.
   *
   * @param {Target | null} target
   */
  runOf(target) {
    if (target?.kind !== "demo") return target?.name ?? null;
    const name = this.find(target)?.agent?.split("@")[0];
    return name !== undefined && this.runs?.some((run) => run.name === name) ? name : null;
  }

  /**
   * Returns an active demo of a run's agent, or null.
   *
   * @param {string} name
   */
  demoOf(name) {
    const isOfRun = (/** @type {Demo} */ { agent, is_alive: isAlive, shared: isShared }) =>
      isAlive && !isShared && agent.split("@")[0] === name;
    return this.demos.find(isOfRun) ?? null;
  }

  /**
   * The run or demo that moves: an active run, else a demo that is not shared; null if there is none.
   *
   * @returns {Target | null}
   */
  get moving() {
    const run = this.runs?.find(({ is_alive: isAlive }) => isAlive);
    if (run) return { kind: "run", name: run.name };
    const demo = this.demos.find(({ is_alive: isAlive, shared: isShared }) => isAlive && !isShared);
    return demo ? { kind: "demo", name: demo.id } : null;
  }

  /** The newest run; null without runs. */
  get latest() {
    return this.runs?.[0] ?? null;
  }

  /**
   * Returns the run whose curves belong to a target, or null.
   *
   * @param {Target | null} target
   */
  runView(target) {
    const name = this.runOf(target);
    return this.runs?.find((run) => run.name === name) ?? null;
  }
}
