// The list of runs and demos, from which one is chosen to be watched.

import { swatchOf } from "../common/colours.js";
import { find, make, setAttribute, setText } from "../common/dom.js";
import { joinMenu } from "../common/menus.js";
import { ago, count, lines, stateWord } from "../common/words.js";

const MOST = 60; // runs in the list; the page of runs has all

export class RunPicker {
  #app;

  constructor(app) {
    this.#app = app;
    joinMenu(find("#run-picker"), find("#run-menu"), () => this.#fill());
  }

  open() {
    find("#run-picker").click();
  }

  /** Name and facts of what is watched; the open list follows the runs. */
  show() {
    const { runs, view } = this.#app;
    find("#run-picker").classList.toggle("unneeded", runs === null);
    setText(find("#run-name"), view?.title ?? "No run yet");
    setText(find("#run-facts"), view ? factsOf(view) : "\u00a0");
    find("#run-more").classList.toggle("unneeded", view?.kind !== "run");
    setAttribute(find("#run-more"), "href", view?.kind === "run" ? `/runs/${encodeURIComponent(view.name)}` : "/runs");
    if (!find("#run-menu").hidden && !find("#run-menu").contains(document.activeElement)) this.#fill();
  }

  #fill() {
    const { runs, players, target } = this.#app;
    const items = [
      ...players.map((player) => ({ kind: "player", name: player.id, title: `Demo: ${player.what}`, view: player })),
      ...(runs ?? []).slice(0, MOST).map((run) => ({ kind: "run", name: run.name, title: run.name, view: run })),
    ];
    const rows = items.map((item) => this.#row(item, target));
    if (!rows.length) rows.push(make("li", { class: "fine empty-item" }, "No runs yet. Start one with New run."));
    else rows.push(make("li", { class: "all-runs" }, make("a", { href: "/runs" }, `All ${count(runs?.length)} runs`)));
    find("#run-list").replaceChildren(...rows);
  }

  #row({ kind, name, title, view }, target) {
    const isCurrent = target?.kind === kind && target.name === name;
    const right = kind === "run" && typeof view.mean_lines_game === "number" ? `${lines(view.mean_lines_game)} lines a game` : "";
    const button = make("button", {
      type: "button", "aria-current": isCurrent ? "true" : null, onclick: () => this.#app.watch({ kind, name }),
    },
      make("span", { class: "fine", "data-state": view.state }, stateWord(view.state)),
      make("span", {}, kind === "run" ? swatchOf(name) : null, title),
      make("span", { class: "fine" }, right),
    );
    return make("li", {}, button);
  }
}

function factsOf(view) {
  if (view.kind === "player") return "a demo: plays without learning";
  const parts = [view.preset ? `preset ${view.preset}` : "own settings", view.algorithm, `seed ${view.seed}`];
  if (view.total_steps) parts.push(`${count(view.total_steps)} steps`);
  if (view.started) parts.push(`started ${ago(view.started)}`);
  return parts.filter(Boolean).join(" · ");
}
