// @ts-check
// The leaderboard: agents ranked by their scores under a protocol, with intervals as text and drawn, and actions.

import { pageUrl } from "../common/address.js";
import { compareValues } from "../common/compare-values.js";
import {
  find,
  findAll,
  findButton,
  findInput,
  findOptional,
  findSelect,
  make,
  setAttribute,
  setText,
} from "../common/dom.js";
import { formatCount } from "../common/format.js";
import { readStorage, writeStorage } from "../common/storage.js";
import { runAction, runOnEach } from "../common/toast.js";
import { trashEach } from "../common/trash.js";
import { api } from "./api.js";
import {
  axisEnd,
  axisTicks,
  drawInterval,
  gameText,
  intervalText,
  medianText,
  paceText,
  truncatedText,
} from "./score-format.js";

/** @typedef {import("./api.js").LeaderboardRow} Row */
/** @typedef {import("./api.js").Protocol} Protocol */
/** @typedef {string | number | number[]} SortValue */

/**
 * @typedef {object} Column
 * @property {string} key
 * @property {string} title
 * @property {string} [help]
 * @property {boolean} [isText]
 * @property {boolean} [isScore] whether rows without a score come last
 * @property {(row: Row) => SortValue} value by which rows are sorted
 */

const FIRST_ROWS = 100;
const MORE_ROWS = 200;
const STORAGE_KEY = "tetrarium-protocol";
/** @type {Record<string, string>} */
const KINDS = { champion: "built in", controller: "controller", gone: "deleted model" };

/** @type {Column[]} */
const COLUMNS = [
  { key: "agent", title: "Agent", isText: true, value: ({ agent }) => agent },
  {
    key: "lines",
    title: "Estimated lines per game",
    help: "Mean with its 95 % interval; the axis is logarithmic. Agents that lost no game share the first place.",
    isScore: true,
    value: ({ score }) => (score === null ? -1 : (score.mean_lines ?? Infinity)),
  },
  {
    key: "median",
    title: "Median",
    help: "Of the games as played, truncated ones included.",
    isScore: true,
    value: ({ score }) => score?.median_lines ?? -1,
  },
  {
    key: "truncated",
    title: "Truncated",
    help: "Games that reached the piece limit.",
    isScore: true,
    value: ({ score }) => score?.share_truncated ?? -1,
  },
  { key: "games", title: "Games", help: "Games played.", isScore: true, value: ({ score }) => score?.n_games ?? -1 },
  {
    key: "speed",
    title: "Pieces per second",
    help: "Speed during the evaluation.",
    isScore: true,
    value: ({ score }) => score?.pieces_per_second ?? -1,
  },
  { key: "step", title: "Step", help: "Steps trained.", value: ({ step }) => step ?? -1 },
];

export class Leaderboard {
  #root;
  #page;
  /** @type {Row[] | null} */
  #rows = null; // null until they are loaded
  #protocol = ""; // of the rows
  #sort = { key: "lines", isDescending: true };
  #maxRows = FIRST_ROWS;
  /** @type {Set<string>} */
  #chosen = new Set();
  #request = 0; // number of the latest one
  #maxSeats = Infinity;

  /**
   * @param {HTMLElement} root the page's main element
   * @param {import("./main.js").ModelsPage} page
   */
  constructor(root, page) {
    this.#root = root;
    this.#page = page;
    const protocol = findSelect("#protocol", this.#root);
    protocol.addEventListener("change", () => {
      writeStorage(STORAGE_KEY, protocol.value);
      this.load();
    });
    find("#search", this.#root).addEventListener("input", () => this.#show());
    find("#more", this.#root).addEventListener("click", () => {
      this.#maxRows += MORE_ROWS;
      this.#show();
    });
    const sort = findSelect("#sort-select", this.#root);
    sort.addEventListener("change", () => this.#sortBy(sort.value));
    sort.replaceChildren(
      ...COLUMNS.map(({ key, title }) => make("option", { value: key, selected: key === "lines" }, title)),
    );
    const evaluateChosen = () => this.#evaluateChosen();
    find("#chosen-evaluate", this.#root).addEventListener("click", () =>
      runAction(find("#chosen-evaluate", this.#root), null, evaluateChosen),
    );
    find("#chosen-side", this.#root).addEventListener("click", () => page.open("side", [...this.#chosen]));
    find("#chosen-wall", this.#root).addEventListener("click", () => page.open("wall", [...this.#chosen]));
    find("#chosen-clear", this.#root).addEventListener("click", () => {
      this.#chosen.clear();
      this.#show();
    });
    page.jobs.on("change", () => this.#markBusy());
    this.#makeHead();
  }

  /**
   * @param {Protocol[]} protocols
   * @param {import("../common/meta.js").Meta["limits"]} limits
   */
  setOptions(protocols, { max_seats: maxSeats }) {
    this.#maxSeats = maxSeats;
    const stored = readStorage(STORAGE_KEY);
    const options = protocols.map(({ name }) => make("option", { value: name, selected: name === stored }, name));
    find("#protocol", this.#root).replaceChildren(...options);
  }

  #makeHead() {
    const heads = COLUMNS.map(({ key, title, help, isText }) =>
      make(
        "th",
        { scope: "col", class: `column-${key}${isText ? " text" : ""}`, title: help },
        make("button", { type: "button", class: "sort", onclick: () => this.#sortBy(key) }, title),
        key === "lines" ? make("span", { class: "ticks", "aria-hidden": "true" }) : null,
      ),
    );
    const makeHidden = (/** @type {string} */ text) => make("span", { class: "hidden-text" }, text);
    find("#leaderboard thead tr", this.#root).replaceChildren(
      make("th", { scope: "col", class: "column-choose" }, makeHidden("Selected")),
      ...heads,
      make("th", { scope: "col", class: "column-actions" }, makeHidden("Actions")),
    );
    this.#markSort();
  }

  /** @param {string} key */
  #sortBy(key) {
    this.#sort = { key, isDescending: this.#sort.key === key ? !this.#sort.isDescending : key !== "agent" };
    this.#markSort();
    this.#show();
  }

  #markSort() {
    const direction = this.#sort.isDescending ? "descending" : "ascending";
    for (const { key } of COLUMNS) {
      setAttribute(
        find(`#leaderboard .column-${key}`, this.#root),
        "aria-sort",
        key === this.#sort.key ? direction : null,
      );
    }
    findSelect("#sort-select", this.#root).value = this.#sort.key;
  }

  /** Loads the rows of the chosen protocol. */
  async load() {
    this.#request += 1;
    const request = this.#request;
    const name = findSelect("#protocol", this.#root).value || "harder";
    try {
      const { protocol, rows } = await api.leaderboard(name);
      if (request !== this.#request) return;
      this.#rows = rows;
      this.#protocol = name;
      setText(
        find("#protocol-meaning", this.#root),
        `${protocol.meaning}: ${gameText(protocol)}, always the same pieces.`,
      );
      this.#show();
    } catch (error) {
      if (request !== this.#request) return;
      if (name !== this.#protocol) this.#clear();
      this.showError(error);
    }
  }

  /** Removes the rows of another protocol. */
  #clear() {
    this.#rows = null;
    find("#leaderboard", this.#root).hidden = true;
    find("#leaderboard tbody", this.#root).replaceChildren();
    find("#more", this.#root).hidden = true;
    setText(find("#protocol-meaning", this.#root), "");
    setText(find("#models-count", this.#root), "");
  }

  /**
   * Shows an error in place of the rows, if there are none.
   *
   * @param {Error} error
   */
  showError({ message }) {
    if (this.#rows) return;
    const place = find("#leaderboard-empty", this.#root);
    place.hidden = false;
    setText(place, message);
    find("#view-leaderboard .list", this.#root).classList.remove("loading");
  }

  /**
   * Returns the rows that match the search, sorted.
   *
   * @param {Row[]} rows
   */
  #sorted(rows) {
    const words = findInput("#search", this.#root).value.toLowerCase().split(/\s+/).filter(Boolean);
    const matching = rows.filter((row) => {
      const text = [row.agent, row.kind, row.algorithm ?? "", row.note, ...row.tags].join(" ").toLowerCase();
      return words.every((word) => text.includes(word));
    });
    const column = COLUMNS.find(({ key }) => key === this.#sort.key) ?? COLUMNS[0];
    const keyed = matching.map((row) => ({ value: column.value(row), row }));
    keyed.sort((a, b) => (this.#sort.isDescending ? compareValues(b.value, a.value) : compareValues(a.value, b.value)));
    const sorted = keyed.map(({ row }) => row);
    if (!column.isScore) return sorted;
    return [...sorted.filter(({ score }) => score), ...sorted.filter(({ score }) => !score)];
  }

  #show() {
    if (!this.#rows) return;
    const sorted = this.#sorted(this.#rows);
    const shown = sorted.slice(0, this.#maxRows);
    const scores = sorted.flatMap(({ score }) => score ?? []);
    const end = axisEnd(scores);
    const known = new Set(this.#rows.map(({ agent }) => agent));
    for (const name of this.#chosen) if (!known.has(name)) this.#chosen.delete(name);
    find("#leaderboard .ticks", this.#root).replaceChildren(...(scores.length ? axisTicks(end) : []));
    find("#leaderboard tbody", this.#root).replaceChildren(...shown.map((row) => this.#makeRow(row, end)));
    find("#view-leaderboard .list", this.#root).classList.remove("loading");
    find("#leaderboard", this.#root).hidden = sorted.length === 0;
    const empty = find("#leaderboard-empty", this.#root);
    empty.hidden = sorted.length > 0;
    setText(empty, "No matches. Change the search.");
    const more = find("#more", this.#root);
    more.hidden = sorted.length <= shown.length;
    setText(more, `Show more: ${formatCount(shown.length)} of ${formatCount(sorted.length)} are shown`);
    this.#showCount(this.#rows);
    this.#showChosen();
    this.#markBusy();
  }

  /** @param {Row[]} rows */
  #showCount(rows) {
    const nModels = new Set(rows.flatMap(({ kind, model }) => (kind === "model" ? [model] : []))).size;
    const nEvaluated = rows.filter(({ score }) => score).length;
    const models = nModels === 1 ? "1 model" : `${formatCount(nModels)} models`;
    const evaluated = `${formatCount(nEvaluated)} of ${formatCount(rows.length)} evaluated`;
    setText(find("#models-count", this.#root), `${models} · ${evaluated}`);
    find("#no-models", this.#root).hidden = nModels > 0;
  }

  /**
   * @param {Row} row
   * @param {number} end of the axis of intervals
   */
  #makeRow(row, end) {
    const { agent, score, place } = row;
    const makeCell = (/** @type {string} */ key, /** @type {(HTMLElement | string)[]} */ ...content) =>
      make("td", { class: `column-${key}` }, ...content);
    const lines = score
      ? [make("span", { class: "interval-text", "data-place": place }, intervalText(score)), drawInterval(score, end)]
      : [make("span", { class: "fine" }, "not evaluated")];
    return make(
      "tr",
      { "data-agent": agent },
      make("td", { class: "column-choose" }, this.#makeCheckbox(row)),
      make("th", { scope: "row", class: "column-agent text" }, makeName(row)),
      makeCell("lines", ...lines),
      makeCell("median", score ? medianText(score) : "–"),
      makeCell("truncated", score ? truncatedText(score) : "–"),
      makeCell("games", score ? formatCount(score.n_games) : "–"),
      makeCell("speed", score ? paceText(score) : "–"),
      makeCell("step", formatCount(row.step)),
      make("td", { class: "column-actions" }, this.#makeActions(row)),
    );
  }

  /** @param {Row} row */
  #makeCheckbox({ kind, agent }) {
    if (kind === "gone") return null;
    return make("input", {
      type: "checkbox",
      "aria-label": `Select ${agent}`,
      checked: this.#chosen.has(agent),
      onchange: ({ currentTarget }) => this.#choose(agent, currentTarget.checked),
    });
  }

  /** @param {Row} row */
  #makeActions({ agent, kind, score, model, version }) {
    if (kind === "gone") return null;
    const makeButton = (/** @type {string} */ text, /** @type {string} */ label, /** @type {() => unknown} */ action) =>
      make(
        "button",
        {
          type: "button",
          class: "small",
          "aria-label": label,
          onclick: ({ currentTarget }) => runAction(currentTarget, null, action),
        },
        text,
      );
    const evaluate = makeButton("Evaluate", `Evaluate ${agent}${score ? " again" : ""}`, () => this.#evaluate(agent));
    evaluate.classList.add("evaluate");
    const buttons = [evaluate];
    if (kind === "model" && model !== null) {
      const remove = () => deleteWithUndo(model, version, this.#page.onChange);
      buttons.push(makeButton("Delete", `Delete ${agent}`, remove));
    }
    return make("span", { class: "row-actions" }, buttons);
  }

  /** @param {string} agent */
  #evaluate(agent) {
    const protocol = findSelect("#protocol", this.#root).value;
    return this.#page.jobs.start(() => api.startJob({ kind: "evaluate", agent, protocol }));
  }

  /** Queues the evaluation of the selected agents that are not being evaluated. */
  #evaluateChosen() {
    const busy = this.#busyAgents;
    const idle = [...this.#chosen].filter((agent) => !busy.has(agent));
    return runOnEach(idle, (agent) => this.#evaluate(agent));
  }

  /** Agents that are being evaluated, or wait for it. */
  get #busyAgents() {
    const evaluations = this.#page.jobs.active.filter(({ kind }) => kind === "evaluate");
    return new Set(evaluations.map(({ values }) => values.agent));
  }

  /**
   * @param {string} agent
   * @param {boolean} isChosen
   */
  #choose(agent, isChosen) {
    if (isChosen) this.#chosen.add(agent);
    else this.#chosen.delete(agent);
    this.#showChosen();
  }

  #showChosen() {
    const { size } = this.#chosen;
    find("#chosen-tools", this.#root).hidden = size === 0;
    setText(find("#chosen-count", this.#root), `${formatCount(size)} selected`);
    findButton("#chosen-side", this.#root).disabled = size !== 2;
    findButton("#chosen-wall", this.#root).disabled = size > this.#maxSeats;
  }

  /** Disables the buttons of agents that are being evaluated. */
  #markBusy() {
    const busy = this.#busyAgents;
    for (const row of findAll("#leaderboard tbody tr", this.#root)) {
      findOptional(".evaluate", row)?.toggleAttribute("disabled", busy.has(row.dataset.agent));
    }
  }
}

/** @param {Row} row */
function makeName({ agent, kind, model, n_versions: nVersions, is_promoted: isPromoted, tags, note }) {
  const name =
    model === null
      ? make("span", {}, agent)
      : make("a", { href: pageUrl("models", model), class: "model-link" }, agent);
  const tagElements = tags.map((tag) => make("span", { class: "tag" }, tag));
  const facts = [
    KINDS[kind],
    nVersions !== null && nVersions > 1 ? `${formatCount(nVersions)} versions` : null,
    isPromoted ? "promoted" : null,
    note || null,
  ];
  const factsElement = make("span", { class: "fine" }, facts.filter(Boolean).join(" · "));
  return make("span", { class: "names" }, make("span", {}, name, tagElements), factsElement);
}

/**
 * Moves a version, or a whole model, to the trash, with a toast that can undo it.
 *
 * @param {string} name
 * @param {number | null} number null for all versions
 * @param {() => Promise<void>} onChange
 */
export function deleteWithUndo(name, number, onChange) {
  const spec = number === null ? name : `${name}@${number}`;
  return trashEach([spec], {
    remove: () => api.remove(name, number),
    restore: () => api.restore(spec),
    describe: ([deleted]) =>
      deleted.length === 1 ? deleted[0].spec : `${name} with ${formatCount(deleted.length)} versions`,
    onChange,
  });
}
