// @ts-check
// Preview: an agent that plays where a page has nothing of its own to show, by a demo that all pages share.

import { request } from "./api.js";
import { BoardCanvas } from "./board.js";
import { make, prefersReducedMotion } from "./dom.js";
import { Emitter } from "./emitter.js";
import { LiveSocket } from "./live-socket.js";

export const CHAMPION = "champion"; // a built-in model
export const CONTROLLER = "dellacherie"; // plays without being compiled at little cost
const BOARDS_PER_SECOND = 30;
const STILL_PIECES = 30; // of the one board that is shown with reduced motion
const RETRY_MS = 2_000;

/** @typedef {{ run: string } | { agent: string }} Subject an active run, or an agent that plays */

/** @extends {Emitter<{ board: BoardShown }>} */
export class Preview extends Emitter {
  #subject;
  #socket = new LiveSocket();
  #closing = new AbortController();
  #retryTimer = 0;
  #source = ""; // of the events that are shown
  #isStill = false;

  /** @param {Subject} subject */
  constructor(subject) {
    super();
    this.#subject = subject;
    this.#socket.on("event", (sourced) => this.#receive(sourced));
    this.#socket.on("state", (state) => {
      if (state === "open") this.#start();
    });
    document.addEventListener("visibilitychange", () => this.#start(), { signal: this.#closing.signal });
  }

  close() {
    this.#closing.abort();
    clearTimeout(this.#retryTimer);
    this.#socket.close();
  }

  /** Subscribes to the run or the demo, which is started if none is running; a hidden page does without. */
  async #start() {
    clearTimeout(this.#retryTimer);
    if (document.hidden || this.#isStill) {
      this.#socket.watch(null);
      return;
    }
    const subject = this.#subject;
    /** @type {import("../live/api.js").Target} */
    let target;
    if ("run" in subject) target = { kind: "run", name: subject.run };
    else {
      try {
        const demo = await request("post", "/demos", { body: { agent: subject.agent, shared: true } });
        target = { kind: "demo", name: demo.id };
      } catch {
        return; // the page does without
      }
    }
    if (this.#closing.signal.aborted || document.hidden) return;
    this.#source = `${target.kind}/${target.name}`;
    this.#socket.watch({ ...target, boards: true, action_values: false, boards_per_second: BOARDS_PER_SECOND });
  }

  /** @param {import("./live-socket.js").SourcedEvent} sourced */
  #receive({ source, event }) {
    if (source !== this.#source) return;
    if (event.kind === "state-changed" && event.state === "stopped" && "agent" in this.#subject) {
      this.#retryTimer = setTimeout(() => this.#start(), RETRY_MS);
    }
    if (event.kind !== "board-shown") return;
    if (prefersReducedMotion()) {
      if (event.pieces_game < STILL_PIECES) return;
      this.#isStill = true;
      this.#socket.watch(null);
    }
    this.emit("board", event);
  }
}

/** Board of a preview with a caption; hidden until the first board arrives. */
export class PreviewBoard {
  #host;
  /** @type {Preview | null} */
  #preview = null;
  /** @type {BoardCanvas | null} */
  #board = null;
  #shown = "";

  /** @param {HTMLElement} host an empty figure */
  constructor(host) {
    this.#host = host;
  }

  /**
   * Shows a run or an agent; null ends the preview.
   *
   * @param {Subject | null} subject
   * @param {string} [caption] instead of "NAME plays."
   */
  show(subject, caption) {
    const shown = JSON.stringify([subject, caption]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#preview?.close();
    this.#board?.close();
    this.#preview = null;
    this.#host.hidden = true;
    if (!subject) return;
    const name = "run" in subject ? subject.run : subject.agent;
    const canvas = make("canvas", { role: "img", "aria-label": `Board of ${name}` });
    this.#host.replaceChildren(canvas, make("figcaption", { class: "fine" }, caption ?? `${name} plays.`));
    this.#board = new BoardCanvas(canvas, { flashes: false });
    this.#preview = new Preview(subject);
    this.#preview.on("board", (board) => {
      this.#host.hidden = false;
      this.#board?.show(board);
    });
  }
}
