// @ts-check
// Menu of runs and demos, from which the watched one is chosen.

import { pageUrl } from "../common/address.js";
import { find, findButton, findInput, make, setAttribute, setText } from "../common/dom.js";
import { formatAge, formatCount, formatLines, stateLabel } from "../common/format.js";
import { divideByGroup } from "../common/list-filter.js";
import { attachMenu } from "../common/menus.js";
import { makeSwatch } from "../common/run-styles.js";

const FEW = 12; // entries that need no search
const MAX_RUNS = 60; // in the menu; the page of runs has all

/** @typedef {import("./app.js").App} App */
/** @typedef {import("./home.js").View} View */

export class RunPicker {
  #root;
  #app;
  #search;

  /**
   * @param {HTMLElement} root the page's main element
   * @param {App} app
   */
  constructor(root, app) {
    this.#root = root;
    this.#app = app;
    this.#search = findInput("#run-search", root);
    this.#search.addEventListener("input", () => this.#fill());
    attachMenu(findButton("#run-picker", this.#root), find("#run-menu", this.#root), () => {
      this.#search.value = "";
      this.#fill();
    });
  }

  open() {
    find("#run-picker", this.#root).click();
  }

  /** Shows name and facts of what is watched; an open menu follows the runs. */
  show() {
    const { runs, view, charted } = this.#app;
    find("#run-picker", this.#root).classList.toggle("unneeded", runs === null);
    setText(find("#run-name", this.#root), view?.title ?? (runs ? "No run yet" : "Loading…"));
    setText(find("#run-facts", this.#root), view ? factsOf(view) : "\u00a0");
    find("#run-more", this.#root).classList.toggle("unneeded", !charted); // a demo of a run has its details, too
    setAttribute(find("#run-more", this.#root), "href", pageUrl("runs", charted ?? ""));
    if (!find("#run-menu", this.#root).hidden && !find("#run-menu", this.#root).contains(document.activeElement))
      this.#fill();
  }

  #fill() {
    const { runs, demos } = this.#app;
    /** @type {View[]} */
    const views = [
      ...demos.map((demo) => ({
        ...demo,
        kind: /** @type {const} */ ("demo"),
        name: demo.id,
        title: `Demo: ${demo.agent || demo.id}`,
      })),
      ...(runs ?? []).map((run) => ({ ...run, kind: /** @type {const} */ ("run"), title: run.name })),
    ];
    const words = this.#search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = views.filter((view) => {
      const text = `${view.title} ${groupOf(view) ?? ""}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
    const [single, groups] = divideByGroup(found.map((view) => ({ view, group: words.length ? null : groupOf(view) })));
    const rows = single.slice(0, MAX_RUNS).map(({ view }) => this.#makeRow(view));
    rows.push(...groups.map(([group, members]) => this.#makeGroup(group, members.length)));
    this.#search.hidden = views.length <= FEW && !groups.length && !words.length;
    rows.push(
      rows.length
        ? make(
            "li",
            { class: "all-runs" },
            make("a", { href: pageUrl("runs") }, `All ${formatCount(runs?.length)} runs`),
          )
        : make("li", { class: "fine empty-item" }, "No runs yet. Start one with New run."),
    );
    find("#run-list", this.#root).replaceChildren(...rows);
  }

  /**
   * Makes the row of a group, which finds its runs.
   *
   * @param {string} group
   * @param {number} n
   */
  #makeGroup(group, n) {
    const open = (/** @type {MouseEvent} */ event) => {
      event.stopPropagation(); // the menu stays open
      this.#search.value = group;
      this.#search.focus();
      this.#fill();
    };
    const count = make("span", { class: "fine" }, `${formatCount(n)} runs`);
    return make(
      "li",
      {},
      make(
        "button",
        { type: "button", onclick: open },
        make("span", { class: "fine" }, "Group"),
        make("span", {}, group),
        count,
      ),
    );
  }

  /** @param {View} view */
  #makeRow({ kind, name, title, state, training_mean: mean }) {
    const { target } = this.#app;
    const isCurrent = target?.kind === kind && target.name === name;
    const button = make(
      "button",
      {
        type: "button",
        "aria-current": isCurrent ? "true" : null,
        onclick: () => this.#app.watch({ kind, name }),
      },
      make("span", { class: "fine", "data-state": state }, stateLabel(state)),
      make("span", {}, kind === "run" ? makeSwatch(name) : null, title),
      make("span", { class: "fine" }, typeof mean === "number" ? `training mean ${formatLines(mean)}` : ""),
    );
    return make("li", {}, button);
  }
}

/** @param {View} view */
const groupOf = (view) => ("group" in view && typeof view.group === "string" ? view.group : null);

/** @param {View} view */
function factsOf(view) {
  if (view.kind === "demo") return "Demo, no training";
  const parts = [view.preset ? `preset ${view.preset}` : "custom settings", view.algorithm, `seed ${view.seed}`];
  if (view.total_steps) parts.push(`${formatCount(view.total_steps)} steps`);
  if (view.started) parts.push(`started ${formatAge(view.started)}`);
  return parts.filter(Boolean).join(" · ");
}
