// The wall: up to nine games at once.

import { find, make, setText } from "../common/dom.js";
import { SeatView } from "./seats.js";
import { Table, TableControls, sayInPlace } from "./table.js";

const MOST = 9;
const EMPTY = "Choose up to nine players, the same one several times if you like, and watch them all.";

export class Wall {
  #table;
  #chosen = [];
  #seats = [];
  #isShown = false;

  constructor(page) {
    this.#table = new Table(page.link);
    this.controls = new TableControls(this.#table, find("#wall-controls"));
    find("#wall-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#add();
    });
    find("#wall-start").addEventListener("click", () => this.#start());
    this.#table.addEventListener("change", () => this.#tell());
    this.#table.addEventListener("shown", ({ detail }) => this.#show(detail));
    this.#tell();
    this.#showChosen();
  }

  get isShown() {
    return this.#isShown;
  }

  set isShown(isShown) {
    this.#isShown = this.#table.isShown = isShown;
  }

  takeProtocols(protocols) {
    const own = make("option", { value: "" }, "each its own");
    find("#wall-protocol").replaceChildren(own, ...protocols.map(({ name }) => make("option", { value: name }, name)));
  }

  /** Takes players over from the leaderboard. */
  take(players) {
    this.#chosen = players.slice(0, MOST);
    this.#showChosen();
  }

  #add() {
    const input = find("#wall-add");
    const name = input.value.trim();
    setText(this.#fault, "");
    if (!name) return;
    if (this.#chosen.length === MOST) {
      setText(this.#fault, `A wall has room for ${MOST}. Take one away first.`);
      return;
    }
    this.#chosen.push(name);
    input.value = "";
    this.#showChosen();
    input.focus();
  }

  get #fault() {
    return find("#wall-form .form-error");
  }

  #showChosen() {
    find("#wall-chosen").replaceChildren(...this.#chosen.map((name, k) => make("li", { class: "chip" }, name,
      make("button", { type: "button", class: "quiet", "aria-label": `Take ${name} away`, onclick: () => {
        this.#chosen.splice(k, 1);
        this.#showChosen();
        (find(`#wall-chosen li:nth-child(${Math.min(k + 1, this.#chosen.length)}) button`) ?? find("#wall-add")).focus();
      } }, "×"))));
    find("#wall-start").disabled = this.#chosen.length === 0;
  }

  async #start() {
    const button = find("#wall-start");
    setText(this.#fault, "");
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    try {
      const protocol = find("#wall-protocol").value || null;
      await this.#table.start({ seats: this.#chosen, protocol, same_pieces: find("#wall-same").checked, seed: 1 });
    } catch (error) {
      setText(this.#fault, error.message);
    } finally {
      button.removeAttribute("aria-busy");
    }
  }

  #clear() {
    for (const seat of this.#seats) seat.close();
    this.#seats = [];
  }

  #tell() {
    if (this.#table.hasEnded) this.#clear();
    sayInPlace(find("#wall-place"), this.#table, EMPTY);
  }

  #show({ event, now }) {
    if (this.#seats.length !== event.seats.length) {
      this.#clear();
      this.#seats = event.seats.map(({ what }) => {
        const seat = new SeatView();
        seat.name(what);
        return seat;
      });
      const host = find("#wall");
      const n = event.seats.length;
      host.style.setProperty("--across", n > 4 ? Math.ceil(n / 2) : n);
      host.style.setProperty("--deep", n > 4 ? 2 : 1);
      host.replaceChildren(...this.#seats.map(({ element }) => element));
      find("#wall-controls").scrollIntoView(); // from there on, nine boards have room in the window
    }
    event.seats.forEach((seat, k) => this.#seats[k].show(seat, now));
    find("#wall").dispatchEvent(new CustomEvent("drawn", { detail: { step: event.step, sent_s: event.sent_s } }));
  }
}
