// @ts-check
// Chart that compares the curves of several runs and the medians of groups: choice of metric and x axis, smoothing,
// cursor, zoom, and export.

import { fitToDevicePixels } from "../common/canvas.js";
import {
  find,
  findAll,
  findButton,
  findCanvas,
  findInput,
  findOptional,
  findSelect,
  make,
  setAttribute,
  setText,
} from "../common/dom.js";
import { downloadBlob, toCsv } from "../common/download.js";
import { formatCount, formatDuration, formatLines, formatNumber, formatPercent } from "../common/format.js";
import { KeyedList } from "../common/keyed-list.js";
import { LineChart, makePicture, valueAt } from "../common/line-chart.js";
import { attachMenu } from "../common/menus.js";
import { readMeta } from "../common/meta.js";
import { makeSwatch, runColor, runStyle, separateStyles } from "../common/run-styles.js";
import { smoothed } from "../common/smoothing.js";
import { readStorage, writeStorage } from "../common/storage.js";
import { runAction, showOutcome, showToast } from "../common/toast.js";
import { ZoomPan } from "../common/zoom-pan.js";
import { api } from "./api.js";
import { GROUP, runPath } from "./columns.js";
import { Differences } from "./differences.js";

/** @typedef {(number | null)[]} Values */
/** @typedef {Record<string, Values>} Columns */
/** @typedef {"columns" | "episodes" | "evaluations"} Source */
/** @typedef {{ isActive: boolean, columns: Columns, episodes?: Columns, evaluations?: Columns }} RunData */
/** @typedef {import("./api.js").GroupCurve} GroupCurve */
/** @typedef {{ name: string } & import("../common/line-chart.js").Series} RunSeries `name` is a key, with GROUP */

/**
 * @typedef {object} Metric
 * @property {string} key
 * @property {string} title
 * @property {(value: number | null | undefined) => string} format
 * @property {boolean} [isLog] whether it may have a log scale
 * @property {Source} [source]
 * @property {string} [column] name for groups, by default the key
 */

/** @typedef {{ key: "step" | "seconds", title: string, format: (value: number) => string }} Axis */

const MAX_POINTS = 500;
const REFRESH_MS = 4_000; // of curves of active runs
const MAX_RUNS = 40; // and groups
const SMOOTHING = "tetrarium.runs.smoothing";

/** @type {Metric[]} */
const METRICS = [
  { key: "training_mean", title: "Training mean", format: formatLines, isLog: true },
  { key: "harder_lines", title: "Harder game", format: formatLines, isLog: true, source: "evaluations" },
  { key: "best_lines_game", title: "Best game", format: formatCount, isLog: true },
  { key: "mean_reward_placement", title: "Reward", format: formatNumber },
  { key: "loss", title: "Loss", format: formatNumber },
  { key: "mean_q", title: "Mean Q-value", format: formatNumber },
  { key: "exploration_rate", title: "Exploration", format: formatPercent },
  { key: "steps_per_second", title: "Speed", format: (value) => `${formatCount(value)}/s` },
  { key: "games_ended", title: "Games", format: formatCount },
  {
    key: "lines_episodes",
    title: "Lines of ended games",
    format: formatLines,
    isLog: true,
    source: "episodes",
    column: "ended",
  },
  { key: "losses_per_10000_pieces", title: "Losses", format: formatNumber, isLog: true },
  { key: "survival", title: "Survival", format: formatCount, source: "evaluations" },
  { key: "lines_until_limit", title: "Lines until the limit", format: formatLines, isLog: true, source: "evaluations" },
];
/** @type {Axis[]} */
const AXES = [
  { key: "step", title: "steps", format: (value) => `step ${formatCount(value)}` },
  { key: "seconds", title: "seconds of training", format: formatDuration },
];

export class Comparison {
  #root;
  #chosen;
  #onRemove;
  #chart = new LineChart("comparison");
  #canvas;
  /** @type {KeyedList<string>} */
  #list;
  /** @type {Map<string, RunData | "refused" | null>} */
  #data = new Map(); // by run; "refused" by the server, null while it is loading
  /** @type {Map<string, GroupCurve | null>} */
  #curves = new Map(); // by key of the group; null without a value yet
  #asked = ""; // groups, metric and axis of the latest request for curves
  #differences;
  #smoothing;
  #metric = METRICS[0];
  #axis = AXES[0];
  #isLog = true;
  #zoomPan = new ZoomPan(
    () => Math.max(1, ...this.#series.map(({ x }) => x.at(-1) ?? 0)),
    () => this.#redraw(),
  );
  #frame = 0;

  /**
   * @param {HTMLElement} root the page's main element
   * @param {Set<string>} chosen names of the runs to compare, and of groups after GROUP
   * @param {() => void} onRemove called when the comparison removes one
   */
  constructor(root, chosen, onRemove) {
    this.#root = root;
    this.#list = new KeyedList(find("#compare-list", root), {
      keyOf: (name) => name,
      make: (name) => this.#makeItem(name),
      update: () => {},
    });
    this.#canvas = findCanvas("#compare-canvas", root);
    this.#chosen = chosen;
    this.#onRemove = onRemove;
    this.#makeChoice("#compare-metric", METRICS, (metric) => {
      this.#metric = metric;
      if (metric.source) this.#load(this.#runs);
      this.#loadGroups();
    });
    this.#makeChoice("#compare-axis", AXES, (axis) => {
      this.#axis = axis;
      this.#zoomPan.reset();
      this.#loadGroups();
    });
    this.#differences = new Differences(find("#compare-differences", root));
    this.#smoothing = findInput("#compare-smoothing", root);
    this.#smoothing.value = readStorage(SMOOTHING) ?? "0";
    this.#smoothing.addEventListener("input", () => {
      writeStorage(SMOOTHING, this.#smoothing.value);
      this.#redraw();
    });
    attachMenu(find("#compare-export", this.#root), find("#compare-export-menu", this.#root));
    find("#compare-png", this.#root).addEventListener("click", () =>
      runAction(null, null, () => this.#exportPicture()),
    );
    find("#compare-csv", this.#root).addEventListener("click", () => runAction(null, null, () => this.#exportTable()));
    find("#compare-log", this.#root).addEventListener("click", () => this.toggleLog());
    find("#compare-show-all", this.#root).addEventListener("click", () => this.#zoomPan.showAll());
    fitToDevicePixels(this.#canvas, () => this.#redraw());
    document.addEventListener("themechange", () => this.#redraw());
    this.#zoomPan.followPointer(this.#canvas, (pixel, domain) => this.#chart.valueAtPixel(pixel, domain));
    this.#zoomPan.followKeys(this.#canvas, (by) => this.#valueFromCursor(by));
    setInterval(() => {
      if (!document.hidden) this.#refreshActive();
    }, REFRESH_MS);
  }

  /**
   * @template {{ key: string, title: string }} Choice
   * @param {string} selector
   * @param {Choice[]} choices
   * @param {(choice: Choice) => void} choose
   */
  #makeChoice(selector, choices, choose) {
    const select = findSelect(selector);
    select.append(...choices.map(({ key, title }) => make("option", { value: key }, title)));
    select.addEventListener("change", () => {
      const choice = choices.find(({ key }) => key === select.value);
      if (choice) choose(choice);
      this.#redraw();
    });
  }

  get #names() {
    return [...this.#chosen].slice(0, MAX_RUNS);
  }

  get #runs() {
    return this.#names.filter((name) => !name.startsWith(GROUP));
  }

  get #groups() {
    return this.#names.filter((name) => name.startsWith(GROUP));
  }

  /** Shows the chosen runs after a change of the choice. */
  show() {
    find("#compare", this.#root).hidden = this.#chosen.size === 0;
    for (const name of this.#data.keys()) if (!this.#chosen.has(name)) this.#data.delete(name);
    this.#load(this.#runs.filter((name) => !this.#data.has(name)));
    this.#loadGroups();
    this.#list.show(this.#names);
    separateStyles(this.#names);
    this.#differences.show(this.#names);
    this.#redraw();
  }

  /**
   * Loads the medians of the chosen groups, if they are not loaded yet.
   *
   * @param {boolean} [isAgain] loads them again
   */
  async #loadGroups(isAgain = false) {
    const groups = this.#groups;
    const column = this.#metric.column ?? this.#metric.key;
    const asked = JSON.stringify([groups, column, this.#axis.key]);
    if (asked === this.#asked && !isAgain) return;
    this.#asked = asked;
    if (!groups.length) return;
    try {
      const group = groups.map((key) => key.slice(GROUP.length));
      const curves = await api.curves({ group, column, axis: this.#axis.key });
      if (this.#asked !== asked) return; // others were asked for meanwhile
      const byKey = new Map(curves.map((curve) => [`${GROUP}${curve.group}`, curve]));
      this.#curves = new Map(groups.map((key) => [key, byKey.get(key) ?? null]));
    } catch (error) {
      if (this.#asked === asked) this.#asked = "";
      showToast(error.message, { isError: true });
    }
    this.#redraw();
  }

  /** @param {string} name */
  #dataOf(name) {
    const data = this.#data.get(name);
    return data === "refused" ? null : data;
  }

  /**
   * Loads runs together, and shows one message about those that cannot be loaded.
   *
   * @param {string[]} names
   */
  async #load(names) {
    const reasons = await Promise.all(names.map((name) => this.#loadOne(name)));
    showOutcome(
      "",
      reasons.flatMap((reason) => reason ?? []),
    );
    if (names.some((name) => !this.#chosen.has(name))) this.#onRemove();
  }

  /**
   * @param {string} name
   * @returns {Promise<string | null>} why it cannot be loaded
   */
  async #loadOne(name) {
    if (!this.#data.has(name)) this.#data.set(name, null);
    try {
      const loaded = await loadRun(name, MAX_POINTS, this.#metric.source);
      if (this.#chosen.has(name)) this.#data.set(name, { ...this.#dataOf(name), ...loaded });
      return null;
    } catch (error) {
      return this.#chosen.has(name) ? this.#acceptFailure(name, error) : null;
    } finally {
      this.#redraw();
    }
  }

  /**
   * A run that does not exist is no longer compared; without an answer a run is loaded again with the next list; a
   * refusal is final.
   *
   * @param {string} name
   * @param {import("../common/api.js").ApiError} error
   * @returns {string | null} what is shown
   */
  #acceptFailure(name, { status, message }) {
    if (status === 404) {
      this.#chosen.delete(name);
      return `There is no run ${name}.`;
    }
    if (this.#data.get(name) !== null) return null; // earlier values stay
    if (status === 0) this.#data.delete(name);
    else this.#data.set(name, "refused");
    return message;
  }

  #refreshActive() {
    this.#load(this.#runs.filter((name) => this.#dataOf(name)?.isActive));
    if (this.#groups.some((key) => this.#curves.get(key)?.n_alive)) this.#loadGroups(true);
  }

  /** @param {string} name */
  #makeItem(name) {
    const remove = () => {
      this.#chosen.delete(name);
      this.#onRemove();
      (findOptional("#compare-list button", this.#root) ?? find("#search", this.#root)).focus();
    };
    return make(
      "li",
      { "data-name": name },
      makeSwatch(name),
      name.startsWith(GROUP)
        ? make("span", { title: "Median of the group" }, name.slice(GROUP.length))
        : make("a", { href: runPath(name) }, name),
      make("output", { class: "value", "aria-live": "off" }, "–"),
      make("button", { type: "button", class: "quiet", "aria-label": `Remove ${name}`, onclick: remove }, "×"),
    );
  }

  /** @returns {RunSeries[]} */
  get #series() {
    const { key, source = "columns" } = this.#metric;
    return this.#names.flatMap((name) => {
      if (name.startsWith(GROUP)) return this.#groupSeries(name);
      const data = this.#dataOf(name);
      if (!data) return [];
      const columns = data[source] ?? {};
      const color = runColor(name);
      const y = columns[key] ?? [];
      const x = /** @type {number[]} */ (columns[this.#axis.key] ?? []);
      return [{ name, x, y, color, stroke: runStyle(name).stroke, labels: [{ text: name, y, color }] }];
    });
  }

  /**
   * @param {string} key
   * @returns {RunSeries[]}
   */
  #groupSeries(key) {
    const curve = this.#curves.get(key);
    if (!curve) return [];
    const { x, y, low, high } = curve;
    const color = runColor(key);
    const band = low && high ? { low, high } : undefined;
    const labels = [{ text: key.slice(GROUP.length), y, color }];
    return [{ name: key, x, y, color, stroke: runStyle(key).stroke, band, labels }];
  }

  /**
   * Returns smoothed series over pale ones of the values themselves.
   *
   * @param {RunSeries[]} series
   */
  #smoothed(series) {
    const weight = Number(this.#smoothing.value) / 100;
    if (!weight) return series;
    const raw = series.map((one) => ({ ...one, labels: [], isFaint: true }));
    const smooth = series.map((one) => {
      const y = smoothed(one.y, weight);
      return { ...one, y, band: undefined, labels: one.labels?.map((label) => ({ ...label, y })) };
    });
    return [...raw, ...smooth];
  }

  /** @param {RunSeries[]} series */
  #viewOf(series) {
    return {
      series: this.#smoothed(series),
      domain: this.#zoomPan.domain,
      cursor: this.#zoomPan.cursor,
      selection: this.#zoomPan.selection,
      isLog: this.#isLog && Boolean(this.#metric.isLog),
    };
  }

  #redraw() {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      if (!find("#compare", this.#root).hidden) this.#draw();
    });
  }

  #draw() {
    const series = this.#series;
    const view = this.#viewOf(series);
    this.#chart.drawOn(this.#canvas, view);
    find("#compare-show-all", this.#root).classList.toggle("unneeded", this.#zoomPan.isWhole);
    const log = findButton("#compare-log", this.#root);
    log.disabled = !this.#metric.isLog;
    setAttribute(log, "aria-pressed", String(view.isLog));
    this.#showValues(series);
    this.#describe(series, view.domain[1]);
  }

  /**
   * Sets the texts of the chart for screen readers.
   *
   * @param {RunSeries[]} series
   * @param {number} end of the visible axis
   */
  #describe(series, end) {
    const { cursor } = this.#zoomPan;
    const place = cursor === null ? "latest" : this.#axis.format(cursor);
    setText(find("#compare-cursor", this.#root), cursor === null ? "" : place);
    const values = series.map((one) => `${one.name.replace(GROUP, "")} ${this.#valueText(one)}`).join(", ");
    setAttribute(this.#canvas, "aria-valuemax", Math.round(end));
    setAttribute(this.#canvas, "aria-valuenow", Math.round(cursor ?? end));
    setAttribute(this.#canvas, "aria-valuetext", `${this.#metric.title}, ${place}: ${values || "no data yet"}`);
  }

  /** @param {RunSeries} series */
  #valueText(series) {
    const { cursor } = this.#zoomPan;
    const latest = series.y.findLast((value) => typeof value === "number");
    return this.#metric.format(cursor === null ? latest : valueAt(series, cursor));
  }

  /** @param {RunSeries[]} series */
  #showValues(series) {
    const byName = new Map(series.map((one) => [one.name, one]));
    for (const item of findAll("#compare-list li", this.#root)) {
      const { name = "" } = item.dataset;
      const one = byName.get(name);
      const isLoading = name.startsWith(GROUP) ? !this.#curves.has(name) : this.#data.get(name) === null;
      const missing = isLoading ? "loading…" : "–";
      const text = !one ? missing : one.y.length ? this.#valueText(one) : "no curve yet";
      setText(find(".value", item), text);
    }
  }

  toggleLog() {
    this.#isLog = !this.#isLog;
    this.#redraw();
  }

  /**
   * Returns the x value so many hundredths of the visible axis from the cursor, or from the end.
   *
   * @param {number} by
   */
  #valueFromCursor(by) {
    const [low, high] = this.#zoomPan.domain;
    return Math.min(high, Math.max(low, (this.#zoomPan.cursor ?? high) + (by / 100) * (high - low)));
  }

  async #exportPicture() {
    const [width, height] = [1200, 520];
    const heading = `${this.#metric.title} over ${this.#axis.title}`;
    const content = { chart: new LineChart("comparison"), view: this.#viewOf(this.#series), heading };
    const picture = await makePicture(width, height + 44, [{ ...content, x: 4, y: 12, width: width - 8, height }]);
    downloadBlob(picture, "tetrarium-runs.png");
    showToast("Saved as tetrarium-runs.png.");
  }

  /** Exports all rows of the compared runs, one run below the other. */
  async #exportTable() {
    const { key, source = "columns" } = this.#metric;
    /** @type {Record<string, (string | number | null)[]>} */
    const table = { run: [], step: [], seconds: [], [key]: [] };
    const { limits } = await readMeta();
    for (const { name, x, y } of this.#series.filter((one) => one.name.startsWith(GROUP))) {
      for (const [k, at] of x.entries()) {
        table.run.push(name.slice(GROUP.length));
        table.step.push(this.#axis.key === "step" ? at : "");
        table.seconds.push(this.#axis.key === "seconds" ? at : "");
        table[key].push(y[k] ?? null);
      }
    }
    for (const name of this.#runs) {
      const columns = (await loadRun(name, limits.max_points, source))[source] ?? {};
      for (const [k, step] of columns.step.entries()) {
        table.run.push(name);
        table.step.push(step);
        table.seconds.push(columns.seconds?.[k] ?? "");
        table[key].push(columns[key]?.[k] ?? "");
      }
    }
    const csv = toCsv(table, [...new Set(["run", "step", "seconds", key])]);
    downloadBlob(new Blob([csv], { type: "text/csv" }), "tetrarium-runs.csv");
    showToast("Saved as tetrarium-runs.csv.");
  }
}

/**
 * Loads the curves of a run; those of ended games and of evaluations only if `source` names them.
 *
 * @param {string} name
 * @param {number} points at most
 * @param {Source} [source]
 * @returns {Promise<RunData>}
 */
async function loadRun(name, points, source) {
  const [run, progress] = await Promise.all([api.run(name), api.progress(name, points)]);
  const columns = { ...progress, step: progress.step ?? [] };
  /** @type {RunData} */
  const data = { columns, isActive: run.is_alive };
  if (source === "episodes") {
    const { step, mean_lines_game: mean } = await api.episodes(name, points);
    data.episodes = { step, seconds: secondsAt(columns, step), lines_episodes: mean };
  } else if (source === "evaluations") {
    const rows = await api.evaluations(name);
    const step = rows.map((row) => row.step);
    data.evaluations = { step, seconds: secondsAt(columns, step) };
    for (const { key, source } of METRICS) {
      if (source === "evaluations") data.evaluations[key] = rows.map((row) => row[key] ?? null);
    }
  }
  return data;
}

/**
 * Returns the seconds of training at each step, from the nearest later row.
 *
 * @param {Columns} columns
 * @param {Values} steps
 */
function secondsAt({ step: rows, seconds = [] }, steps) {
  return steps.map((step) => {
    const k = rows.findIndex((row) => Number(row) >= Number(step));
    return seconds[k < 0 ? seconds.length - 1 : k] ?? 0;
  });
}
