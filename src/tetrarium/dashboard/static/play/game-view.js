// @ts-check
// The game that a person plays: both boards, next pieces, hold, figures, and the message over the board.

import { BoardCanvas, ROWS_ABOVE } from "../common/board.js";
import { find, findButton, findCanvas, make, setAttribute, setText } from "../common/dom.js";
import { formatClock, formatCount, formatNumber, formatSigned } from "../common/format.js";
import { PieceQueue } from "../common/piece-queue.js";
import { pieceLetter } from "../common/pieces.js";

const N_NEXT = 5;
const CLEAR_LABEL_MS = 2_000;
const TIME_EVERY_MS = 50;
const LONGEST_FIGURE = 8; // characters that fit in the large size

/**
 * @typedef {object} MessageOptions
 * @property {string} [action] label of the button; without one there is none
 * @property {[term: string, value: string][]} [figures]
 * @property {string | null} [file] address of the replay to save
 * @property {string | null} [analysis] address of its analysis
 */

export class GameView {
  #root;
  #board;
  #opponentBoard;
  #next;
  #hold;
  /** @type {HumanGameShown | null} */
  #game = null;
  #received_ms = 0; // time of the newest event
  #frame = 0;
  #clearLabelKey = "";
  #clearLabelTimer = 0;

  /** @param {HTMLElement} root the page's main element */
  constructor(root) {
    this.#root = root;
    this.#board = new BoardCanvas(findCanvas("#board", this.#root));
    this.#opponentBoard = new BoardCanvas(findCanvas("#opponent-board", this.#root));
    this.#next = new PieceQueue(findCanvas("#next", this.#root), { slots: N_NEXT, label: "Next", none: "not shown" });
    this.#hold = new PieceQueue(findCanvas("#hold", this.#root), { slots: 1, label: "Hold", none: "empty" });
    setInterval(() => this.#showTime(), TIME_EVERY_MS);
    this.#board.show(null);
    this.#opponentBoard.show(null);
  }

  /** Whether the page shows buttons for the keys, as on a phone. */
  get hasTouchKeys() {
    return find("#touch", this.#root).checkVisibility();
  }

  /** @param {HumanGameShown} game */
  show(game) {
    this.#game = game;
    this.#received_ms = performance.now();
    this.#board.show(game);
    this.#root.style.setProperty("--columns", String(game.width));
    this.#root.style.setProperty("--rows", String(game.height + ROWS_ABOVE));
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      if (this.#game) this.#showFigures(this.#game);
    });
  }

  /**
   * Shows the board of an agent while there is no game.
   *
   * @param {BoardShown} board
   */
  showPreview(board) {
    this.#board.show(board);
    this.#next.show((board.queue ?? []).slice(1, 1 + N_NEXT).map(pieceLetter));
  }

  /** @param {Board} board */
  showOpponent(board) {
    this.#opponentBoard.show(board);
  }

  /**
   * Shows a message over the board; an empty title hides it.
   *
   * @param {string} title
   * @param {string} [text]
   * @param {MessageOptions} [options]
   */
  showMessage(title, text = "", { action = "", figures = [], file = null, analysis = null } = {}) {
    find("#board-message", this.#root).hidden = !title;
    setText(find("#message-title", this.#root), title);
    setText(find("#message-text", this.#root), text);
    const list = find("#message-figures", this.#root);
    list.hidden = !figures.length;
    list.replaceChildren(
      ...figures.map(([term, value]) => make("div", {}, make("dt", {}, term), make("dd", {}, value))),
    );
    const button = findButton("#message-action", this.#root);
    button.hidden = !action;
    if (action) setText(button, action);
    for (const [id, href] of [
      ["#download", file],
      ["#analyze", analysis],
    ]) {
      const link = find(String(id), this.#root);
      link.hidden = !href;
      if (href) setAttribute(link, "href", href);
    }
  }

  /**
   * Dims a board that stands still.
   *
   * @param {boolean} isStale
   */
  setStale(isStale) {
    this.#root.classList.toggle("stale", isStale);
  }

  /**
   * Marks that keys reach a running game, which quiets the frame around the board.
   *
   * @param {boolean} isPlaying
   */
  setPlaying(isPlaying) {
    this.#root.classList.toggle("playing", isPlaying);
  }

  /** @param {HumanGameShown} game */
  #showFigures(game) {
    this.#next.show(game.queue.slice(1, 1 + N_NEXT).map(pieceLetter));
    this.#hold.show([pieceLetter(game.held)]);
    find("#hold", this.#root).classList.toggle("used", !game.can_hold);
    setText(find("#lines", this.#root), formatCount(game.lines_game));
    setText(find("#goal", this.#root), game.goal_lines ? ` / ${game.goal_lines}` : "");
    setText(find("#level", this.#root), formatCount(game.level));
    const score = formatCount(game.score_game);
    setText(find("#score", this.#root), score);
    find("#score", this.#root).classList.toggle("long", score.length > LONGEST_FIGURE);
    this.#showTime();
    this.#showClearLabel(game);
    this.#showAdvice(game.advice);
    this.#showOpponentFigures(game);
  }

  #showTime() {
    const game = this.#game;
    if (!game) return;
    const since_s = game.phase === "playing" ? Math.min(0.5, (performance.now() - this.#received_ms) / 1000) : 0;
    setText(find("#time", this.#root), formatClock(game.seconds + since_s));
  }

  /**
   * Shows what the latest placement scored, for two seconds.
   *
   * @param {HumanGameShown} game
   */
  #showClearLabel({ game, clear_label, clear_label_pieces }) {
    const key = `${game} ${clear_label_pieces}`;
    if (key === this.#clearLabelKey) return;
    this.#clearLabelKey = key;
    const label = find("#clear-label", this.#root);
    label.replaceChildren(...clear_label.map((line) => make("span", {}, line)));
    clearTimeout(this.#clearLabelTimer);
    this.#clearLabelTimer = setTimeout(() => label.replaceChildren(), CLEAR_LABEL_MS);
  }

  /** @param {Advice | null} advice */
  #showAdvice(advice) {
    const line = find("#advice-line", this.#root);
    line.hidden = advice?.state !== "ready";
    if (!advice || line.hidden) return;
    setText(find("#advice-name", this.#root), `${advice.agent} `);
    setText(find("#advice-value", this.#root), advice.value === null ? "" : formatNumber(advice.value));
  }

  /** @param {HumanGameShown} game */
  #showOpponentFigures({ opponent, lines_game, score_game }) {
    const isReady = opponent?.state === "ready";
    find("#opponent-panel", this.#root).hidden = !isReady;
    this.#root.classList.toggle("versus", isReady);
    if (!opponent || !isReady) return;
    setText(find("#opponent-name", this.#root), opponent.agent);
    setText(find("#opponent-lines", this.#root), formatCount(opponent.lines));
    setText(find("#opponent-score", this.#root), formatCount(opponent.score));
    setText(find("#ahead-lines", this.#root), formatSigned(lines_game - opponent.lines));
    setText(find("#ahead-score", this.#root), formatSigned(score_game - opponent.score));
    const message = find("#opponent-message", this.#root);
    message.hidden = !opponent.lost && !opponent.finished;
    setText(find("strong", message), opponent.finished ? "Finished" : "Game over");
    const end = opponent.finished ? formatClock(opponent.seconds) : `after ${formatCount(opponent.pieces)} pieces`;
    setText(find("p", message), end);
  }
}
