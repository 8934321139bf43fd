// @ts-check
// The wall: a demo of several agents at once.

import { find, findButton, findInput, findOptional, findSelect, make, setText } from "../common/dom.js";
import { runAction } from "../common/toast.js";
import { api } from "./api.js";
import { DemoTable, DemoTableControls, showTableMessage } from "./demo-table.js";
import { SeatView } from "./seat-view.js";

/** @typedef {import("./demo-table.js").ShownTable} ShownTable */

const MAX_IN_ONE_ROW = 4;
const EMPTY = "Add agents, the same one several times if you like, and watch them all.";

export class Wall {
  #root;
  #table;
  /** @type {string[]} */
  #chosen = [];
  /** @type {SeatView[]} */
  #seats = [];
  #maxSeats = Infinity;
  #error;

  /**
   * @param {HTMLElement} root the page's main element
   * @param {import("../common/live-socket.js").LiveSocket} socket
   */
  constructor(root, socket) {
    this.#root = root;
    this.#error = find("#wall-form .form-error", root);
    this.#table = new DemoTable(socket);
    this.controls = new DemoTableControls(this.#table, find("#wall-controls", this.#root));
    find("#wall-form", this.#root).addEventListener("submit", (event) => {
      event.preventDefault();
      runAction(
        find("#wall-add", this.#root),
        null,
        () => this.#add(),
        ({ message }) => setText(this.#error, message),
      );
    });
    find("#wall-start", this.#root).addEventListener("click", () => this.#start());
    this.#table.on("change", () => this.#showState());
    this.#table.on("shown", (shown) => this.#show(shown));
    this.#showState();
    this.#showChosen();
  }

  /** @param {boolean} isVisible */
  setVisible(isVisible) {
    if (this.#table.isVisible !== isVisible) this.#table.isVisible = isVisible;
  }

  /**
   * @param {import("./api.js").Protocol[]} protocols
   * @param {import("../common/meta.js").Meta["limits"]} limits
   */
  setOptions(protocols, { max_seats: maxSeats }) {
    this.#maxSeats = maxSeats;
    const own = make("option", { value: "" }, "each model's own");
    const options = protocols.map(({ name }) => make("option", { value: name }, name));
    find("#wall-protocol", this.#root).replaceChildren(own, ...options);
  }

  /** @param {string[]} agents */
  showAgents(agents) {
    this.#chosen = agents.slice(0, this.#maxSeats);
    this.#showChosen();
    return this.#start();
  }

  async #add() {
    const input = findInput("#wall-add", this.#root);
    const name = input.value.trim();
    setText(this.#error, "");
    if (!name) return;
    if (this.#chosen.length >= this.#maxSeats) {
      setText(this.#error, `The wall shows at most ${this.#maxSeats} agents. Remove one first.`);
      return;
    }
    await api.checkAgent(name);
    this.#chosen.push(name);
    input.value = "";
    this.#showChosen();
    input.focus();
  }

  #showChosen() {
    find("#wall-chosen", this.#root).replaceChildren(...this.#chosen.map((name, k) => this.#makeChip(name, k)));
    findButton("#wall-start", this.#root).disabled = this.#chosen.length === 0;
  }

  /**
   * @param {string} name
   * @param {number} k
   */
  #makeChip(name, k) {
    const remove = () => {
      this.#chosen.splice(k, 1);
      this.#showChosen();
      const next = Math.min(k + 1, this.#chosen.length);
      (findOptional(`#wall-chosen li:nth-child(${next}) button`, this.#root) ?? find("#wall-add", this.#root)).focus();
    };
    const button = make(
      "button",
      { type: "button", class: "quiet", "aria-label": `Remove ${name}`, onclick: remove },
      "×",
    );
    return make("li", { class: "chip" }, name, button);
  }

  #start() {
    setText(this.#error, "");
    const protocol = findSelect("#wall-protocol", this.#root).value || null;
    const body = { seats: this.#chosen, protocol, same_pieces: findInput("#wall-same", this.#root).checked, seed: 1 };
    const start = async () => {
      await this.#table.start(body);
      find("#wall", this.#root).focus();
    };
    return runAction(findButton("#wall-start", this.#root), null, start, ({ message }) =>
      setText(this.#error, message),
    );
  }

  #clear() {
    for (const seat of this.#seats) seat.close();
    this.#seats = [];
  }

  #showState() {
    if (this.#table.hasEnded) this.#clear();
    showTableMessage(find("#wall-place", this.#root), this.#table, EMPTY);
  }

  /** @param {ShownTable} shown */
  #show({ event, now_ms }) {
    const { seats, step, sent_s } = event;
    if (this.#seats.length !== seats.length) this.#makeSeats(seats);
    for (const [k, seat] of seats.entries()) this.#seats[k].show(seat, now_ms);
    find("#wall", this.#root).dispatchEvent(new CustomEvent("drawn", { detail: { step, sent_s } }));
  }

  /** @param {TableSeat[]} seats */
  #makeSeats(seats) {
    this.#clear();
    this.#seats = seats.map(({ agent }) => new SeatView(agent));
    const wall = find("#wall", this.#root);
    const hasTwoRows = seats.length > MAX_IN_ONE_ROW;
    wall.style.setProperty("--n-across", String(hasTwoRows ? Math.ceil(seats.length / 2) : seats.length));
    wall.style.setProperty("--n-down", hasTwoRows ? "2" : "1");
    wall.replaceChildren(...this.#seats.map(({ element }) => element));
    find("#wall-controls", this.#root).scrollIntoView(); // all boards fit in the window below it
  }
}
