// @ts-check
// The watched game: its board, next pieces, hold, action values, and the figures of the game and the run.

import { BoardCanvas, ROWS_ABOVE } from "../common/board.js";
import { find, findAll, findButton, findCanvas, make, setText } from "../common/dom.js";
import { formatCount, formatNumber } from "../common/format.js";
import { PieceQueue } from "../common/piece-queue.js";
import { pieceLetter } from "../common/pieces.js";

const N_VALUES = 3; // best action values in the list
const STILL = "ISSI.JJJZZIOOI.JJZZTIOOI..SSTTISL....SSTSSL.......SLL.......OO........OO"; // a board of the champion
const STILL_WIDTH = 10;

/** @typedef {{ width: number, height: number, hold?: boolean }} BoardShape */

export class GamePanel {
  #root;
  #board;
  #next;
  #hold;
  /** @type {BoardShown | null} */
  #latest = null;
  #frame = 0;
  /** @type {BoardShape} */
  #shape = { width: STILL_WIDTH, height: 20 };

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
    this.#board = new BoardCanvas(findCanvas("#board", root));
    this.#next = new PieceQueue(findCanvas("#next", root), { slots: 3, label: "Next", none: "not shown" });
    this.#hold = new PieceQueue(findCanvas("#hold", root), { slots: 1, label: "Hold", none: "empty" });
    const items = Array.from({ length: N_VALUES }, () =>
      make("li", {}, make("span", { class: "value" }, "–"), make("span", { class: "bar" })),
    );
    find("#action-values-list", root).append(...items);
  }

  /**
   * Sets the size of the board before the first board arrives, so that the layout does not move.
   *
   * @param {BoardShape} shape
   */
  setShape({ width, height, hold }) {
    this.#shape = { width, height };
    if (hold !== undefined) find("#hold-box", this.#root).hidden = !hold;
    this.#root.style.setProperty("--columns", String(width));
    this.#root.style.setProperty("--rows", String(height + ROWS_ABOVE));
  }

  /**
   * Shows a board; null shows a still one.
   *
   * @param {BoardShown | null} board
   */
  show(board) {
    if (board && (board.width !== this.#latest?.width || board.height !== this.#latest?.height)) this.setShape(board);
    this.#latest = board;
    this.#board.show(board ?? this.#makeStill());
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#showFigures();
    });
  }

  /**
   * Shows figures of the run: lines of its best game, and the number of games.
   *
   * @param {{ best: number | null | undefined, games: number | null | undefined }} totals
   */
  showTotals({ best, games }) {
    this.#showFigure("#best-game", best);
    this.#showFigure("#games", games);
  }

  /**
   * Shows a message over the board; an empty title hides it.
   *
   * @param {string} title
   * @param {string} [text]
   * @param {{ label: string, run: () => unknown } | null} [action] of the message's button
   * @param {boolean} [isAside] whether the board below it is to stay in sight
   */
  showMessage(title, text = "", action = null, isAside = false) {
    const message = find("#board-message", this.#root);
    message.hidden = !title;
    message.classList.toggle("aside", isAside);
    setText(find("strong", message), title);
    setText(find("p", message), text);
    const button = findButton("button", message);
    button.hidden = !action;
    if (action) {
      setText(button, action.label);
      button.onclick = action.run;
    }
  }

  /**
   * Dims a board that is out of date.
   *
   * @param {boolean} isStale
   */
  setStale(isStale) {
    this.#root.classList.toggle("stale", isStale);
  }

  #makeStill() {
    const { width, height } = this.#shape;
    return { width, height, cells: width === STILL_WIDTH ? STILL : "", queue: [], is_still: true };
  }

  /** @param {boolean} isOn */
  setActionValues(isOn) {
    find("#action-values", this.#root).classList.toggle("off", !isOn);
  }

  #showFigures() {
    const board = this.#latest;
    const held = pieceLetter(board?.held);
    if (held) find("#hold-box", this.#root).hidden = false;
    this.#next.show((board?.queue ?? []).slice(1).map(pieceLetter));
    this.#hold.show([held]);
    this.#showFigure("#lines", board?.lines_game);
    this.#showFigure("#pieces", board?.pieces_game);
    this.#showFigure("#score", board?.score_game);
    this.#showActionValues(board?.action_values);
  }

  /**
   * Shows a number in a size in which it fits.
   *
   * @param {string} selector
   * @param {number | null | undefined} value
   */
  #showFigure(selector, value) {
    const figure = find(selector, this.#root);
    const text = formatCount(value);
    setText(figure, text);
    figure.style.setProperty("--characters", String(text.length));
  }

  /** @param {ActionValues | null | undefined} values */
  #showActionValues(values) {
    const sorted = [...(values?.actions ?? [])].sort((a, b) => b.value - a.value);
    const median = sorted[Math.floor(sorted.length / 2)]?.value ?? 0;
    const span = (sorted[0]?.value ?? 0) - median || 1;
    for (const [rank, item] of findAll("#action-values-list li", this.#root).entries()) {
      const value = sorted[rank]?.value;
      setText(find(".value", item), formatNumber(value));
      const share = value === undefined ? 0 : Math.max(0, (value - median) / span);
      find(".bar", item).style.setProperty("--share", share.toFixed(3));
    }
    setText(find("#action-values-count", this.#root), sorted.length ? `of ${sorted.length} placements` : "");
  }
}
