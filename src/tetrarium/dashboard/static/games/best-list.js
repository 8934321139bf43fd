// @ts-check
// List of the best placements of a position, each with its value, its lines and what follows it.

import { make, setText } from "../common/dom.js";
import { formatNumber } from "../common/format.js";
import { pieceLetter } from "../common/pieces.js";

/** @typedef {import("./api.js").PositionAnalysis} PositionAnalysis */
/** @typedef {import("./api.js").Candidate} Candidate */

const CLEARS = ["", "single", "double", "triple", "Tetris"];

export class BestList {
  #host;
  #onChoose;
  #shown = "";
  #chosen = -1;

  /**
   * @param {HTMLElement} host an empty list
   * @param {(candidate: Candidate | null) => void} onChoose called with the placement whose continuation is shown
   */
  constructor(host, onChoose) {
    this.#host = host;
    this.#onChoose = onChoose;
  }

  /**
   * @param {PositionAnalysis | null} position
   * @param {number} width of the board
   */
  show(position, width) {
    const state = JSON.stringify(position);
    if (state === this.#shown) return;
    this.#shown = state;
    this.#chosen = -1;
    const played = position?.played;
    const rows = (position?.best ?? []).map((candidate, k) => {
      const isPlayed = played && candidate.cells.join() === played.cells.join() && candidate.piece === played.piece;
      const follows = candidate.ahead.map(({ piece }) => pieceLetter(piece)).join(" ");
      const clear = CLEARS[candidate.lines];
      return make(
        "li",
        {},
        make(
          "button",
          { type: "button", "aria-pressed": "false", onclick: () => this.#choose(k, candidate) },
          make("span", { class: "best-placement" }, `${placementText(candidate, width)}${isPlayed ? " · played" : ""}`),
          make("span", { class: "best-clear fine" }, candidate.ends ? "ends the game" : clear),
          make("span", { class: "best-value" }, candidate.value === null ? "lost" : formatNumber(candidate.value)),
          make("span", { class: "best-ahead fine" }, follows ? `then ${follows}` : ""),
        ),
      );
    });
    this.#host.replaceChildren(...rows);
  }

  /** Hides the continuation that is shown. */
  reset() {
    this.#press(-1);
  }

  /**
   * @param {number} k
   * @param {Candidate} candidate
   */
  #choose(k, candidate) {
    this.#press(this.#chosen === k ? -1 : k);
    this.#onChoose(this.#chosen === k ? candidate : null);
  }

  /** @param {number} chosen */
  #press(chosen) {
    this.#chosen = chosen;
    for (const [k, button] of [...this.#host.querySelectorAll("button")].entries()) {
      button.setAttribute("aria-pressed", String(k === chosen));
    }
  }
}

/**
 * Returns a placement in words, columns counted from 1.
 *
 * @param {Pick<Candidate, "piece" | "rotation" | "cells">} placement
 * @param {number} width of the board
 */
export function placementText({ piece, rotation, cells }, width) {
  const columns = cells.map((cell) => (cell % width) + 1);
  const [first, last] = [Math.min(...columns), Math.max(...columns)];
  const turned = rotation ? ` turned ${90 * rotation}°` : "";
  return `${pieceLetter(piece) ?? "?"}${turned}, ${first === last ? `column ${first}` : `columns ${first}–${last}`}`;
}

/**
 * Shows how the played placement compares.
 *
 * @param {HTMLElement} element
 * @param {PositionAnalysis | null} position
 * @param {number} width of the board
 */
export function showVerdict(element, position, width) {
  let text = "";
  if (position?.played && position.rank !== null) {
    const lost = position.drop === null ? "loses the game" : `${formatNumber(position.drop)} lost`;
    const rank = `${position.rank} of ${position.n_legal}`;
    text =
      position.rank === 1 ? "Played: the best" : `Played: ${placementText(position.played, width)}, ${rank}, ${lost}`;
  }
  setText(element, text);
}
