// A table at which models play: started on the server, watched over the socket, and ended when the page is left.

import { api } from "./api.js";
import { find, make, setText, wantsStillness } from "../common/dom.js";
import { SpeedSlider } from "../common/speed.js";
import { act, say } from "../common/toast.js";

const BOARDS = 30; // a second
const STILL_BOARDS = 4;
const ENDED = ["failed", "dead", "stopped"];

export class Table extends EventTarget {
  state = "none"; // "none", "starting", "running", "paused", or how it ended
  message = "";
  pace = 10;
  #link;
  #id = null;
  #isShown = true;
  #isWatching = false; // whether the link, which others share, was told so last
  #latest = null;
  #frame = 0;

  constructor(link) {
    super();
    this.#link = link;
    link.addEventListener("event", ({ detail }) => this.#receive(detail));
    link.addEventListener("link", ({ detail }) => detail === "open" && this.#isWatching && this.#lookWhetherThere());
    document.addEventListener("visibilitychange", () => this.#watch());
    window.addEventListener("pagehide", () => this.#leave());
  }

  get isThere() {
    return this.#id !== null && !this.hasEnded;
  }

  get hasEnded() {
    return ENDED.includes(this.state);
  }

  /** Lets those sit down who are named; `order` is what the server takes. */
  async start(order) {
    await this.stop();
    const player = await api.startPlayer({ ...order, pieces_per_second: this.pace });
    this.#id = player.id;
    this.#set("starting", "The players come in, which takes some seconds.");
    this.#watch();
  }

  /** Watches or rests: while nobody watches, nobody plays. */
  set isShown(isShown) {
    const isBack = isShown && !this.#isShown && this.isThere;
    this.#isShown = isShown;
    if (isBack) this.#lookWhetherThere();
    else this.#watch();
  }

  /** Watches on, unless it has ended meanwhile: of one that nobody watched nothing stays. */
  async #lookWhetherThere() {
    const id = this.#id;
    const player = await api.player(id).catch(() => undefined); // who cannot ask now hears of it by the link
    if (id !== this.#id) return;
    if (player === null) this.#end("stopped", "It ended, because nobody watched for five minutes.");
    else this.#watch();
  }

  #watch() {
    const isWatched = this.#isShown && this.isThere;
    if (!isWatched && !this.#isWatching) return;
    this.#isWatching = isWatched;
    this.#link.watch(isWatched ? {
      kind: "player", name: this.#id, boards: !document.hidden, thoughts: false,
      boards_per_second: wantsStillness() ? STILL_BOARDS : BOARDS,
    } : null);
  }

  #receive({ source, event }) {
    if (this.#id === null || source !== `player/${this.#id}`) return;
    if (event.kind === "control-changed") this.pace = event.pieces_per_second;
    else if (event.kind === "state-changed") this.#hear(event);
    else if (event.kind === "kernels-compiling") this.message = "The first start on this machine compiles the engine.";
    if (event.kind === "seats-shown" || event.kind === "board-shown") this.#show(event);
    else this.dispatchEvent(new Event("change"));
  }

  #hear({ state, message }) {
    if (!ENDED.includes(state)) {
      this.#set(state, message);
      return;
    }
    const id = this.#id;
    this.#end(state, message);
    if (state !== "stopped") api.stopPlayer(id).catch(() => {}); // it has said why, and is forgotten
  }

  #end(state, message) {
    this.#set(state, message);
    this.#watch();
    this.#id = this.#latest = null;
  }

  /** The newest boards are drawn with the next frame; those in between never are. */
  #show(event) {
    this.#latest = event;
    this.#frame ||= requestAnimationFrame((now) => {
      this.#frame = 0;
      if (this.#latest) this.dispatchEvent(new CustomEvent("shown", { detail: { event: this.#latest, now } }));
    });
  }

  #set(state, message) {
    this.state = state;
    this.message = message;
    this.dispatchEvent(new Event("change"));
  }

  async command(name, values = {}) {
    const reply = await api.command(this.#id, name, values);
    if (name === "pause" || name === "resume") this.#set(name === "pause" ? "paused" : "running", reply.message);
    return reply;
  }

  /** Ends it; nothing of it stays. */
  async stop() {
    const id = this.#id;
    if (id === null) return;
    this.#end("stopped", "");
    await api.stopPlayer(id).catch((error) => {
      if (error.status !== 404 && error.status !== 409) throw error;
    });
  }

  #leave() {
    if (this.#id !== null) fetch(`/api/players/${this.#id}`, { method: "DELETE", keepalive: true });
  }
}

/** Pause, new game, stop, and the pace of a table. */
export class TableControls {
  #table;
  #speed;

  constructor(table, host) {
    this.#table = table;
    const button = (word, look, run) => make("button", { type: "button", class: look, onclick: run }, word);
    this.pause = button("Pause", "wide", () => this.togglePause());
    this.newGame = button("New game", null, () => this.beginAnew());
    this.stop = button("Stop", null, () => act(this.stop, "Stopping…", () => table.stop()));
    const id = `${host.id}-speed`;
    const slider = make("input", { id, type: "range", min: 0, max: 1000, step: 1 });
    const value = make("output", { for: id });
    this.#speed = new SpeedSlider(slider, value, {
      moved: (pace) => (table.pace = pace),
      settled: (pieces_per_second) => table.isThere && act(null, null, () => table.command("speed", { pieces_per_second })),
    });
    host.replaceChildren(make("div", { class: "buttons" }, this.pause, this.newGame, this.stop),
      make("label", { class: "speed", for: id }, make("span", {}, "Pieces a second"), slider, value));
    table.addEventListener("change", () => this.show());
    this.show();
  }

  togglePause() {
    if (this.pause.disabled) return undefined;
    const isPaused = this.#table.state === "paused";
    const work = () => this.#table.command(isPaused ? "resume" : "pause");
    return act(this.pause, isPaused ? "Resuming…" : "Pausing…", work).finally(() => this.show());
  }

  beginAnew() {
    if (this.newGame.disabled) return undefined;
    return act(this.newGame, null, async () => {
      await this.#table.command("new-game");
      say("A new game begins.");
    });
  }

  /** Moves the slider, for keys. */
  changeSpeed(by) {
    this.#speed.step(by);
  }

  show() {
    const { state, isThere, pace } = this.#table;
    const canAct = isThere && state !== "starting";
    this.pause.disabled = this.newGame.disabled = !canAct;
    this.stop.disabled = !isThere;
    if (this.pause.getAttribute("aria-busy") !== "true") setText(this.pause, state === "paused" ? "Resume" : "Pause");
    this.#speed.show(pace);
  }
}

/** Tells over the place of the boards what there is instead of them. */
export function sayInPlace(place, table, empty) {
  const text = { none: empty, stopped: table.message || empty, starting: table.message, failed: table.message, dead: table.message }[table.state] ?? "";
  place.hidden = text === "";
  place.classList.toggle("bad", table.state === "failed" || table.state === "dead");
  setText(find("p", place), text);
}
