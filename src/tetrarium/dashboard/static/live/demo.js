// @ts-check
// Demos: an agent plays without training. The panel that starts one, and the list of its games.

import { find, findButton, findOptional, make, setText } from "../common/dom.js";
import { formatCount } from "../common/format.js";
import { divideByGroup, makeFilter } from "../common/list-filter.js";
import { panelHeader } from "../common/panels.js";
import { runAction, showToast } from "../common/toast.js";
import { api } from "./api.js";

/** @type {Record<string, string>} */
const KINDS = {
  best: "best checkpoint of a run",
  run: "latest checkpoint of a run",
  model: "model",
  controller: "published controller",
  champion: "built-in model",
};
const MAX_ROWS = 12;

/** @typedef {import("./app.js").App} App */

export class DemoPanel {
  #app;
  #dialog;
  #onStart;

  /**
   * @param {HTMLDialogElement} dialog the panel
   * @param {App} app
   * @param {() => void} onStart called once a demo has started
   */
  constructor(dialog, app, onStart) {
    this.#dialog = dialog;
    this.#onStart = onStart;
    this.#app = app;
  }

  async open() {
    this.#dialog.replaceChildren(this.#makeForm(make("p", { class: "fine" }, "Loading the agents…")));
    if (!this.#dialog.open) this.#dialog.showModal();
    try {
      this.#dialog.replaceChildren(this.#makeForm(this.#makeChoices(await api.agents()), true));
      findOptional("input:checked", this.#dialog)?.focus();
    } catch (error) {
      this.#dialog.replaceChildren(this.#makeForm(make("p", { class: "form-error" }, error.message)));
    }
  }

  /**
   * @param {HTMLElement} content
   * @param {boolean} [canStart]
   */
  #makeForm(content, canStart = false) {
    return make(
      "form",
      { method: "dialog", onsubmit: (event) => this.#submit(event) },
      panelHeader(this.#dialog, "demo-title", "Demo"),
      make(
        "div",
        { class: "panel-body" },
        make("p", { class: "form-error", role: "alert", id: "demo-error" }),
        content,
      ),
      make(
        "div",
        { class: "panel-foot" },
        make("span", { class: "fine" }, "Training runs are not affected."),
        make("button", { class: "primary", id: "start-demo", disabled: !canStart }, "Watch it play"),
      ),
    );
  }

  /** @param {ApiResponse<"get", "/agents">} agents */
  #makeChoices(agents) {
    const { charted } = this.#app;
    const found = agents.findIndex(({ name }) => name === charted);
    const other = agents.findIndex(({ name }) => name !== "random");
    const chosen = found >= 0 ? found : Math.max(0, other);
    const makeOption = (/** @type {typeof agents[number]} */ agent) =>
      make(
        "label",
        {},
        make("input", { type: "radio", name: "agent", value: agent.name, checked: agent === agents[chosen] }),
        make("strong", {}, agent.name),
        make("span", { class: "fine" }, agent.name === "random" ? "random moves" : (KINDS[agent.kind] ?? agent.kind)),
      );
    const [single, groups] = divideByGroup(agents);
    const collapsed = groups.map(([group, members]) =>
      make(
        "details",
        { class: "group", open: members.includes(agents[chosen]) },
        make("summary", {}, group, make("span", { class: "fine" }, ` ${formatCount(members.length)} agents`)),
        make("div", { class: "choices" }, members.map(makeOption)),
      ),
    );
    const list = make("div", {}, make("div", { class: "choices" }, single.map(makeOption)), collapsed);
    return make("fieldset", {}, make("legend", { class: "legend" }, "Agent"), makeFilter("Find an agent", list), list);
  }

  /** @param {SubmitEvent} event */
  async #submit(event) {
    event.preventDefault();
    const choice = findOptional('input[name="agent"]:checked', this.#dialog);
    const button = findButton("#start-demo", this.#dialog);
    if (!(choice instanceof HTMLInputElement)) return;
    const start = async () => {
      await this.#app.startDemo(choice.value);
      if (!button.isConnected) return;
      this.#dialog.close();
      this.#onStart();
    };
    await runAction(button, "Starting…", start, ({ message }) => {
      if (button.isConnected && this.#dialog.open) setText(find("#demo-error", this.#dialog), message);
      else showToast(message, { isError: true });
    });
  }
}

/** List of the games of the watched demo that have ended; games that were abandoned are left out. */
export class DemoGames {
  #root;
  /** @type {BoardShown[]} */
  #rows = []; // the latest first
  /** @type {BoardShown | null} */
  #last = null;
  #best = 0;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
  }

  clear() {
    this.#rows = [];
    this.#last = null;
    this.#best = 0;
    this.#show();
  }

  /** Lines of the best game so far, and the number of games that have ended. */
  get totals() {
    return { best: this.#last ? this.#best : null, games: this.#last?.games_ended ?? null };
  }

  /** @param {BoardShown} board */
  follow(board) {
    const isKnown = this.#last?.is_over && this.#last.game === board.game;
    this.#last = board;
    this.#best = Math.max(this.#best, board.lines_game);
    if (!board.is_over || isKnown) return;
    this.#rows.unshift(board);
    this.#show();
  }

  #show() {
    find("#demo-empty", this.#root).hidden = this.#rows.length > 0;
    const table = find("table", this.#root);
    table.hidden = this.#rows.length === 0;
    find("tbody", table).replaceChildren(...this.#rows.slice(0, MAX_ROWS).map(makeGameRow));
  }
}

/** @param {BoardShown} board */
function makeGameRow({ game, lines_game, pieces_game, score_game }) {
  const cells = [game, lines_game, pieces_game, score_game].map((value) => make("td", {}, formatCount(value)));
  return make("tr", {}, cells);
}
