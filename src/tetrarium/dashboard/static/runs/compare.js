// The curves of several runs in one chart: which column, over what, with one cursor, zoom, and files to take away.

import { keepCrisp } from "../common/cells.js";
import { colourOf, lookOf, swatchOf } from "../common/colours.js";
import { Curves, valueAt } from "../common/curves.js";
import { find, make, setAttribute, setText, themeColour } from "../common/dom.js";
import { csvOf, download } from "../common/files.js";
import { Lens } from "../common/lens.js";
import { joinMenu } from "../common/menus.js";
import { act, say } from "../common/toast.js";
import { count, duration, lines, percent, small } from "../common/words.js";
import { api } from "./api.js";
import { pathOf } from "./columns.js";

const POINTS = 500;
const ALL_ROWS = 10_000;
const FRESH_MS = 4_000; // how often curves of runs under way are read again
const MOST_RUNS = 40;

const SHOWN = [
  { key: "mean_lines_game", title: "Lines a game", write: lines, isLog: true },
  { key: "best_lines_game", title: "Best game", write: count, isLog: true },
  { key: "mean_reward_placement", title: "Reward", write: small },
  { key: "loss", title: "Loss", write: small },
  { key: "mean_q", title: "Value Q", write: small },
  { key: "exploration_rate", title: "Exploration", write: percent },
  { key: "steps_per_second", title: "Speed", write: (value) => `${count(value)}/s` },
  { key: "games_ended", title: "Games", write: count },
  { key: "lines_episodes", title: "Lines of ended games", write: lines, isLog: true, source: "episodes" },
  { key: "lines_evaluation", title: "Evaluation", write: lines, isLog: true, source: "evaluations" },
];
const OVER = [
  { key: "step", title: "steps", write: (value) => `step ${count(value)}` },
  { key: "seconds", title: "seconds of training", write: (value) => duration(value) },
];

export class Comparison {
  #chosen;
  #changed;
  #curves = new Curves();
  #canvas = find("#compare-canvas");
  #data = new Map(); // name → columns, "refused" where the server does not tell them, or null while they are read
  #column = SHOWN[0];
  #over = OVER[0];
  #isLog = true;
  #lens = new Lens(() => Math.max(1, ...this.#series.map(({ x }) => x.at(-1) ?? 0)), () => this.#redraw());
  #frame = 0;

  /** `chosen` is the Set of names that are compared; `changed` is called when this takes one out. */
  constructor(chosen, changed) {
    this.#chosen = chosen;
    this.#changed = changed;
    this.#makeChoice("#compare-column", SHOWN, (found) => {
      this.#column = found;
      if (found.source) for (const name of this.#names) this.#read(name);
    });
    this.#makeChoice("#compare-over", OVER, (found) => {
      this.#over = found;
      this.#lens.restart();
    });
    joinMenu(find("#compare-export"), find("#compare-export-menu"));
    find("#compare-png").addEventListener("click", () => act(null, null, () => this.#savePicture()));
    find("#compare-csv").addEventListener("click", () => act(null, null, () => this.#saveTable()));
    find("#compare-log").addEventListener("click", () => this.toggleLog());
    find("#compare-whole").addEventListener("click", () => this.#lens.showAll());
    keepCrisp(this.#canvas, () => this.#redraw());
    document.addEventListener("themechange", () => this.#redraw());
    this.#lens.followPointer(this.#canvas, (pixel, domain) => this.#curves.xAt(pixel, domain));
    this.#lens.followKeys(this.#canvas, (by) => this.#placeFrom(by));
    setInterval(() => !document.hidden && this.#freshen(), FRESH_MS);
  }

  #makeChoice(selector, choices, choose) {
    const select = find(selector);
    select.append(...choices.map(({ key, title }) => make("option", { value: key }, title)));
    select.addEventListener("change", () => {
      choose(choices.find(({ key }) => key === select.value));
      this.#redraw();
    });
  }

  get #names() {
    return [...this.#chosen].slice(0, MOST_RUNS);
  }

  /** The chosen runs have changed. */
  show() {
    find("#compare").hidden = this.#chosen.size === 0;
    for (const name of this.#data.keys()) if (!this.#chosen.has(name)) this.#data.delete(name);
    for (const name of this.#names) if (!this.#data.has(name)) this.#read(name);
    this.#listNames();
    this.#redraw();
  }

  async #read(name) {
    if (!this.#data.has(name)) this.#data.set(name, null);
    try {
      const read = await columnsOf(name, POINTS, this.#column.source);
      const known = this.#data.get(name);
      if (this.#chosen.has(name)) this.#data.set(name, { ...(known?.columns ? known : {}), ...read });
    } catch (error) {
      if (!this.#chosen.has(name)) return;
      if (error.status === 404) {
        this.#chosen.delete(name);
        say(`There is no run ${name}.`);
        this.#changed();
      } else if (this.#data.get(name) === null) this.#leaveOut(name, error);
    }
    this.#redraw();
  }

  /** Nothing is there of a run: a server that did not answer is asked again with the next list, one that refused is not. */
  #leaveOut(name, error) {
    if (error.status === 0) this.#data.delete(name);
    else this.#data.set(name, "refused");
    say(error.message, { isError: true });
  }

  #freshen() {
    for (const name of this.#names) if (this.#data.get(name)?.isAlive) this.#read(name);
  }

  #listNames() {
    const list = find("#compare-list");
    const names = this.#names;
    const isSame = names.length === list.children.length && names.every((name, k) => list.children[k].dataset.name === name);
    if (isSame) return;
    list.replaceChildren(...names.map((name) => make("li", { "data-name": name }, swatchOf(name), make("a", { href: pathOf(name) }, name),
      make("output", { class: "value", "aria-live": "off" }, "–"),
      make("button", { type: "button", class: "quiet", "aria-label": `Take ${name} out`, onclick: () => {
        this.#chosen.delete(name);
        this.#changed();
        (find("button", list) ?? find("#search")).focus();
      } }, "×"))));
  }

  get #series() {
    const { key, source = "columns" } = this.#column;
    return this.#names.flatMap((name) => {
      const read = this.#data.get(name);
      if (!read || read === "refused") return [];
      const from = read[source] ?? {};
      return [{ name, x: from[this.#over.key] ?? [], y: from[key] ?? [], colour: colourOf(name), stroke: lookOf(name).stroke }];
    });
  }

  #view(series) {
    return {
      series, domain: this.#lens.domain, cursor: this.#lens.cursor, selection: this.#lens.selection,
      isLog: this.#isLog && Boolean(this.#column.isLog),
      colours: { accent: themeColour("--accent"), muted: themeColour("--muted"), line: themeColour("--line") },
      font: `12px ${getComputedStyle(document.body).fontFamily}`,
    };
  }

  #redraw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      if (!find("#compare").hidden) this.#draw();
    });
  }

  #draw() {
    const canvas = this.#canvas;
    const series = this.#series;
    const view = this.#view(series);
    const ratio = canvas.width / Math.max(1, canvas.clientWidth);
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#curves.draw(context, canvas.clientWidth, canvas.clientHeight, view);
    find("#compare-whole").classList.toggle("unneeded", this.#lens.isWhole);
    find("#compare-log").disabled = !this.#column.isLog;
    setAttribute(find("#compare-log"), "aria-pressed", String(view.isLog));
    this.#showValues(series);
    setAttribute(canvas, "aria-valuemax", Math.round(view.domain[1]));
    setAttribute(canvas, "aria-valuenow", Math.round(this.#lens.cursor ?? view.domain[1]));
    const told = series.map((one) => `${one.name} ${this.#valueText(one)}`).join(", ");
    setAttribute(canvas, "aria-valuetext", `${this.#column.title}, ${this.#lens.cursor === null ? "latest" : this.#over.write(this.#lens.cursor)}: ${told || "no data yet"}`);
  }

  #valueText(one) {
    const value = this.#lens.cursor === null ? one.y.findLast((y) => typeof y === "number") ?? null : valueAt(one, this.#lens.cursor);
    return this.#column.write(value);
  }

  #showValues(series) {
    const bySeries = new Map(series.map((one) => [one.name, one]));
    for (const item of find("#compare-list").children) {
      const one = bySeries.get(item.dataset.name);
      const text = !one ? (this.#data.get(item.dataset.name) === null ? "reading…" : "–") : one.y.length ? this.#valueText(one) : "no curve yet";
      setText(find(".value", item), text);
    }
  }

  toggleLog() {
    this.#isLog = !this.#isLog;
    this.#redraw();
  }

  /** The place that lies so many hundredths of what is seen from the cursor, or from the end. */
  #placeFrom(by) {
    const [low, high] = this.#lens.domain;
    return Math.min(high, Math.max(low, (this.#lens.cursor ?? high) + (by / 100) * (high - low)));
  }

  async #savePicture() {
    const [width, height, head] = [1200, 520, 44];
    const series = this.#series;
    const canvas = make("canvas", { width: 2 * width, height: 2 * (height + head) });
    const plot = make("canvas", { width: 2 * width, height: 2 * height });
    const plotContext = plot.getContext("2d");
    plotContext.scale(2, 2);
    new Curves().draw(plotContext, width, height, { ...this.#view(series), cursor: null, selection: null });
    const context = canvas.getContext("2d");
    context.fillStyle = themeColour("--card");
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(plot, 0, 2 * head);
    context.fillStyle = themeColour("--text");
    context.font = `600 28px ${getComputedStyle(document.body).fontFamily}`;
    context.fillText(`${this.#column.title} over ${this.#over.title}`, 24, 56);
    download(await new Promise((resolve) => canvas.toBlob(resolve, "image/png")), "tetrarium-runs.png");
    say("Saved as tetrarium-runs.png.");
  }

  /** All rows of all runs that are compared, below each other. */
  async #saveTable() {
    const { key, source = "columns" } = this.#column;
    const table = { run: [], step: [], seconds: [], [key]: [] };
    for (const name of this.#names) {
      const from = (await columnsOf(name, ALL_ROWS, source))[source];
      from.step.forEach((step, k) => {
        table.run.push(name);
        table.step.push(step);
        table.seconds.push(from.seconds?.[k] ?? "");
        table[key].push(from[key]?.[k] ?? "");
      });
    }
    download(new Blob([csvOf(table, [...new Set(["run", "step", "seconds", key])])], { type: "text/csv" }), "tetrarium-runs.csv");
    say("Saved as tetrarium-runs.csv.");
  }
}

/** What is drawn of a run, read from its records; of games that ended and evaluations only what `source` asks for. */
async function columnsOf(name, points, source) {
  const [run, progress] = await Promise.all([api.run(name), api.progress(name, points)]);
  const columns = { ...progress, step: progress.step ?? [] };
  const found = { columns, isAlive: run.is_alive };
  if (source === "episodes") {
    const { step, mean_lines_game: mean } = await api.episodes(name, points);
    found.episodes = { step, lines_episodes: mean };
  } else if (source === "evaluations") {
    const rows = await api.evaluations(name);
    found.evaluations = { step: rows.map((row) => row.step), lines_evaluation: rows.map((row) => row.lines) };
  }
  for (const other of [found.episodes, found.evaluations].filter(Boolean)) other.seconds = other.step.map((at) => secondsAt(columns, at));
  return found;
}

/** Seconds of training at a step, as the rows around it tell. */
function secondsAt({ step, seconds = [] }, at) {
  const k = step.findIndex((value) => value >= at);
  return seconds[k < 0 ? seconds.length - 1 : k] ?? 0;
}
