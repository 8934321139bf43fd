// @ts-check
// Demo at which several agents play side by side: started on the server, watched over the live socket, and stopped when
// the page is left.

import { apiUrl } from "../common/api.js";
import { find, make, prefersReducedMotion, setText } from "../common/dom.js";
import { Emitter } from "../common/emitter.js";
import { SpeedSlider } from "../common/speed-slider.js";
import { isBusy, runAction, showToast } from "../common/toast.js";
import { api } from "./api.js";

/** @typedef {import("../common/live-socket.js").LiveSocket} LiveSocket */
/** @typedef {{ event: TableShown, now_ms: number }} ShownTable an event, and the time of the animation frame */

const BOARDS_PER_SECOND = 30;
const BOARDS_PER_SECOND_REDUCED = 4; // with reduced motion
const ENDED = ["failed", "crashed", "stopped"];

/** @extends {Emitter<{ change: null, shown: ShownTable }>} */
export class DemoTable extends Emitter {
  state = "none"; // "none", "starting", "running", "paused", or the state of an ended demo
  message = "";
  pieces_per_second = 10;
  #socket;
  /** @type {string | null} */
  #id = null;
  /** @type {import("./api.js").StartDemoBody | null} */
  #body = null; // of the request that started it
  #isVisible = true;
  #hasIdledOut = false; // whether it ended while the page was hidden
  #isSubscribed = false; // whether the shared socket is subscribed to this table
  /** @type {TableShown | null} */
  #latest = null;
  #frame = 0;

  /** @param {LiveSocket} socket */
  constructor(socket) {
    super();
    this.#socket = socket;
    socket.on("event", (sourced) => this.#receive(sourced));
    socket.on("state", (state) => {
      if (state === "open" && this.#isSubscribed) this.#checkExistence();
    });
    document.addEventListener("visibilitychange", () => {
      this.#subscribe();
      if (!document.hidden && this.#hasIdledOut) this.#restart();
    });
    window.addEventListener("pagehide", () => this.#stopOnLeave());
  }

  get isActive() {
    return this.#id !== null && !this.hasEnded;
  }

  get hasEnded() {
    return ENDED.includes(this.state);
  }

  /**
   * Starts a demo, after stopping the one before.
   *
   * @param {import("./api.js").StartDemoBody} body
   */
  async start(body) {
    await this.stop();
    const demo = await api.startDemo({ ...body, pieces_per_second: this.pieces_per_second });
    this.#id = demo.id;
    this.#body = body;
    this.#hasIdledOut = false;
    this.#setState("starting", "Starting, which takes some seconds.");
    this.#subscribe();
  }

  get isVisible() {
    return this.#isVisible;
  }

  /** Whether the boards are visible; games pause while nobody watches them. */
  set isVisible(isVisible) {
    const isBack = isVisible && !this.#isVisible && this.isActive;
    this.#isVisible = isVisible;
    if (isBack) this.#checkExistence();
    else this.#subscribe();
  }

  /** Starts it again after it ended because nobody watched. */
  #restart() {
    this.#hasIdledOut = false;
    if (this.#body) this.start(this.#body).catch(({ message }) => this.#end("failed", message));
  }

  /** Subscribes again, or starts the demo again if it has ended because nobody watched. */
  async #checkExistence() {
    const id = this.#id;
    if (id === null) return;
    const demo = await api.demo(id).catch(() => undefined); // without an answer the socket reports the lost connection
    if (id !== this.#id) return;
    if (demo !== null) this.#subscribe();
    else {
      this.#end("stopped", "Stopped, because nobody watched for five minutes.");
      if (!document.hidden) this.#restart();
    }
  }

  #subscribe() {
    const isSubscribed = this.#isVisible && this.isActive;
    if (!isSubscribed && !this.#isSubscribed) return;
    this.#isSubscribed = isSubscribed;
    if (!isSubscribed || this.#id === null) {
      this.#socket.watch(null);
      return;
    }
    this.#socket.watch({
      kind: "demo",
      name: this.#id,
      boards: !document.hidden,
      action_values: false,
      boards_per_second: prefersReducedMotion() ? BOARDS_PER_SECOND_REDUCED : BOARDS_PER_SECOND,
    });
  }

  /** @param {import("../common/live-socket.js").SourcedEvent} sourced */
  #receive({ source, event }) {
    if (this.#id === null || source !== `demo/${this.#id}`) return;
    if (event.kind === "table-shown") {
      this.#show(event);
      return;
    }
    if (event.kind === "control-changed") this.pieces_per_second = event.pieces_per_second;
    else if (event.kind === "state-changed") this.#acceptState(event);
    else if (event.kind === "kernels-compiling") this.message = "The first start on this machine compiles the engine.";
    this.emit("change", null);
  }

  /** @param {StateChanged} event */
  #acceptState({ state, message }) {
    if (!ENDED.includes(state)) {
      this.#setState(state, message);
      return;
    }
    const id = this.#id;
    this.#end(state, message);
    if (state !== "stopped" && id !== null) api.stopDemo(id).catch(() => {}); // the server keeps failed demos
  }

  /**
   * @param {string} state
   * @param {string} message
   */
  #end(state, message) {
    this.#setState(state, message);
    this.#subscribe();
    this.#hasIdledOut = document.hidden && state === "stopped";
    this.#id = this.#latest = null;
  }

  /**
   * Shows the newest boards with the next frame; those in between are skipped.
   *
   * @param {TableShown} event
   */
  #show(event) {
    this.#latest = event;
    if (this.#frame) return;
    this.#frame = requestAnimationFrame((now_ms) => {
      this.#frame = 0;
      if (this.#latest) this.emit("shown", { event: this.#latest, now_ms });
    });
  }

  /**
   * @param {string} state
   * @param {string} message
   */
  #setState(state, message) {
    this.state = state;
    this.message = message;
    this.emit("change", null);
  }

  /**
   * @param {"pause" | "resume" | "new-game" | "speed"} name
   * @param {object} [values]
   */
  async command(name, values = {}) {
    if (this.#id === null) return;
    const { message } = await api.command(this.#id, name, values);
    if (name === "pause" || name === "resume") this.#setState(name === "pause" ? "paused" : "running", message);
  }

  async stop() {
    const id = this.#id;
    if (id === null) return;
    this.#end("stopped", "");
    await api.stopDemo(id).catch((error) => {
      if (error.status !== 404 && error.status !== 409) throw error; // it has stopped already
    });
  }

  #stopOnLeave() {
    if (this.#id !== null)
      fetch(apiUrl("/demos/{demo_id}", { demo_id: this.#id }), { method: "DELETE", keepalive: true });
  }
}

/** Pause, new game, stop, and the speed of a demo table. */
export class DemoTableControls {
  #table;
  #pause = make("button", { type: "button", class: "wide" }, "Pause");
  #newGame = make("button", { type: "button" }, "New game");
  #stop = make("button", { type: "button" }, "Stop");
  #speed;

  /**
   * @param {DemoTable} table
   * @param {HTMLElement} host
   */
  constructor(table, host) {
    this.#table = table;
    this.#pause.addEventListener("click", () => this.togglePause());
    this.#newGame.addEventListener("click", () => this.startNewGame());
    this.#stop.addEventListener("click", () => runAction(this.#stop, "Stopping…", () => table.stop()));
    const id = `${host.id}-speed`;
    const slider = make("input", { id, type: "range", min: 0, max: 1000, step: 1 });
    const output = make("output", { for: id });
    this.#speed = new SpeedSlider(slider, output, {
      onMove: (speed) => {
        table.pieces_per_second = speed;
      },
      onSettle: (pieces_per_second) => {
        if (table.isActive) runAction(null, null, () => table.command("speed", { pieces_per_second }));
      },
    });
    host.replaceChildren(
      make("div", { class: "buttons" }, this.#pause, this.#newGame, this.#stop),
      make("label", { class: "speed", for: id }, make("span", {}, "Pieces per second"), slider, output),
    );
    table.on("change", () => this.show());
    this.show();
  }

  togglePause() {
    if (this.#pause.disabled) return undefined;
    const isPaused = this.#table.state === "paused";
    const toggle = () => this.#table.command(isPaused ? "resume" : "pause");
    return runAction(this.#pause, isPaused ? "Resuming…" : "Pausing…", toggle).finally(() => this.show());
  }

  startNewGame() {
    if (this.#newGame.disabled) return undefined;
    return runAction(this.#newGame, null, async () => {
      await this.#table.command("new-game");
      showToast("A new game starts.");
    });
  }

  /**
   * Moves the speed slider by steps, for keyboard shortcuts.
   *
   * @param {number} by
   */
  changeSpeed(by) {
    this.#speed.step(by);
  }

  show() {
    const { state, isActive, pieces_per_second } = this.#table;
    const canAct = isActive && state !== "starting";
    this.#pause.disabled = this.#newGame.disabled = !canAct;
    this.#stop.disabled = !isActive;
    if (!isBusy(this.#pause)) setText(this.#pause, state === "paused" ? "Resume" : "Pause");
    this.#speed.show(pieces_per_second);
  }
}

/**
 * Shows a message in place of the boards while there are none.
 *
 * @param {HTMLElement} place
 * @param {DemoTable} table
 * @param {string} empty message without a demo
 */
export function showTableMessage(place, { state, message }, empty) {
  const isError = state === "failed" || state === "crashed";
  const text = state === "none" ? empty : state === "stopped" ? message || empty : message;
  const isShown = isError || ["none", "stopped", "starting"].includes(state);
  place.hidden = !isShown || text === "";
  place.classList.toggle("bad", isError);
  setText(find("p", place), isShown ? text : "");
}
