// The game as it is seen: boards, next pieces, hold, figures, and words over the board.

import { BoardCanvas, ROWS_ABOVE } from "../common/board.js";
import { drawPieces, keepCrisp, readPalette } from "../common/cells.js";
import { find, make, setAttribute, setText } from "../common/dom.js";
import { LETTERS } from "../common/pieces.js";
import { count, small } from "../common/words.js";
import { clock, signed } from "./words.js";

const SHOWN_NEXT = 5;
const SAID_MS = 2_000;
const LONGEST_FIGURE = 8; // characters that fit in the large size

export class PlayStage {
  #board = new BoardCanvas(find("#board"));
  #rival = new BoardCanvas(find("#rival-board"));
  #palette = readPalette();
  #shown = null;
  #frame = 0;
  #saidKey = "";
  #saidTimer = 0;
  #since = 0; // when the newest message came

  constructor() {
    for (const id of ["#next", "#hold"]) keepCrisp(find(id), () => this.#request());
    document.addEventListener("themechange", () => {
      this.#palette = readPalette();
      this.#request();
    });
    find("#stage").style.setProperty("--rows", 20 + ROWS_ABOVE);
    setInterval(() => this.#showTime(), 50);
    this.#board.show(null);
    this.#rival.show(null);
  }

  /** Shows the newest message of the game. */
  show(shown) {
    this.#shown = shown;
    this.#since = performance.now();
    this.#board.show(shown);
    this.#request();
  }

  showRival(board) {
    this.#rival.show(board);
  }

  /** Words over the board; without a title none. `action` labels the button, and `figures` are [term, value]. */
  say(title, text = "", { action = "", figures = [], file = null } = {}) {
    const box = find("#board-message");
    box.hidden = !title;
    setText(find("#message-title"), title ?? "");
    setText(find("#message-text"), text);
    const list = find("#message-figures");
    list.hidden = !figures.length;
    list.replaceChildren(...figures.map(([term, value]) => make("div", {}, make("dt", {}, term), make("dd", {}, value))));
    const go = find("#go");
    go.hidden = !action;
    if (action) setText(go, action);
    const link = find("#download");
    link.hidden = !file;
    if (file) setAttribute(link, "href", file);
  }

  /** Dims the board while what it shows stands still. */
  setStale(isStale) {
    find("#content").classList.toggle("stale", isStale);
  }

  /** Whether keys reach a game under way: then the frame around the board is quiet. */
  setPlaying(isPlaying) {
    find("#content").classList.toggle("playing", isPlaying);
  }

  #request() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #draw() {
    const shown = this.#shown;
    const next = (shown?.queue ?? []).slice(1, 1 + SHOWN_NEXT).map((piece) => LETTERS[piece]);
    const held = LETTERS[shown?.held ?? -1];
    drawPieces(find("#next"), next, SHOWN_NEXT, this.#palette);
    drawPieces(find("#hold"), held ? [held] : [], 1, this.#palette);
    find("#hold").classList.toggle("used", Boolean(shown) && !shown.can_hold);
    setAttribute(find("#next"), "aria-label", next.length ? `Next: ${next.join(", ")}` : "Next: not shown");
    setAttribute(find("#hold"), "aria-label", held ? `Hold: ${held}` : "Hold: empty");
    if (!shown) return;
    setText(find("#lines"), count(shown.lines_game));
    setText(find("#goal"), shown.goal_lines ? ` / ${shown.goal_lines}` : "");
    setText(find("#level"), count(shown.level));
    const score = count(shown.score_game);
    setText(find("#score"), score);
    find("#score").classList.toggle("long", score.length > LONGEST_FIGURE);
    this.#showTime();
    this.#showSaid(shown);
    this.#showAdvice(shown.advice);
    this.#showRivalFigures(shown);
  }

  #showTime() {
    const shown = this.#shown;
    if (!shown) return;
    const since = shown.phase === "playing" ? Math.min(0.5, (performance.now() - this.#since) / 1000) : 0;
    setText(find("#time"), clock(shown.seconds + since));
  }

  /** What the latest placement scored, for two seconds. */
  #showSaid({ game, said, said_pieces }) {
    const key = `${game} ${said_pieces}`;
    if (key === this.#saidKey) return;
    this.#saidKey = key;
    const box = find("#said");
    box.replaceChildren(...said.map((line) => make("span", {}, line)));
    clearTimeout(this.#saidTimer);
    this.#saidTimer = setTimeout(() => box.replaceChildren(), SAID_MS);
  }

  #showAdvice(advice) {
    const line = find("#advice-line");
    line.hidden = advice?.state !== "ready";
    if (line.hidden) return;
    setText(find("#advice-name"), `${advice.what} `);
    setText(find("#advice-value"), advice.value === null ? "" : small(advice.value));
  }

  #showRivalFigures({ opponent, lines_game, score_game }) {
    const isThere = opponent?.state === "ready";
    find("#rival").hidden = !isThere;
    find("#content").classList.toggle("versus", isThere);
    if (!isThere) return;
    setText(find("#rival-name"), opponent.what);
    setText(find("#rival-lines"), count(opponent.lines));
    setText(find("#rival-score"), count(opponent.score));
    setText(find("#ahead-lines"), signed(lines_game - opponent.lines));
    setText(find("#ahead-score"), signed(score_game - opponent.score));
    const message = find("#rival-message");
    message.hidden = !opponent.over && !opponent.finished;
    setText(find("strong", message), opponent.finished ? "There" : "Over");
    setText(find("p", message), opponent.finished ? clock(opponent.seconds) : `after ${count(opponent.pieces)} pieces`);
  }
}
