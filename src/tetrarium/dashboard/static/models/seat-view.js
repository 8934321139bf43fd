// @ts-check
// One seat of a demo table: its name, its board, and the figures of its game.

import { BoardCanvas, ROWS_ABOVE } from "../common/board.js";
import { make, setText } from "../common/dom.js";
import { formatCount } from "../common/format.js";

const LABEL_EVERY_MS = 1000; // the board's name for screen readers need not follow every move

export class SeatView {
  #name = make("h2", { class: "seat-name" });
  #lines = make("dd", { class: "seat-lines" });
  #pieces = make("dd", { class: "seat-pieces" });
  #best = make("dd", { class: "seat-best" });
  #games = make("dd", { class: "seat-game" });
  #message = make("p", { class: "seat-message", hidden: true });
  #canvas = make("canvas", { class: "seat-board", role: "img", "aria-label": "Board" });
  #board = new BoardCanvas(this.#canvas, { flashes: false });
  #labeled_ms = -Infinity;

  /** @param {string} name of the agent */
  constructor(name) {
    setText(this.#name, name);
    const figure = (/** @type {string} */ term, /** @type {string} */ title, /** @type {HTMLElement} */ value) =>
      make("div", {}, make("dt", { title }, term), value);
    this.element = make(
      "article",
      { class: "seat", "aria-label": name },
      this.#name,
      make("div", { class: "seat-box" }, this.#canvas, this.#message),
      make(
        "dl",
        { class: "seat-figures" },
        figure("Lines", "Rows that this game has cleared.", this.#lines),
        figure("Pieces", "Pieces that this game has placed.", this.#pieces),
        figure("Best", "Most lines in one game here.", this.#best),
        figure("Games", "Games that have ended here.", this.#games),
      ),
    );
  }

  /**
   * Shows a seat; called in an animation frame.
   *
   * @param {TableSeat} seat
   * @param {number} now_ms time of the frame
   */
  show(seat, now_ms) {
    this.#board.showNow(seat);
    this.element.style.setProperty("--columns", String(seat.width));
    this.element.style.setProperty("--rows", String(seat.height + ROWS_ABOVE));
    setText(this.#lines, formatCount(seat.lines_game));
    setText(this.#pieces, formatCount(seat.pieces_game));
    setText(this.#best, formatCount(seat.best_lines_game));
    setText(this.#games, formatCount(seat.games_ended));
    if (this.#message.hidden === seat.is_over) this.#message.hidden = !seat.is_over;
    if (seat.is_over) {
      setText(
        this.#message,
        `${seat.is_truncated ? "Truncated" : "Lost"} after ${formatCount(seat.pieces_game)} pieces`,
      );
    }
    if (now_ms - this.#labeled_ms < LABEL_EVERY_MS) return;
    this.#labeled_ms = now_ms;
    const counts = `${formatCount(seat.lines_game)} lines, ${formatCount(seat.pieces_game)} pieces`;
    this.#canvas.setAttribute("aria-label", `Board of ${seat.agent}: ${counts}`);
  }

  close() {
    this.#board.close();
    this.element.remove();
  }
}
