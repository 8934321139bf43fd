// The board and what stands beside it: next pieces, hold, thoughts, the figures of this game and of the run.

import { BoardCanvas, ROWS_ABOVE } from "../common/board.js";
import { drawPieces, keepCrisp, readPalette } from "../common/cells.js";
import { find, findAll, make, setAttribute, setText } from "../common/dom.js";
import { LETTERS } from "../common/pieces.js";
import { count, small } from "../common/words.js";

const SHOWN_THOUGHTS = 3;
const LONGEST_FIGURE = 9; // characters that fit in the large size

export class Stage {
  #root = find("#stage");
  #board = new BoardCanvas(find("#board"));
  #next = find("#next");
  #hold = find("#hold");
  #palette = readPalette();
  #latest = null;
  #frame = 0;

  constructor() {
    keepCrisp(this.#next, () => this.#request());
    keepCrisp(this.#hold, () => this.#request());
    document.addEventListener("themechange", () => {
      this.#palette = readPalette();
      this.#request();
    });
    find("#thoughts-list").append(
      ...Array.from({ length: SHOWN_THOUGHTS }, () =>
        make("li", {}, make("span", { class: "value" }, "–"), make("span", { class: "bar" })),
      ),
    );
  }

  /** The size of the board to come, so that nothing moves when it is there. */
  setShape({ width, height, hold }) {
    if (hold !== undefined) find("#hold-box").hidden = !hold;
    this.#root.style.setProperty("--columns", width);
    this.#root.style.setProperty("--rows", height + ROWS_ABOVE);
  }

  show(board) {
    if (board && (board.width !== this.#latest?.width || board.height !== this.#latest?.height)) this.setShape(board);
    this.#latest = board;
    this.#board.show(board);
    this.#request();
  }

  /** Figures of the run: best game and number of games. */
  showTotals({ best, games }) {
    setText(find("#best-game"), count(best));
    setText(find("#games"), count(games));
  }

  /** A few words over the board, or none; `action` makes a button of it. */
  say(title, text = "", action = null) {
    const box = find("#board-message");
    box.hidden = !title;
    setText(find("strong", box), title ?? "");
    setText(find("p", box), text);
    const button = find("button", box);
    button.hidden = !action;
    if (action) {
      setText(button, action.label);
      button.onclick = action.run;
    }
  }

  /** Dims the board while what it shows is old. */
  setStale(isStale) {
    this.#root.classList.toggle("stale", isStale);
  }

  setThinking(isOn) {
    find("#thoughts").classList.toggle("off", !isOn);
  }

  #request() {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#drawSide();
    });
  }

  #drawSide() {
    const board = this.#latest;
    const queue = (board?.queue ?? []).slice(1).map((piece) => LETTERS[piece]);
    const held = LETTERS[board?.held ?? -1];
    if (held) find("#hold-box").hidden = false;
    drawPieces(this.#next, queue, 3, this.#palette);
    drawPieces(this.#hold, held ? [held] : [], 1, this.#palette);
    setAttribute(this.#next, "aria-label", queue.length ? `Next: ${queue.join(", ")}` : "Next: not shown");
    setAttribute(this.#hold, "aria-label", held ? `Hold: ${held}` : "Hold: empty");
    setText(find("#lines"), count(board?.lines_game));
    const score = count(board?.score_game);
    setText(find("#score"), score);
    find("#score").classList.toggle("long", score.length > LONGEST_FIGURE);
    setText(find("#pieces"), count(board?.pieces_game));
    this.#drawThoughts(board?.thoughts);
  }

  #drawThoughts(thoughts) {
    const best = [...(thoughts?.actions ?? [])].sort((a, b) => b.value - a.value);
    const low = best[Math.floor(best.length / 2)]?.value ?? 0;
    const span = (best[0]?.value ?? 0) - low || 1;
    findAll("#thoughts-list li").forEach((item, rank) => {
      const value = best[rank]?.value;
      setText(find(".value", item), small(value));
      const share = value === undefined ? 0 : Math.max(0, (value - low) / span);
      find(".bar", item).style.setProperty("--share", share.toFixed(3));
    });
    setText(find("#thoughts-count"), best.length ? `of ${best.length} placements` : "");
  }
}
