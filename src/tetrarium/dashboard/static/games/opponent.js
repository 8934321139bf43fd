// @ts-check
// Board of the opponent beside a person's game, as it was when the person placed each piece.

import { pageUrl } from "../common/address.js";
import { BoardCanvas } from "../common/board.js";
import { find, findCanvas, setAttribute, setText } from "../common/dom.js";
import { formatCount } from "../common/format.js";
import { GameBoards } from "./boards.js";

/** @typedef {import("./api.js").GameFacts} GameFacts */

export class OpponentBoard {
  #board = new BoardCanvas(findCanvas("#opponent-board"), { flashes: false });
  #boards;
  #pieces;
  #position = 0;
  #isMissing = false;

  /** @param {GameFacts["about"]} about of a game that has an opponent's */
  constructor({ opponent_game: game, opponent_pieces: pieces }) {
    this.#pieces = String(pieces).split(" ").map(Number);
    this.#boards = new GameBoards({ game: String(game) }, (error) => {
      this.#isMissing = error !== null;
      if (error) setText(find("#opponent-note"), error.message);
      else this.show(this.#position);
    });
    setAttribute(find("#opponent-link"), "href", pageUrl("games", String(game)));
    find("#opponent-card").hidden = false;
  }

  /** @param {number} position of the person's game */
  show(position) {
    this.#position = position;
    if (this.#isMissing) return;
    const placed = position ? (this.#pieces[position - 1] ?? 0) : 0;
    const shown = this.#boards.at(placed);
    if (!shown) return;
    const { width, height, cells, queue, ghost } = shown;
    this.#board.show({ width, height, cells, queue, ghost, is_still: true, step: placed });
    setText(find("#opponent-note"), `${formatCount(placed)} pieces · ${formatCount(shown.lines)} lines`);
  }
}
