// @ts-check
// State of the live page: what is watched and what is known of it, from the server's answers and live events.

import { valueInHash } from "../common/address.js";
import { prefersReducedMotion } from "../common/dom.js";
import { Emitter } from "../common/emitter.js";
import { formatCount } from "../common/format.js";
import { MAX_POINTS, MetricHistory } from "../common/metric-history.js";
import { CHAMPION } from "../common/preview.js";
import { runColor } from "../common/run-styles.js";
import { announce, runAction, showToast } from "../common/toast.js";
import { api } from "./api.js";
import { awaitOutcome, hasEnded } from "./command-outcome.js";
import { Home } from "./home.js";

/** @typedef {import("../common/live-socket.js").LiveSocket} LiveSocket */
/** @typedef {import("./api.js").Target} Target */
/** @typedef {import("./home.js").View} View */
/** @typedef {{ mode: string, pieces_per_second: number }} Control */

const BOARDS_PER_SECOND = 60;
const BOARDS_PER_SECOND_REDUCED = 4; // with reduced motion
const TRIAL_SUFFIX = /-\d{4,}$/; // of the names of a study's runs

/**
 * @typedef {object} AppEvents
 * @property {null} change something other than boards and curves
 * @property {null} board
 * @property {null} history the curves
 * @property {Target} target something else is watched
 * @property {import("./game-panel.js").BoardShape | null} shape size of the run's board
 * @property {boolean} action-values whether action values are shown
 * @property {WorkerEvent} received an event of what is watched
 */

/** @extends {Emitter<AppEvents & Record<string, unknown>>} */
export class App extends Emitter {
  /** @type {Target | null} */
  target = null;
  /** @type {View | null} */
  view = null;
  /** @type {Control} */
  control = { mode: "live", pieces_per_second: 10 };
  /** @type {Progress | null} */
  progress = null;
  /** @type {BoardShown | null} */
  board = null;
  isCompiling = false;
  showsActionValues = false;
  history = new MetricHistory();
  #socket;
  #home = new Home();
  /** @type {Pick<View, "state"> & Partial<View> | null} */
  #latestState = null; // from the worker's own event; an older list does not override it
  /** @type {Set<string>} */
  #started = new Set(); // runs started on this page
  #hasPlayed = false; // whether the page has started a demo because nothing moved
  /** @type {string | null} */
  #idleDemo = null; // its id
  /** @type {string | null} */
  #hiddenAgent = null; // agent of the demo that was playing when the page was hidden

  /** @param {LiveSocket} socket */
  constructor(socket) {
    super();
    this.#socket = socket;
    this.#home.on("listed", (started) => this.#acceptList(started));
    socket.on("event", (sourced) => this.#receive(sourced));
    socket.on("refused", (message) => showToast(message, { isError: true }));
    socket.on("state", (state) => this.#acceptConnection(state));
    window.addEventListener("hashchange", () => this.#followAddress(location.hash));
    document.addEventListener("visibilitychange", () => {
      this.#subscribe();
      if (this.#idleDemo && this.target?.name === this.#idleDemo)
        this.#playNewest(true); // it may have ended
      else this.#playAgain();
    });
    matchMedia("(prefers-reduced-motion: reduce)").addEventListener("change", () => this.#subscribe());
  }

  get connection() {
    return this.#socket.state;
  }

  get runs() {
    return this.#home.runs;
  }

  get demos() {
    return this.#home.demos;
  }

  /** The listed run whose curves are shown, or null. */
  get run() {
    return this.#home.runView(this.target);
  }

  /** Name of the run whose curves are shown, or null. */
  get charted() {
    return this.#home.runOf(this.target);
  }

  /** Color of that run's curves; null for the accent. */
  get color() {
    return this.charted && runColor(this.charted);
  }

  refresh() {
    return this.#home.refresh();
  }

  /** @param {import("./home.js").Run[]} started */
  #acceptList(started) {
    const { target } = this;
    if (target) {
      const names = started.map(({ name }) => name);
      this.#announceStarted(names.filter((name) => name !== target.name && !this.#started.has(name)));
    }
    const known = this.#home.find(target);
    const before = this.view;
    if (known) this.view = { ...this.view, ...known, ...this.#latestState };
    else if (this.view && target?.kind === "demo") this.view = { ...this.view, state: "stopped" };
    else this.#choose();
    if (known && before) this.#playOn(before);
    this.emit("change", null);
  }

  /**
   * Announces runs that were started elsewhere, without the trials of active studies.
   *
   * @param {string[]} names
   */
  async #announceStarted(names) {
    const studies = names.some((name) => TRIAL_SUFFIX.test(name)) ? await api.studies().catch(() => []) : [];
    const active = new Set(studies.filter(({ is_alive: isAlive }) => isAlive).map(({ name }) => name));
    const others = names.filter((name) => !active.has(name.replace(TRIAL_SUFFIX, "")));
    if (!others.length) return;
    const [name] = others; // the newest
    const watch = () => this.watch({ kind: "run", name });
    const isOne = others.length === 1;
    showToast(isOne ? `${name} has been started.` : `${others.join(", ")} have been started.`, {
      action: { label: isOne ? "Watch" : `Watch ${name}`, run: watch },
    });
  }

  /**
   * Watches the target of a new address, once the runs are listed anew.
   *
   * @param {string} hash
   */
  async #followAddress(hash) {
    if (!targetIn(hash)) return;
    await this.refresh();
    if (hash === location.hash) this.#choose();
  }

  /** Watches the target of the address, else what moves, else a demo of the newest agent. */
  #choose() {
    const { moving, latest, runs } = this.#home;
    const named = targetIn(location.hash);
    if (named && this.#home.find(named)) {
      this.watch(named);
      return;
    }
    if (named?.kind === "run") showToast(`There is no run ${named.name}.`);
    if (moving) {
      this.watch(moving);
      return;
    }
    if (latest) this.watch({ kind: "run", name: latest.name });
    else this.#clear();
    if (runs && named?.kind !== "run") this.#playNewest();
  }

  /**
   * Watches a shared demo of the newest run that can play, else of the built-in champion, once per page.
   *
   * @param {boolean} [isAgain] whether one may follow that of this page
   */
  async #playNewest(isAgain = false) {
    const run = this.runs?.find(({ checkpoints }) => checkpoints.length > 0);
    if ((this.#hasPlayed && !isAgain) || document.hidden) return;
    this.#hasPlayed = true;
    try {
      await this.#playDemo(run?.name ?? CHAMPION, true);
      if (this.target?.kind === "demo") this.#idleDemo = this.target.name;
    } catch {
      this.#hasPlayed = false; // what is shown stays; the next list tries again
    }
  }

  /**
   * Watches a demo of the watched run if that has just finished; the command that started it may have started one.
   *
   * @param {View} before what was known of it
   */
  async #playOn({ kind, name, state }) {
    if (kind !== "run" || hasEnded(state) || this.view?.state !== "finished" || document.hidden) return;
    await this.refresh();
    if (this.target?.name !== name) return;
    const demo = this.#home.demoOf(name);
    if (demo) this.watch({ kind: "demo", name: demo.id });
    else runAction(null, null, () => this.#playDemo(name));
  }

  /** Starts the watched demo again if it has ended while the page was hidden, since nobody watched it. */
  async #playAgain() {
    const { target, view } = this;
    if (document.hidden) {
      this.#hiddenAgent = view?.kind === "demo" && !hasEnded(view.state) ? (view.agent ?? null) : null;
      return;
    }
    const agent = this.#hiddenAgent;
    if (!agent) return;
    await this.refresh();
    if (this.target === target && this.view?.state === "stopped") runAction(null, null, () => this.#playDemo(agent));
  }

  #clear() {
    this.target = this.view = this.progress = this.board = null;
    this.history.clear();
    this.#subscribe();
    this.emit("board", null);
  }

  /**
   * Watches another run or demo.
   *
   * @param {Target} target
   */
  async watch(target) {
    this.target = target;
    this.view = this.#home.find(target) ?? { ...target, title: target.name, state: "starting" };
    this.control = { mode: "live", pieces_per_second: 10 };
    this.progress = this.board = null;
    this.isCompiling = false;
    this.#latestState = null;
    this.history = new MetricHistory();
    const hash = `#${target.kind}/${encodeURIComponent(target.name)}`;
    if (location.hash !== hash) history.replaceState(null, "", hash);
    this.#socket.watch(null); // a new subscription to the same source gets its latest events again
    this.#subscribe();
    this.emit("target", target);
    this.emit("change", null);
    if (this.charted) await this.#loadHistory();
  }

  async #loadHistory() {
    const { target, charted } = this;
    if (!charted) return;
    try {
      const [run, progress, evaluations] = await Promise.all([
        api.run(charted),
        api.progress(charted, MAX_POINTS),
        api.evaluations(charted),
      ]);
      if (target !== this.target) return;
      this.history.load(progress);
      this.history.loadEvaluations(evaluations);
      this.emit("shape", /** @type {any} */ (run.config)?.env_config ?? null);
    } catch (error) {
      if (target === this.target && error.status !== 404) showToast(error.message, { isError: true });
    }
    if (target === this.target) this.emit("history", null);
  }

  #subscribe() {
    const { target } = this;
    this.#socket.watch(
      target && {
        ...target,
        boards: !document.hidden,
        action_values: this.showsActionValues,
        boards_per_second: prefersReducedMotion() ? BOARDS_PER_SECOND_REDUCED : BOARDS_PER_SECOND,
      },
    );
  }

  /** @param {import("../common/live-socket.js").ConnectionState} state */
  #acceptConnection(state) {
    if (state === "open") {
      this.refresh();
      this.#loadHistory();
    } else this.#latestState = null;
    this.emit("change", null);
  }

  /** @param {import("../common/live-socket.js").SourcedEvent} sourced */
  #receive({ source, event }) {
    if (source === "home") {
      this.refresh();
      return;
    }
    if (!this.target || source !== `${this.target.kind}/${this.target.name}` || !this.#accept(event)) return;
    this.emit("received", event);
    if (event.kind !== "board-shown") this.emit("change", null);
  }

  /**
   * @param {WorkerEvent} event
   * @returns {boolean} whether the page uses such events
   */
  #accept(event) {
    switch (event.kind) {
      case "board-shown":
        this.#acceptBoard(event);
        return true;
      case "progress":
        this.#acceptProgress(event);
        return true;
      case "state-changed":
        this.#acceptState(event);
        return true;
      case "control-changed":
        this.setControl(event);
        return true;
      case "agent-evaluated":
        this.history.appendEvaluation(event);
        this.emit("history", null);
        return true;
      case "run-started": // the worker may have been resumed from an earlier step, so the curves are read again
        this.history.clear();
        this.#loadHistory();
        return true;
      case "kernels-compiling":
        this.isCompiling = !this.progress && !this.board;
        return true;
      case "warning-given":
        showToast(event.message);
        return true;
      default:
        return event.kind === "checkpoint-saved";
    }
  }

  /** @param {BoardShown} board */
  #acceptBoard(board) {
    this.board = board;
    if (this.isCompiling) {
      this.isCompiling = false;
      this.emit("change", null);
    }
    this.emit("board", null);
  }

  /** @param {Progress} progress */
  #acceptProgress(progress) {
    this.progress = progress;
    this.isCompiling = false;
    this.history.append(progress);
    this.emit("history", null);
  }

  /** @param {StateChanged} event */
  #acceptState({ state, step, message }) {
    const { target, view } = this;
    if (!target || !view) return;
    if (hasEnded(state)) this.isCompiling = false;
    this.#latestState = { state, message, step };
    this.view = { ...view, ...this.#latestState };
    this.#playOn(view);
    if (hasEnded(state)) this.refresh();
    if (state === view.state || !message || view.state === "starting") return;
    if (hasEnded(state))
      announce(message); // visible in place of the controls, with the next actions
    else showToast(message);
  }

  /**
   * Accepts the worker's controls, or those that were just requested.
   *
   * @param {Partial<Control>} control
   */
  setControl({ mode = this.control.mode, pieces_per_second = this.control.pieces_per_second }) {
    this.control = { mode, pieces_per_second };
    this.emit("change", null);
  }

  /** @param {boolean} isOn */
  setActionValues(isOn) {
    this.showsActionValues = isOn;
    this.#subscribe();
    this.emit("change", null);
    this.emit("action-values", isOn);
  }

  /**
   * Sends a command to the watched worker and waits until it has been carried out.
   *
   * @param {import("./api.js").CommandName} name
   * @param {object} [values]
   */
  async command(name, values = {}) {
    const { target } = this;
    if (!target) return undefined;
    const outcome = awaitOutcome(this, name);
    try {
      const reply = api.command(target, name, values);
      reply.catch(() => {}); // the event may arrive first; then nobody waits for the reply
      const reported = outcome.promise.then(async (event) => {
        if (!event) await reply;
        return event;
      });
      const event = await Promise.race([reported, reply.then(() => outcome.promise)]);
      if (name === "new-game") showToast("A new game starts.");
      if (event?.kind === "checkpoint-saved") showToast(`Checkpoint of step ${formatCount(event.step)} saved.`);
      return true;
    } finally {
      outcome.cancel();
    }
  }

  /** Stops what is watched. */
  async stop() {
    const { target, view } = this;
    if (!target || !view) return undefined;
    if (target.kind === "run") return this.command("stop");
    await api.stopDemo(target.name);
    this.view = { ...view, state: "stopped" };
    showToast("The demo has ended.");
    this.emit("change", null);
    return true;
  }

  /**
   * Starts a demo of an agent, unless there is one, and watches it.
   *
   * @param {string} agent
   */
  async startDemo(agent) {
    await this.#playDemo(agent);
    return true;
  }

  /**
   * Watches a demo of an agent, which is started if there is none, unless something else is watched by then.
   *
   * @param {string} agent
   * @param {boolean} [shared] whether the demo is that of all pages that have nothing else to show
   */
  async #playDemo(agent, shared = false) {
    const { target } = this;
    let demo = this.demos.find((known) => !shared && known.is_alive && !known.shared && known.agent === agent);
    if (!demo) {
      const pace = shared ? {} : { pieces_per_second: this.control.pieces_per_second };
      demo = await api.startDemo({ agent, shared, ...pace });
      await this.refresh();
    }
    const watched = this.target?.name; // the list may have chosen the new demo already
    if (watched === demo.id) return;
    if (watched === target?.name) await this.watch({ kind: "demo", name: demo.id });
    else if (!shared) await api.stopDemo(demo.id);
  }

  /**
   * Resumes a finished run for as many steps again, and watches it.
   *
   * @param {import("./api.js").Run} run
   */
  async trainLonger({ name, total_steps: totalSteps }) {
    await api.resumeRun(name, { total_timesteps: 2 * totalSteps });
    await this.refresh();
    await this.watch({ kind: "run", name });
    return true;
  }

  /** Resumes the watched run. */
  async resume() {
    if (!this.target) return undefined;
    const run = await api.resumeRun(this.target.name);
    showToast(`${run.name} resumed.`);
    await this.refresh();
    await this.watch({ kind: "run", name: run.name });
    return true;
  }

  /**
   * Starts a run and watches it.
   *
   * @param {import("./api.js").StartRunBody} body
   * @throws {import("../common/api.js").ApiError} which the caller shows
   */
  async startRun(body) {
    const run = await api.startRun({ ...body, mode: "live" });
    showToast(`${run.name} started.`);
    this.#started.add(run.name);
    await this.refresh();
    await this.watch({ kind: "run", name: run.name });
    return run;
  }
}

/**
 * Returns the target of an address such as #run/run-1, or null.
 *
 * @param {string} hash
 * @returns {Target | null}
 */
function targetIn(hash) {
  const [run, demo] = [valueInHash("run/", hash), valueInHash("demo/", hash)];
  return run ? { kind: "run", name: run } : demo ? { kind: "demo", name: demo } : null;
}
