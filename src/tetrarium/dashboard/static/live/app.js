// What is watched and what is known of it: takes in the server's answers and events, and tells the parts of the page.

import { api } from "./api.js";
import { History, MAX_POINTS } from "../common/history.js";
import { colourOf } from "../common/colours.js";
import { wantsStillness } from "../common/dom.js";
import { Home } from "./home.js";
import { awaitOutcome, hasEnded } from "./outcomes.js";
import { announce, say } from "../common/toast.js";
import { count } from "../common/words.js";

const STILL_BOARDS = 4; // boards a second for people who want stillness
const BOARDS = 60;
const TRIAL = /-\d{4,}$/; // how the runs of a study end in their names

export class App extends EventTarget {
  target = null; // {kind: "run" | "player", name}
  view = null; // the run or player that is watched, with its kind and title
  control = { mode: "live", pieces_per_second: 10 };
  progress = null;
  board = null;
  isCompiling = false;
  thinks = false;
  history = new History();
  #link;
  #home = new Home();
  #told = null; // the state that the worker itself told, which no older list overrides
  #started = new Set(); // runs that were started here
  #finished = null; // the run that finished while it was watched

  constructor(link) {
    super();
    this.#link = link;
    this.#home.addEventListener("listed", ({ detail }) => this.#takeList(detail));
    link.addEventListener("event", ({ detail }) => this.#receive(detail));
    link.addEventListener("refused", ({ detail }) => say(detail, { isError: true }));
    link.addEventListener("link", ({ detail }) => this.#relink(detail));
    window.addEventListener("hashchange", () => this.#follow(location.hash));
    document.addEventListener("visibilitychange", () => this.#sendWatch());
    matchMedia("(prefers-reduced-motion: reduce)").addEventListener("change", () => this.#sendWatch());
  }

  get link() {
    return this.#link.state;
  }

  #tell(kind, detail = null) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }

  get runs() {
    return this.#home.runs;
  }

  get players() {
    return this.#home.players;
  }

  /** Name of the run whose curves are shown, or null. */
  get charted() {
    return this.#home.runOf(this.target);
  }

  /** The colour of that run's curves, as everywhere; null for the accent. */
  colour() {
    return this.charted && colourOf(this.charted);
  }

  refresh() {
    return this.#home.refresh();
  }

  #takeList(fresh) {
    const { target } = this;
    if (target) this.#tellOf(fresh.map(({ name }) => name).filter((name) => name !== target.name && !this.#started.has(name)));
    const known = this.#home.find(target);
    if (known) this.view = { ...this.view, ...known, ...(this.#told ?? {}) };
    else if (target?.kind === "player") this.view = { ...this.view, state: "stopped" };
    else this.#choose();
    this.#followIntoDemo();
    this.#tell("change");
  }

  /** Says which runs others have started; trials of studies come and go by themselves. */
  async #tellOf(names) {
    const studies = names.some((name) => TRIAL.test(name)) ? await api.studies().catch(() => []) : [];
    const underWay = new Set(studies.filter(({ is_alive: isAlive }) => isAlive).map(({ name }) => name));
    for (const name of names) {
      if (underWay.has(name.replace(TRIAL, ""))) continue;
      say(`${name} has been started.`, { action: { label: "Watch", run: () => this.watch({ kind: "run", name }) } });
    }
  }

  /** Watches what a new address names, once runs are listed that may have begun just now. */
  async #follow(hash) {
    if (!targetIn(hash)) return;
    await this.refresh();
    if (hash === location.hash) this.#choose();
  }

  /** Chooses what to watch: what the address names, else what is likely wanted. */
  #choose() {
    const { first } = this.#home;
    const named = targetIn(location.hash);
    if (this.#home.find(named)) {
      this.watch(named);
      return;
    }
    if (named) say(`There is no ${named.kind === "run" ? "run" : "demo"} ${named.name}.`);
    if (first) this.watch({ kind: "run", name: first.name });
    else this.#forget();
  }

  /** Where a run has finished while it was watched and its agent goes on playing, that is watched. */
  #followIntoDemo() {
    const name = this.#finished;
    const demo = name && this.#home.demoOf(name);
    if (!demo) return;
    this.#finished = null;
    say(`${name} has finished. Now it plays, without learning.`);
    this.watch({ kind: "player", name: demo.id });
  }

  #forget() {
    this.target = this.view = this.progress = this.board = null;
    this.history.clear();
    this.#sendWatch();
    this.#tell("board");
  }

  /** Watches another run or demo. */
  async watch(target) {
    this.target = target;
    this.view = this.#home.find(target) ?? { ...target, title: target.name, state: "starting" };
    this.control = { mode: "live", pieces_per_second: 10 };
    this.progress = this.board = null;
    this.isCompiling = false;
    this.#told = this.#finished = null;
    this.history = new History();
    const hash = `#${target.kind}/${encodeURIComponent(target.name)}`;
    if (location.hash !== hash) history.replaceState(null, "", hash);
    this.#link.watch(null); // so that all that is known is told anew, where it is what was watched before
    this.#sendWatch();
    this.#tell("target");
    this.#tell("change");
    if (this.charted) await this.#loadHistory();
  }

  async #loadHistory() {
    const { target, charted } = this;
    try {
      const [run, progress, evaluations] = await Promise.all([
        api.run(charted), api.progress(charted, MAX_POINTS), api.evaluations(charted),
      ]);
      if (target !== this.target) return;
      this.history.load(progress);
      this.history.loadEvaluations(evaluations);
      this.#tell("shape", run.config?.env_config ?? run.env_config ?? null);
    } catch (error) {
      if (target === this.target && error.status !== 404) say(error.message, { isError: true });
    }
    if (target === this.target) this.#tell("history");
  }

  #sendWatch() {
    const { target } = this;
    this.#link.watch(target && {
      ...target, boards: !document.hidden, thoughts: this.thinks,
      boards_per_second: wantsStillness() ? STILL_BOARDS : BOARDS,
    });
  }

  #relink(state) {
    if (state === "open") {
      this.refresh();
      if (this.charted) this.#loadHistory();
    } else this.#told = null;
    this.#tell("change");
  }

  #receive({ source, event }) {
    if (source === "home") {
      this.refresh();
      return;
    }
    if (!this.target || source !== `${this.target.kind}/${this.target.name}`) return;
    const take = {
      "board-shown": () => this.#takeBoard(event),
      progress: () => this.#takeProgress(event),
      "state-changed": () => this.#takeState(event),
      "control-changed": () => this.setControl(event),
      "run-started": () => this.#beginAnew(),
      "agent-evaluated": () => this.history.appendEvaluation(event),
      "kernels-compiling": () => (this.isCompiling = !this.progress && !this.board),
      "checkpoint-saved": () => {},
      "warning-given": () => say(event.message),
    }[event.kind];
    if (!take) return;
    take();
    this.#tell("told", event);
    if (event.kind !== "board-shown") this.#tell("change");
  }

  /** A worker begins, or went on before this was watched: what it does not know any more is forgotten. */
  #beginAnew() {
    this.history.clear();
    this.#loadHistory();
  }

  #takeBoard(board) {
    this.board = board;
    if (this.isCompiling) {
      this.isCompiling = false;
      this.#tell("change");
    }
    this.#tell("board");
  }

  #takeProgress(progress) {
    this.progress = progress;
    this.isCompiling = false;
    this.history.append(progress);
    this.#tell("history");
  }

  #takeState({ state, step, message, error }) {
    const before = this.view.state;
    this.isCompiling = false;
    this.#told = { state, message, step: step ?? this.view.step, ...(error ? { error } : {}) };
    this.view = { ...this.view, ...this.#told };
    if (state === "finished" && before === "running") this.#finished = this.target.name;
    if (hasEnded(state)) this.refresh();
    if (state === before || !message || before === "starting") return;
    if (hasEnded(state)) announce(message); // it stands in the place of the controls, with what to do next
    else say(message);
  }

  /** Takes over what the worker says of its controls, or what was asked of it. */
  setControl({ mode = this.control.mode, pieces_per_second = this.control.pieces_per_second }) {
    this.control = { mode, pieces_per_second };
    this.#tell("change");
  }

  setThinking(on) {
    this.thinks = on;
    this.#sendWatch();
    this.#tell("change");
    this.#tell("thinking", on);
  }

  /** Sends a command to the worker that is watched, and waits until what was asked for has happened. */
  async command(name, values = {}) {
    const { target } = this;
    const outcome = awaitOutcome(this, name);
    try {
      const reply = api.command(target, name, values);
      reply.catch(() => {}); // an event may tell first that it has happened; then nobody waits for the reply
      const told = outcome.promise.then((event) => event ?? reply);
      const event = await Promise.race([told, reply.then(() => outcome.promise)]);
      if (name === "new-game") say("A new game begins.");
      if (event?.kind === "checkpoint-saved") say(`Checkpoint of step ${count(event.step)} saved.`);
      return event ?? true;
    } finally {
      outcome.forget();
    }
  }

  /** Stops what is watched; a run can be resumed, and the page offers it. */
  async stop() {
    if (this.target.kind === "run") return this.command("stop");
    await api.stopPlayer(this.target.name);
    this.view = { ...this.view, state: "stopped" };
    say("The demo has ended.");
    this.#tell("change");
    return true;
  }

  /** Lets the agent of a run play, without learning, and watches that. */
  async play(what) {
    let demo = this.players.find((one) => one.is_alive && one.what === what);
    if (!demo) {
      demo = await api.startPlayer({ what, pieces_per_second: this.control.pieces_per_second });
      say(`${what} plays.`);
      await this.refresh();
    }
    await this.watch({ kind: "player", name: demo.id });
    return true;
  }

  async resume(name = this.target.name) {
    const run = await api.resumeRun(name);
    say(`${run.name} goes on from its latest checkpoint.`);
    await this.refresh();
    await this.watch({ kind: "run", name: run.name });
    return true;
  }

  /** Starts a run and watches it; errors are the caller's to show. */
  async startRun(body) {
    const run = await api.startRun({ mode: "live", ...body });
    say(`${run.name} starts.`);
    this.#started.add(run.name);
    await this.refresh();
    await this.watch({ kind: "run", name: run.name });
    return run;
  }
}

/** What an address such as #run/run-1 names, or null. */
function targetIn(hash) {
  const [, kind, name] = hash.match(/^#(run|player)\/(.+)$/) ?? [];
  try {
    return kind ? { kind, name: decodeURIComponent(name) } : null;
  } catch {
    return null; // no address of this page
  }
}
