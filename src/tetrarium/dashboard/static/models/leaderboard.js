// The leaderboard: who stands where under a protocol, with intervals written and drawn, and what to do with each.

import { api } from "./api.js";
import { find, findAll, make, setText } from "../common/dom.js";
import { keep, recall } from "../common/memory.js";
import { act, say } from "../common/toast.js";
import { count } from "../common/words.js";
import { axisEnd, axisTicks, cutText, drawInterval, gameText, intervalText, medianText, paceText } from "./scores.js";

const ROWS_AT_ONCE = 100;
const KEPT = "tetrarium-protocol";
const KINDS = { champion: "in the box", controller: "controller", gone: "its model is gone" };
const rankOf = ({ score }) => (score === null ? [-1, -1] : [score.mean_lines ?? Infinity, score.lines_per_game]);
const COLUMNS = [
  { key: "player", title: "Player", look: "text", value: ({ player }) => player },
  { key: "lines", title: "Lines a game", help: "Mean with its 95 % interval; the axis is logarithmic.", value: rankOf },
  { key: "median", title: "Median", help: "Of games as played, up to the cut.", value: ({ score }) => score?.median_lines ?? -1 },
  { key: "cut", title: "Cut off", help: "Games that were still running at the cut.", value: ({ score }) => score?.share_cut_off ?? -1 },
  { key: "games", title: "Games", help: "That were played.", value: ({ score }) => score?.n_games ?? -1 },
  { key: "pace", title: "Pieces a second", help: "While it was measured.", value: ({ score }) => score?.pieces_per_second ?? -1 },
  { key: "step", title: "Step", help: "Placements that it learnt from.", value: ({ step }) => step ?? -1 },
];

function compare(one, other) {
  const [a, b] = [[one].flat(), [other].flat()];
  for (let k = 0; k < a.length; k += 1) {
    if (a[k] === b[k]) continue;
    return typeof a[k] === "string" ? a[k].localeCompare(b[k], "en", { numeric: true }) : a[k] - b[k];
  }
  return 0;
}

export class Leaderboard {
  #page;
  #rows = null; // null until the server has told them
  #protocol = ""; // under which they were measured
  #sort = { key: "lines", isDown: true };
  #most = ROWS_AT_ONCE;
  #chosen = new Set();
  #asked = 0;

  constructor(page) {
    this.#page = page;
    find("#protocol").addEventListener("change", () => {
      keep(KEPT, find("#protocol").value);
      this.load();
    });
    find("#search").addEventListener("input", () => this.#show());
    find("#more").addEventListener("click", () => {
      this.#most += 2 * ROWS_AT_ONCE;
      this.#show();
    });
    find("#sort-select").addEventListener("change", ({ target }) => this.#sortBy(target.value));
    find("#sort-select").replaceChildren(...COLUMNS.map(({ key, title }) => make("option", { value: key, selected: key === "lines" }, title)));
    find("#chosen-side").addEventListener("click", () => page.go("side", this.#take()));
    find("#chosen-wall").addEventListener("click", () => page.go("wall", this.#take()));
    find("#chosen-clear").addEventListener("click", () => {
      this.#chosen.clear();
      this.#show();
    });
    page.jobs.addEventListener("change", () => this.#markBusy());
    this.#makeHead();
  }

  takeProtocols(protocols) {
    const kept = recall(KEPT);
    find("#protocol").replaceChildren(...protocols.map(({ name }) => make("option", { value: name, selected: name === kept }, name)));
  }

  #take() {
    return [...this.#chosen];
  }

  #makeHead() {
    const cells = COLUMNS.map(({ key, title, help, look }) =>
      make("th", { scope: "col", class: [`column-${key}`, look].filter(Boolean).join(" "), title: help },
        make("button", { type: "button", class: "sort", onclick: () => this.#sortBy(key) }, title),
        key === "lines" ? make("span", { class: "ticks", "aria-hidden": "true" }) : null));
    const choose = make("th", { scope: "col", class: "column-choose" }, make("span", { class: "hidden-text" }, "Chosen"));
    const last = make("th", { scope: "col", class: "column-do" }, make("span", { class: "hidden-text" }, "What to do"));
    find("#leaderboard thead tr").replaceChildren(choose, ...cells, last);
    this.#markSort();
  }

  #sortBy(key) {
    this.#sort = { key, isDown: this.#sort.key === key ? !this.#sort.isDown : key !== "player" };
    this.#markSort();
    this.#show();
  }

  #markSort() {
    for (const { key } of COLUMNS) {
      const cell = find(`#leaderboard .column-${key}`);
      if (key === this.#sort.key) cell.setAttribute("aria-sort", this.#sort.isDown ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    }
    find("#sort-select").value = this.#sort.key;
  }

  /** Asks the server for the rows of the protocol that is chosen. */
  async load() {
    this.#asked += 1;
    const asked = this.#asked;
    const name = find("#protocol").value || "default";
    try {
      const { protocol, rows } = await api.leaderboard(name);
      if (asked !== this.#asked) return;
      this.#rows = rows;
      this.#protocol = name;
      setText(find("#protocol-meaning"), `${protocol.meaning}: ${gameText(protocol)}, always the same pieces.`);
      this.#show();
    } catch (error) {
      if (asked !== this.#asked) return;
      if (name !== this.#protocol) this.#forget();
      this.fail(error);
    }
  }

  /** Scores under one protocol never stand below the name of another. */
  #forget() {
    this.#rows = null;
    find("#leaderboard").hidden = true;
    find("#leaderboard tbody").replaceChildren();
    find("#more").hidden = true;
    setText(find("#protocol-meaning"), "");
    setText(find("#models-count"), "");
  }

  fail(error) {
    if (this.#rows) return;
    const place = find("#leaderboard-empty");
    place.hidden = false;
    setText(place, error.message);
    find("#view-leaderboard .list").classList.remove("loading");
  }

  get #sorted() {
    const words = find("#search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = this.#rows.filter((row) => {
      const text = [row.player, row.kind, row.algorithm ?? "", row.note, ...row.tags].join(" ").toLowerCase();
      return words.every((word) => text.includes(word));
    });
    const { value } = COLUMNS.find(({ key }) => key === this.#sort.key);
    const keyed = rows.map((row) => [value(row), row]);
    keyed.sort(([a], [b]) => (this.#sort.isDown ? compare(b, a) : compare(a, b)));
    const isMeasure = ["lines", "median", "cut", "games", "pace"].includes(this.#sort.key);
    const sorted = keyed.map(([, row]) => row);
    return isMeasure ? [...sorted.filter(({ score }) => score), ...sorted.filter(({ score }) => !score)] : sorted;
  }

  #show() {
    if (!this.#rows) return;
    const sorted = this.#sorted;
    const shown = sorted.slice(0, this.#most);
    const end = axisEnd(sorted.flatMap(({ score }) => score ?? []));
    const known = new Set(this.#rows.map(({ player }) => player));
    for (const name of this.#chosen) if (!known.has(name)) this.#chosen.delete(name);
    find("#leaderboard .ticks").replaceChildren(...(sorted.some(({ score }) => score) ? axisTicks(end) : []));
    find("#leaderboard tbody").replaceChildren(...shown.map((row) => this.#makeRow(row, end)));
    find("#view-leaderboard .list").classList.remove("loading");
    find("#leaderboard").hidden = sorted.length === 0;
    const empty = find("#leaderboard-empty");
    empty.hidden = sorted.length > 0;
    setText(empty, "Nothing here is called so. Change what is searched for.");
    const more = find("#more");
    more.hidden = sorted.length <= shown.length;
    setText(more, `Show more: ${count(shown.length)} of ${count(sorted.length)} are here`);
    this.#tellCount();
    this.#showChosen();
    this.#markBusy();
  }

  #tellCount() {
    const models = new Set(this.#rows.flatMap(({ kind, model }) => (kind === "model" ? [model] : [])));
    const measured = this.#rows.filter(({ score }) => score).length;
    setText(find("#models-count"), `${models.size === 1 ? "1 model" : `${count(models.size)} models`} · ${count(measured)} of ${count(this.#rows.length)} measured`);
    find("#no-models").hidden = models.size > 0;
  }

  #makeRow(row, end) {
    const { player, kind, score } = row;
    const box = kind === "gone" ? null : make("input", {
      type: "checkbox", "aria-label": `Choose ${player}`, checked: this.#chosen.has(player),
      onchange: ({ target }) => this.#choose(player, target.checked),
    });
    const cell = (key, ...content) => make("td", { class: `column-${key}` }, ...content);
    const measured = score === null
      ? cell("lines", make("span", { class: "fine" }, "not measured"))
      : cell("lines", make("span", { class: "interval-text" }, intervalText(score)), drawInterval(score, end));
    return make("tr", { "data-player": player },
      make("td", { class: "column-choose" }, box),
      make("th", { scope: "row", class: "column-player text" }, this.#nameOf(row)),
      measured,
      cell("median", score ? medianText(score) : "–"), cell("cut", score ? cutText(score) : "–"),
      cell("games", score ? count(score.n_games) : "–"), cell("pace", score ? paceText(score) : "–"),
      cell("step", count(row.step)),
      make("td", { class: "column-do" }, this.#doings(row)));
  }

  #nameOf({ player, kind, model, n_versions: versions, is_promoted: isPromoted, tags, note }) {
    const name = model === null ? make("span", {}, player)
      : make("a", { href: `/models/${encodeURIComponent(model)}`, class: "model-link" }, player);
    const said = [KINDS[kind], versions > 1 ? `${count(versions)} versions` : null, isPromoted ? "promoted" : null, note || null];
    return make("span", { class: "names" }, make("span", {}, name, tags.map((tag) => make("span", { class: "tag" }, tag))),
      make("span", { class: "fine" }, said.filter(Boolean).join(" · ")));
  }

  #doings(row) {
    const { player, kind, score, model, version } = row;
    if (kind === "gone") return null;
    const buttons = [make("button", {
      type: "button", class: "small measure", "aria-label": `Evaluate ${player}${score ? " again" : ""}`,
      onclick: ({ currentTarget }) => this.#measure(currentTarget, player),
    }, "Evaluate")];
    if (kind === "model") {
      buttons.push(make("button", {
        type: "button", class: "small", "aria-label": `Delete ${player}`,
        onclick: ({ currentTarget }) => this.#delete(currentTarget, model, version),
      }, "Delete"));
    }
    return make("span", { class: "row-actions" }, buttons);
  }

  #measure(button, what) {
    const protocol = find("#protocol").value;
    return act(button, null, async () => {
      const ended = await this.#page.jobs.run(() => api.startJob({ kind: "measure", what, protocol }));
      say(ended.message);
    });
  }

  #delete(button, name, number) {
    return act(button, null, () => deleteWithUndo(name, number, this.#page.changed));
  }

  #choose(player, isChosen) {
    if (isChosen) this.#chosen.add(player);
    else this.#chosen.delete(player);
    this.#showChosen();
  }

  #showChosen() {
    const { size } = this.#chosen;
    find("#chosen-tools").hidden = size === 0;
    setText(find("#chosen-count"), `${count(size)} chosen`);
    find("#chosen-side").disabled = size !== 2;
    find("#chosen-wall").disabled = size > 9;
  }

  /** While one is evaluated, its button says so. */
  #markBusy() {
    const busy = new Set(this.#page.jobs.alive.filter(({ kind }) => kind === "measure").map(({ values }) => values.what));
    for (const row of findAll("#leaderboard tbody tr")) {
      const button = find(".measure", row);
      if (button) button.disabled = busy.has(row.dataset.player);
    }
  }
}

/** Moves a version, or a whole model, to the trash, and offers the way back. */
export async function deleteWithUndo(name, number, changed) {
  const deleted = await api.remove(name, number);
  await changed();
  const what = number === null ? name : `${name}@${number}`;
  const undo = () => act(null, null, async () => {
    await api.restore(what);
    await changed();
    say(`${what} is back.`);
  });
  say(`${deleted.length === 1 ? deleted[0].spec : `${name} with ${count(deleted.length)} versions`} moved to the trash.`, { action: { label: "Undo", run: undo } });
}
