// @ts-check
// Analysis of one game by one advisor: started as a job, polled until it is done, its positions loaded when needed.

import { Emitter } from "../common/emitter.js";
import { api } from "./api.js";

/** @typedef {import("./api.js").AnalysisState} AnalysisState */
/** @typedef {import("./api.js").PositionAnalysis} PositionAnalysis */

const POLL_MS = 250;
const NO_GRAPH = { best: [], played: [], drop: [], mistakes: [], spread: 0 };
const N_LOADED = 60; // positions at once
const ENDED = ["finished", "failed", "canceled", "crashed", "damaged"];

/** @extends {Emitter<{ change: AnalysisState, positions: null, failed: string }>} */
export class Analysis extends Emitter {
  #id = "";
  #isClosed = false;
  /** @type {AnalysisState | null} */
  #state = null;
  /** @type {Map<number, PositionAnalysis>} */
  #positions = new Map();
  #loading = -1; // first position of the request under way

  /** @returns {AnalysisState | null} */
  get state() {
    return this.#state;
  }

  get isDone() {
    return this.#state?.state === "finished";
  }

  /** @param {{ game: string, advisor: string, first: number }} options */
  async start(options) {
    try {
      const { id } = await api.analyze(options);
      this.#id = id;
      if (this.#isClosed) this.close();
      await this.#poll();
    } catch (error) {
      if (!this.#isClosed) this.emit("failed", /** @type {Error} */ (error).message);
    }
  }

  async #poll() {
    while (!this.#isClosed) {
      const progress = await api.analysis(this.#id, this.#state?.n_valued ?? -1);
      if (this.#isClosed) break;
      const state = { ...progress, graph: progress.graph ?? this.#state?.graph ?? NO_GRAPH };
      const isNew = state.n_ahead !== this.#state?.n_ahead || state.n_valued !== this.#state?.n_valued;
      this.#state = state;
      if (isNew) for (const [k, { best }] of this.#positions) if (!best[0]?.ahead.length) this.#positions.delete(k);
      this.emit("change", state);
      if (ENDED.includes(state.state)) {
        if (state.state !== "finished") this.emit("failed", state.message.replace(/^Failed: /, ""));
        return;
      }
      await new Promise((done) => setTimeout(done, POLL_MS));
    }
  }

  /** Ends an analysis that is no longer shown. */
  close() {
    this.#isClosed = true;
    if (this.#id) api.deleteJob(this.#id).catch(() => {}); // the oldest jobs are deleted anyway
  }

  /**
   * Returns the analysis of a position, or null until it is loaded.
   *
   * @param {number} position
   * @returns {PositionAnalysis | null}
   */
  at(position) {
    const known = this.#positions.get(position) ?? null;
    if (!known && this.#state?.n_valued) this.#load(Math.max(0, position - N_LOADED / 2));
    return known;
  }

  /** @param {number} first */
  async #load(first) {
    if (this.#loading >= 0 || this.#isClosed) return;
    this.#loading = first;
    try {
      const before = this.#positions.size;
      for (const one of await api.positions(this.#id, first, N_LOADED)) this.#positions.set(one.position, one);
      this.#loading = -1;
      if (this.#positions.size > before) this.emit("positions", null);
    } catch {
      this.#loading = -1; // the next state is asked for anyway
    }
  }
}
