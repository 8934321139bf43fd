// @ts-check
// Side by side: two agents play the same pieces, with the running difference; and their statistical comparison.

import { find, findAll, findButton, findInput, findSelect, make, setText } from "../common/dom.js";
import { formatCount, formatLines, formatSigned } from "../common/format.js";
import { readMeta } from "../common/meta.js";
import { parseOptionalWhole } from "../common/setting-input.js";
import { runAction } from "../common/toast.js";
import { api } from "./api.js";
import { DemoTable, DemoTableControls, showTableMessage } from "./demo-table.js";
import { SeatView } from "./seat-view.js";

/** @typedef {import("./api.js").Protocol} Protocol */

/**
 * @typedef {object} ComparisonResult result of a job of kind "compare"
 * @property {string} sentence
 * @property {number} difference of lines until the limit
 * @property {[low: number, high: number]} interval of the difference
 * @property {string} one
 * @property {string} other
 * @property {number} lines_one
 * @property {number} lines_other
 * @property {number} n_won
 * @property {number} n_lost
 * @property {number} n_games
 * @property {boolean} is_significant whether the interval excludes zero
 */

const EMPTY = "Name two agents, and they play the same pieces here.";
const READY = "Press Play, and both play the same pieces here.";

/** @param {number} value */
const formatSignedLines = (value) => `${value > 0 ? "+" : value < 0 ? "−" : ""}${formatLines(Math.abs(value))}`;

export class SideBySide {
  #jobs;
  #table;
  /** @type {SeatView[]} */
  #seats = [];

  /**
   * @param {import("../common/live-socket.js").LiveSocket} socket
   * @param {import("./jobs.js").Jobs} jobs
   */
  constructor(socket, jobs) {
    this.#jobs = jobs;
    this.#table = new DemoTable(socket);
    this.controls = new DemoTableControls(this.#table, find("#side-controls"));
    find("#side-form").addEventListener("input", () => this.#showState());
    find("#side-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#start();
    });
    find("#compare").addEventListener("click", () => this.#compare());
    this.#table.on("change", () => this.#showState());
    this.#table.on("shown", (shown) => this.#show(shown));
    this.#showState();
  }

  /** @param {boolean} isVisible */
  setVisible(isVisible) {
    if (this.#table.isVisible !== isVisible) this.#table.isVisible = isVisible;
  }

  /** @param {Protocol[]} protocols */
  setProtocols(protocols) {
    const select = findSelect("#side-protocol");
    select.replaceChildren(...protocols.map(({ name }) => make("option", { value: name }, name)));
    const showDefaults = () => {
      const protocol = protocols.find(({ name }) => name === select.value);
      findInput("#compare-games").placeholder = formatCount(protocol?.n_games);
      findInput("#compare-pieces").placeholder = formatCount(protocol?.max_pieces);
    };
    select.onchange = showDefaults;
    showDefaults();
  }

  /** @param {string[]} agents of which the first two play */
  showAgents([one, other]) {
    findInput("#side-one").value = one ?? "";
    findInput("#side-other").value = other ?? "";
    return this.#start();
  }

  #readAgents() {
    const [one, other] = [findInput("#side-one").value.trim(), findInput("#side-other").value.trim()];
    if (!one || !other) throw new Error("Two agents are needed. Name both.");
    return [one, other];
  }

  #start() {
    const error = find("#side-form .form-error");
    setText(error, "");
    const start = async () => {
      const seats = this.#readAgents();
      const { limits } = await readMeta();
      const seed = parseOptionalWhole("Seed", findInput("#side-seed").value, 0, limits.max_seed) ?? 0;
      const protocol = findSelect("#side-protocol").value;
      await this.#table.start({ seats, seed, protocol, together: true, same_pieces: true });
      find("#side-boards").focus();
    };
    return runAction(find("#side-form .primary"), null, start, ({ message }) => setText(error, message));
  }

  #clear() {
    for (const seat of this.#seats) seat.close();
    this.#seats = [];
    setText(find("#difference"), "–");
    find("#wins").replaceChildren();
  }

  #showState() {
    if (this.#table.hasEnded) this.#clear();
    const isReady = findInput("#side-one").value.trim() && findInput("#side-other").value.trim();
    showTableMessage(find("#side-place"), this.#table, isReady ? READY : EMPTY);
  }

  /** @param {import("./demo-table.js").ShownTable} shown */
  #show({ event: { seats }, now_ms }) {
    if (this.#seats.length !== seats.length) this.#makeSeats(seats);
    for (const [k, seat] of seats.entries()) this.#seats[k].show(seat, now_ms);
    this.#showDifference(seats);
    const nEnded = Math.min(...seats.map(({ games_ended: n }) => n)); // by both
    for (const [k, cell] of findAll("#wins dd").entries()) {
      setText(cell, `${formatCount(seats[k].games_won)} of ${formatCount(nEnded)} games won`);
    }
  }

  /** @param {TableSeat[]} seats */
  #makeSeats(seats) {
    this.#clear();
    this.#seats = seats.map(({ agent }) => new SeatView(agent));
    find("#side-boards").replaceChildren(...this.#seats.map(({ element }) => element));
    find("#wins").replaceChildren(...seats.flatMap(({ agent }) => [make("dt", {}, agent), make("dd", {}, "0")]));
  }

  /** @param {TableSeat[]} seats */
  #showDifference([one, other]) {
    const lead = one.lines_game - other.lines_game;
    const pieces = `${formatCount(Math.max(one.pieces_game, other.pieces_game))} pieces`;
    setText(find("#difference"), formatSigned(lead));
    const leader = lead > 0 ? one : other;
    const lines = `${formatCount(Math.abs(lead))} ${Math.abs(lead) === 1 ? "line" : "lines"}`;
    const text = lead ? `${leader.agent} has ${lines} more after ${pieces}.` : `Equal lines after ${pieces}.`;
    setText(find("#difference-text"), text);
  }

  #compare() {
    const error = find("#compare-error");
    setText(error, "");
    const compare = async () => {
      const [one, other] = this.#readAgents();
      const { limits } = await readMeta();
      const games = parseOptionalWhole("Games", findInput("#compare-games").value, 1, limits.max_compared_games);
      const max_pieces = parseOptionalWhole(
        "Piece limit",
        findInput("#compare-pieces").value,
        1,
        limits.max_compared_pieces,
      );
      const protocol = findSelect("#side-protocol").value;
      const kind = /** @type {const} */ ("compare");
      const ended = await this.#jobs.run(() =>
        api.startJob({ kind, agent: one, other_agent: other, protocol, games, max_pieces }),
      );
      if (ended.state !== "finished") return;
      find("#verdict").replaceChildren(...makeVerdict(/** @type {any} */ (ended.result)));
    };
    return runAction(findButton("#compare"), "Comparing…", compare, ({ message }) => setText(error, message));
  }
}

/**
 * Makes the result of a comparison: the sentence, the interval against zero, and the figures of both agents.
 *
 * @param {ComparisonResult} result
 */
function makeVerdict(result) {
  const { sentence, one, other } = result;
  const axis = [`${other} better`, "0", `${one} better`].map((text) => make("span", {}, text));
  const heads = ["Agent", "Lines until the limit", "Better in"].map((title) => make("th", { scope: "col" }, title));
  const makeRow = (/** @type {string} */ name, /** @type {number} */ lines, /** @type {number} */ nBetter) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, name),
      make("td", {}, formatLines(lines)),
      make("td", {}, `${formatCount(nBetter)} of ${formatCount(result.n_games)}`),
    );
  const rows = [makeRow(one, result.lines_one, result.n_won), makeRow(other, result.lines_other, result.n_lost)];
  return [
    make("p", { class: "sentence" }, sentence),
    makeIntervalBar(result),
    make("p", { class: "fine axis" }, axis),
    make("table", {}, make("thead", {}, make("tr", {}, heads)), make("tbody", {}, rows)),
  ];
}

/** @param {ComparisonResult} result */
function makeIntervalBar({ difference, interval: [low, high], is_significant: isSignificant }) {
  const widest = Math.max(Math.abs(low), Math.abs(high), Math.abs(difference), 1e-9);
  const shareOf = (/** @type {number} */ value) => String(0.5 + (0.48 * value) / widest);
  const range = `${formatSignedLines(low)} to ${formatSignedLines(high)}`;
  const bar = make("span", {
    class: isSignificant ? "against-zero significant" : "against-zero",
    role: "img",
    "aria-label": `Difference ${formatSignedLines(difference)}, ${range}`,
  });
  bar.style.setProperty("--from", shareOf(low));
  bar.style.setProperty("--to", shareOf(high));
  bar.style.setProperty("--at", shareOf(difference));
  return bar;
}
