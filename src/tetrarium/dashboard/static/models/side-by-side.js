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
 * @property {string} agent
 * @property {string} other_agent
 * @property {number} lines
 * @property {number} other_lines
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
  #root;
  #jobs;
  #table;
  /** @type {SeatView[]} */
  #seats = [];

  /**
   * @param {HTMLElement} root the page's main element
   * @param {import("../common/live-socket.js").LiveSocket} socket
   * @param {import("./jobs.js").Jobs} jobs
   */
  constructor(root, socket, jobs) {
    this.#root = root;
    this.#jobs = jobs;
    this.#table = new DemoTable(socket);
    this.controls = new DemoTableControls(this.#table, find("#side-controls", this.#root));
    find("#side-form", this.#root).addEventListener("input", () => this.#showState());
    find("#side-form", this.#root).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#start();
    });
    find("#compare", this.#root).addEventListener("click", () => this.#compare());
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
    const select = findSelect("#side-protocol", this.#root);
    select.replaceChildren(...protocols.map(({ name }) => make("option", { value: name }, name)));
    const showDefaults = () => {
      const protocol = protocols.find(({ name }) => name === select.value);
      findInput("#compare-games", this.#root).placeholder = formatCount(protocol?.n_games);
      findInput("#compare-pieces", this.#root).placeholder = formatCount(protocol?.max_pieces);
    };
    select.onchange = showDefaults;
    showDefaults();
  }

  /** @param {string[]} agents of which the first two play */
  showAgents([agent, otherAgent]) {
    findInput("#side-agent", this.#root).value = agent ?? "";
    findInput("#side-other-agent", this.#root).value = otherAgent ?? "";
    return this.#start();
  }

  #readAgents() {
    const [agent, otherAgent] = [
      findInput("#side-agent", this.#root).value.trim(),
      findInput("#side-other-agent", this.#root).value.trim(),
    ];
    if (!agent || !otherAgent) throw new Error("Two agents are needed. Name both.");
    return [agent, otherAgent];
  }

  #start() {
    const error = find("#side-form .form-error", this.#root);
    setText(error, "");
    const start = async () => {
      const seats = this.#readAgents();
      const { limits } = await readMeta();
      const seed = parseOptionalWhole("Seed", findInput("#side-seed", this.#root).value, 0, limits.max_seed) ?? 0;
      const protocol = findSelect("#side-protocol", this.#root).value;
      await this.#table.start({ seats, seed, protocol, together: true, same_pieces: true });
      find("#side-boards", this.#root).focus();
    };
    return runAction(find("#side-form .primary", this.#root), null, start, ({ message }) => setText(error, message));
  }

  #clear() {
    for (const seat of this.#seats) seat.close();
    this.#seats = [];
    setText(find("#difference", this.#root), "–");
    find("#wins", this.#root).replaceChildren();
  }

  #showState() {
    if (this.#table.hasEnded) this.#clear();
    const isReady =
      findInput("#side-agent", this.#root).value.trim() && findInput("#side-other-agent", this.#root).value.trim();
    showTableMessage(find("#side-place", this.#root), this.#table, isReady ? READY : EMPTY);
  }

  /** @param {import("./demo-table.js").ShownTable} shown */
  #show({ event: { seats }, now_ms }) {
    if (this.#seats.length !== seats.length) this.#makeSeats(seats);
    for (const [k, seat] of seats.entries()) this.#seats[k].show(seat, now_ms);
    this.#showDifference(seats);
    const nEnded = Math.min(...seats.map(({ games_ended: n }) => n)); // by both
    for (const [k, cell] of findAll("#wins dd", this.#root).entries()) {
      setText(cell, `${formatCount(seats[k].games_won)} of ${formatCount(nEnded)} games won`);
    }
  }

  /** @param {TableSeat[]} seats */
  #makeSeats(seats) {
    this.#clear();
    this.#seats = seats.map(({ agent }) => new SeatView(agent));
    find("#side-boards", this.#root).replaceChildren(...this.#seats.map(({ element }) => element));
    find("#wins", this.#root).replaceChildren(
      ...seats.flatMap(({ agent }) => [make("dt", {}, agent), make("dd", {}, "0")]),
    );
  }

  /** @param {TableSeat[]} seats */
  #showDifference([seat, otherSeat]) {
    const lead = seat.lines_game - otherSeat.lines_game;
    const pieces = `${formatCount(Math.max(seat.pieces_game, otherSeat.pieces_game))} pieces`;
    setText(find("#difference", this.#root), formatSigned(lead));
    const leader = lead > 0 ? seat : otherSeat;
    const lines = `${formatCount(Math.abs(lead))} ${Math.abs(lead) === 1 ? "line" : "lines"}`;
    const text = lead ? `${leader.agent} has ${lines} more after ${pieces}.` : `Equal lines after ${pieces}.`;
    setText(find("#difference-text", this.#root), text);
  }

  #compare() {
    const error = find("#compare-error", this.#root);
    setText(error, "");
    const compare = async () => {
      const [agent, otherAgent] = this.#readAgents();
      const { limits } = await readMeta();
      const games = parseOptionalWhole(
        "Games",
        findInput("#compare-games", this.#root).value,
        1,
        limits.max_compared_games,
      );
      const max_pieces = parseOptionalWhole(
        "Piece limit",
        findInput("#compare-pieces", this.#root).value,
        1,
        limits.max_compared_pieces,
      );
      const protocol = findSelect("#side-protocol", this.#root).value;
      const kind = /** @type {const} */ ("compare");
      const ended = await this.#jobs.run(() =>
        api.startJob({ kind, agent, other_agent: otherAgent, protocol, games, max_pieces }),
      );
      if (ended.state !== "finished") return;
      find("#verdict", this.#root).replaceChildren(...makeVerdict(/** @type {any} */ (ended.result)));
    };
    return runAction(findButton("#compare", this.#root), "Comparing…", compare, ({ message }) =>
      setText(error, message),
    );
  }
}

/**
 * Makes the result of a comparison: the sentence, the interval against zero, and the figures of both agents.
 *
 * @param {ComparisonResult} result
 */
function makeVerdict(result) {
  const { sentence, agent, other_agent: otherAgent } = result;
  const axis = [`${otherAgent} better`, "0", `${agent} better`].map((text) => make("span", {}, text));
  const heads = ["Agent", "Lines until the limit", "Better in"].map((title) => make("th", { scope: "col" }, title));
  const makeRow = (/** @type {string} */ name, /** @type {number} */ lines, /** @type {number} */ nBetter) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, name),
      make("td", {}, formatLines(lines)),
      make("td", {}, `${formatCount(nBetter)} of ${formatCount(result.n_games)}`),
    );
  const rows = [makeRow(agent, result.lines, result.n_won), makeRow(otherAgent, result.other_lines, result.n_lost)];
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
