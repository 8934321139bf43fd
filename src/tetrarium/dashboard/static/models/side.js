// Side by side: two play the same pieces, with the running difference; and a comparison over many games.

import { api } from "./api.js";
import { find, make, setText } from "../common/dom.js";
import { numberIn } from "../common/inputs.js";
import { count, lines } from "../common/words.js";
import { SeatView } from "./seats.js";
import { Table, TableControls, sayInPlace } from "./table.js";

const EMPTY = "Name two players, and they play the same pieces here.";
const signed = (value) => (value > 0 ? `+${count(value)}` : value < 0 ? `−${count(-value)}` : "0");
const signedLines = (value) => `${value > 0 ? "+" : value < 0 ? "−" : ""}${lines(Math.abs(value))}`;

export class Side {
  #page;
  #table;
  #seats = [];
  #isShown = false;

  constructor(page) {
    this.#page = page;
    this.#table = new Table(page.link);
    this.controls = new TableControls(this.#table, find("#side-controls"));
    find("#side-form").addEventListener("submit", (event) => this.#start(event));
    find("#compare").addEventListener("click", () => this.#compare());
    this.#table.addEventListener("change", () => this.#tell());
    this.#table.addEventListener("shown", ({ detail }) => this.#show(detail));
    this.#tell();
  }

  get isShown() {
    return this.#isShown;
  }

  set isShown(isShown) {
    this.#isShown = this.#table.isShown = isShown;
  }

  takeProtocols(protocols) {
    const select = find("#side-protocol");
    select.replaceChildren(...protocols.map(({ name }) => make("option", { value: name }, name)));
    const tellDefaults = () => {
      const { n_games: games, max_pieces: pieces } = protocols.find(({ name }) => name === select.value) ?? {};
      find("#compare-games").placeholder = count(games);
      find("#compare-pieces").placeholder = count(pieces);
    };
    select.onchange = tellDefaults;
    tellDefaults();
  }

  /** Takes two players over from the leaderboard. */
  take([one, other]) {
    find("#side-one").value = one;
    find("#side-other").value = other;
  }

  get #names() {
    const [one, other] = [find("#side-one").value.trim(), find("#side-other").value.trim()];
    if (!one || !other) throw new Error("Two players are compared. Name both.");
    return [one, other];
  }

  async #start(event) {
    event.preventDefault();
    const button = find("#side-form .primary");
    const fault = find("#side-form .form-error");
    setText(fault, "");
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    try {
      const seats = this.#names;
      const seed = wholeNumber("Seed", find("#side-seed").value, 0, 2 ** 32 - 1) ?? 0;
      await this.#table.start({ seats, seed, protocol: find("#side-protocol").value, together: true, same_pieces: true });
    } catch (error) {
      setText(fault, error.message);
    } finally {
      button.removeAttribute("aria-busy");
    }
  }

  #clear() {
    for (const seat of this.#seats) seat.close();
    this.#seats = [];
    setText(find("#difference"), "–");
    find("#wins").replaceChildren();
  }

  #tell() {
    if (this.#table.hasEnded) this.#clear();
    sayInPlace(find("#side-place"), this.#table, EMPTY);
  }

  #show({ event, now }) {
    if (this.#seats.length !== event.seats.length) {
      this.#clear();
      this.#seats = event.seats.map(() => new SeatView());
      find("#side-boards").replaceChildren(...this.#seats.map(({ element }) => element));
      event.seats.forEach(({ what }, k) => this.#seats[k].name(what));
      find("#wins").replaceChildren(...event.seats.flatMap(({ what }) => [make("dt", {}, what), make("dd", {}, "0")]));
    }
    event.seats.forEach((seat, k) => this.#seats[k].show(seat, now));
    const [one, other] = event.seats;
    const by = one.lines_game - other.lines_game;
    setText(find("#difference"), signed(by));
    const leader = by === 0 ? null : by > 0 ? one : other;
    const pieces = Math.max(one.pieces_game, other.pieces_game);
    setText(find("#difference-text"), leader ? `${leader.what} has ${count(Math.abs(by))} ${Math.abs(by) === 1 ? "line" : "lines"} more after ${count(pieces)} pieces.` : `As many lines each, after ${count(pieces)} pieces.`);
    const ended = Math.min(one.games_ended, other.games_ended); // by both
    find("#wins").querySelectorAll("dd").forEach((cell, k) => setText(cell, `${count(event.seats[k].games_won)} of ${count(ended)} games won`));
  }

  async #compare() {
    const button = find("#compare");
    const fault = find("#compare-error");
    setText(fault, "");
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    setText(button, "Comparing…");
    try {
      const [one, other] = this.#names;
      const games = wholeNumber("Games", find("#compare-games").value, 1, 10_000);
      const max_pieces = wholeNumber("Cut at pieces", find("#compare-pieces").value, 1, 1_000_000);
      const order = { kind: "compare", one, other, protocol: find("#side-protocol").value, games, max_pieces };
      const ended = await this.#page.jobs.run(() => api.startJob(order));
      if (ended.state === "finished") find("#verdict").replaceChildren(...verdict(ended.result));
    } catch (error) {
      setText(fault, error.message);
    } finally {
      button.removeAttribute("aria-busy");
      setText(button, "Compare");
    }
  }
}

/** What a comparison came to: the sentence, the interval against zero, and the figures of both. */
function verdict({ sentence, difference, interval: [low, high], one, other, lines_one: linesOne, lines_other: linesOther, n_won: won, n_lost: lost, n_games: games, is_real: isReal }) {
  const widest = Math.max(Math.abs(low), Math.abs(high), Math.abs(difference), 1e-9);
  const place = (value) => 0.5 + (0.48 * value) / widest;
  const bar = make("span", { class: isReal ? "against-zero real" : "against-zero", role: "img", "aria-label": `Difference ${signedLines(difference)}, ${signedLines(low)} to ${signedLines(high)}` });
  bar.style.setProperty("--from", place(low));
  bar.style.setProperty("--to", place(high));
  bar.style.setProperty("--at", place(difference));
  const row = (name, value, better) => make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, lines(value)), make("td", {}, `${count(better)} of ${count(games)}`));
  return [
    make("p", { class: "sentence" }, sentence), bar,
    make("p", { class: "fine axis" }, make("span", {}, `${other} better`), make("span", {}, "0"), make("span", {}, `${one} better`)),
    make("table", {}, make("thead", {}, make("tr", {}, ["Player", "Lines a game", "Better in"].map((title) => make("th", { scope: "col" }, title)))),
      make("tbody", {}, row(one, linesOne, won), row(other, linesOther, lost))),
  ];
}

/** Reads a whole number; nothing is null. Throws in words for people. */
export function wholeNumber(name, text, low, high) {
  if (text.trim() === "") return null;
  const value = numberIn(text.trim());
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new Error(`${name} is a whole number from ${count(low)} to ${count(high)}; got “${text}”.`);
  }
  return value;
}
