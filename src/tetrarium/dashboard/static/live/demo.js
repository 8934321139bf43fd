// Demos: a trained agent or a published controller plays, without learning. A panel to choose one, and its games.

import { api } from "./api.js";
import { find, make, setText } from "../common/dom.js";
import { panelHead } from "../common/panels.js";
import { say } from "../common/toast.js";
import { count } from "../common/words.js";

const KINDS = { best: "the best of a run", run: "the latest of a run", model: "a model", controller: "a published controller", champion: "comes with tetrarium" };
const MOST_ROWS = 12;

export class DemoPanel {
  #app;
  #dialog = find("#demo-panel");

  constructor(app) {
    this.#app = app;
  }

  async open() {
    this.#dialog.replaceChildren(this.#frame(make("p", { class: "fine" }, "Reading what can play…")));
    if (!this.#dialog.open) this.#dialog.showModal();
    try {
      this.#dialog.replaceChildren(this.#frame(this.#choice(await api.policies()), true));
      find("input:checked", this.#dialog)?.focus();
    } catch (error) {
      this.#dialog.replaceChildren(this.#frame(make("p", { class: "form-error" }, error.message)));
    }
  }

  #frame(content, canStart = false) {
    return make("form", { method: "dialog", onsubmit: (event) => this.#submit(event) },
      panelHead(this.#dialog, "demo-title", "Demo"),
      make("div", { class: "panel-body" },
        make("p", { class: "form-error", role: "alert", id: "demo-error" }), content),
      make("div", { class: "panel-foot" }, make("span", { class: "fine" }, "Training runs are left alone."),
        make("button", { class: "primary", id: "start-demo", disabled: !canStart }, "Watch it play")));
  }

  #choice(policies) {
    const chosen = Math.max(0, policies.findIndex(({ name }) => name !== "random"));
    const options = policies.map(({ name, kind }, index) =>
      make("label", {}, make("input", { type: "radio", name: "what", value: name, checked: index === chosen }),
        make("strong", {}, name), make("span", { class: "fine" }, name === "random" ? "plays at random" : KINDS[kind] ?? kind)));
    return make("fieldset", {}, make("legend", { class: "legend" }, "Who plays"), make("div", { class: "choices" }, options));
  }

  async #submit(event) {
    event.preventDefault();
    const what = find('input[name="what"]:checked', this.#dialog)?.value;
    const button = find("#start-demo");
    if (!what || button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    setText(button, "Starting…");
    try {
      await this.#app.play(what);
      if (button.isConnected) this.#dialog.close();
    } catch (error) {
      if (button.isConnected && this.#dialog.open) setText(find("#demo-error"), error.message);
      else say(error.message, { isError: true });
    } finally {
      button.removeAttribute("aria-busy");
      setText(button, "Watch it play");
    }
  }
}

/** Games of the demo that is watched, as they end; one that was given up is not among them. */
export class DemoGames {
  #rows = [];
  #last = null;
  #best = 0;

  clear() {
    this.#rows = [];
    this.#last = null;
    this.#best = 0;
    this.#show();
  }

  /** Best game so far and games ended, for the figures beside the board. */
  get totals() {
    return { best: this.#last ? this.#best : null, games: this.#last?.games_ended ?? null };
  }

  follow(board) {
    const isKnown = this.#last?.is_over && this.#last.game === board.game;
    this.#last = board;
    this.#best = Math.max(this.#best, board.lines_game);
    if (!board.is_over || isKnown) return;
    this.#rows.unshift(board);
    this.#show();
  }

  #show() {
    find("#demo-empty").hidden = this.#rows.length > 0;
    const table = find("#demo-games table");
    table.hidden = this.#rows.length === 0;
    find("tbody", table).replaceChildren(...this.#rows.slice(0, MOST_ROWS).map((row) =>
      make("tr", {}, [row.game, row.lines_game, row.pieces_game, row.score_game].map((value) => make("td", {}, count(value))))));
  }
}
