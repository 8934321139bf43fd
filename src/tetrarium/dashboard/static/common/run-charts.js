// @ts-check
// All charts of a run: one step axis and one cursor, zoom by dragging or keys, and a picture of all of them.

import { fitToDevicePixels } from "./canvas.js";
import { find, findButton, findCanvas, make, setAttribute, setText, themeColor } from "./dom.js";
import { formatCount, formatEstimate, formatLines, formatNumber, formatPercent, formatSafe } from "./format.js";
import { LineChart, makePicture } from "./line-chart.js";
import { nearestIndex } from "./scales.js";
import { ZoomPan } from "./zoom-pan.js";

/** @typedef {import("./line-chart.js").Series} Series */
/** @typedef {import("./line-chart.js").ChartView} ChartView */
/** @typedef {import("./metric-history.js").MetricHistory} MetricHistory */
/** @typedef {(value: number | null | undefined) => string} Format */

const REDRAW_EVERY_MS = 250; // with new data

/**
 * @typedef {object} ChartSpec
 * @property {string} key column of the metric
 * @property {string} title
 * @property {string} help
 * @property {Format} format
 * @property {(value: number) => string} [formatTick]
 * @property {boolean} [isLog]
 */

/** @type {ChartSpec} the large chart */
const MAIN_SPEC = {
  key: "training_mean",
  title: "Training mean",
  help:
    "Mean lines of the latest games, those still running included; hatched where no game was lost, so " +
    "that it measures time. Dots: estimated lines per game on the harder game, which strong agents lose, too.",
  format: formatLines,
};

/** @type {ChartSpec[]} */
const SMALL_SPECS = [
  { key: "mean_reward_placement", title: "Reward", help: "Mean reward of one placement.", format: formatNumber },
  {
    key: "loss",
    title: "Loss",
    help: "Error of the network's values in the latest gradient steps.",
    format: formatNumber,
  },
  {
    key: "mean_q",
    title: "Mean Q-value",
    help: "Mean value that the network gives to the placements that it learns from.",
    format: formatNumber,
  },
  {
    key: "exploration_rate",
    title: "Exploration",
    help: "Share of placements that are chosen at random.",
    format: formatPercent,
    formatTick: formatPercent,
  },
  {
    key: "steps_per_second",
    title: "Speed",
    help: "Placements per second, of all games together.",
    format: (value) => (typeof value === "number" ? `${formatCount(value)}/s` : "–"),
  },
  {
    key: "losses_per_10000_pieces",
    title: "Losses",
    help: "Games lost per 10,000 pieces, over the latest 10,000 placements or more.",
    format: formatNumber,
    isLog: true,
  },
];

export const CHART_SPECS = [MAIN_SPEC, ...SMALL_SPECS];

/** @typedef {{ spec: ChartSpec, canvas: HTMLCanvasElement, output: HTMLElement, chart: LineChart }} ChartPanel */
/** @typedef {{ readonly history: MetricHistory, readonly color: string | null }} ChartedRun null for the accent */

export class RunCharts {
  #root;
  #run;
  #zoomPan; // over steps
  #main;
  #panels;
  #isLog = true;
  #frame = 0;
  #timer = 0;
  #drawn_ms = 0;

  /**
   * @param {HTMLElement} root
   * @param {ChartedRun} run whose history and color are read at every drawing
   */
  constructor(root, run) {
    this.#root = root;
    this.#run = run;
    this.#zoomPan = new ZoomPan(
      () => Math.max(run.history.lastStep, 1),
      () => this.#redraw(),
    );
    this.#main = this.#makeMainPanel();
    this.#panels = [this.#main, ...SMALL_SPECS.map((spec) => this.#makeSmallPanel(spec))];
    for (const { canvas, chart } of this.#panels) {
      fitToDevicePixels(canvas, () => this.#redraw());
      this.#zoomPan.followPointer(canvas, (pixel, domain) => chart.valueAtPixel(pixel, domain));
    }
    this.#zoomPan.followKeys(this.#main.canvas, (by) => this.#stepFromCursor(by));
    document.addEventListener("themechange", () => this.#redraw());
    find("#zoom-out", root).addEventListener("click", () => this.#zoomPan.showAll());
    find("#log-scale", root).addEventListener("click", () => this.toggleLog());
  }

  /** @returns {ChartPanel} */
  #makeMainPanel() {
    const canvas = findCanvas("#main-chart-canvas", this.#root);
    const label = { role: "slider", tabindex: "0", "aria-label": `${MAIN_SPEC.title}, by step`, "aria-valuemin": "0" };
    for (const [name, value] of Object.entries(label)) setAttribute(canvas, name, value);
    const output = make("output", { class: "chart-value", "aria-live": "off" }, "–");
    find("#main-chart-value", this.#root).replaceWith(output);
    setAttribute(find(".main-chart .chart-title", this.#root), "title", MAIN_SPEC.help);
    return { spec: MAIN_SPEC, canvas, output, chart: new LineChart("large") };
  }

  /**
   * @param {ChartSpec} spec
   * @returns {ChartPanel}
   */
  #makeSmallPanel(spec) {
    const canvas = make("canvas", { role: "img" });
    const output = make("output", { class: "chart-value", "aria-live": "off" }, "–");
    const title = make("span", { class: "chart-title", title: spec.help }, spec.title);
    const figure = make("figure", { class: "card small-chart" }, make("figcaption", {}, title, output), canvas);
    find("#small-charts", this.#root).append(figure);
    return { spec, canvas, output, chart: new LineChart("small", spec.formatTick) };
  }

  /** Draws new data soon. */
  update() {
    if (this.#timer) return;
    const delay = Math.max(0, this.#drawn_ms + REDRAW_EVERY_MS - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.#redraw();
    }, delay);
  }

  /** Starts anew with another run. */
  reset() {
    this.#zoomPan.reset();
  }

  toggleLog() {
    this.#isLog = !this.#isLog;
    setAttribute(findButton("#log-scale", this.#root), "aria-pressed", String(this.#isLog));
    this.#redraw();
  }

  /**
   * Returns one picture of all charts.
   *
   * @param {string} title
   */
  picture(title) {
    const [width, margin, columns] = [1200, 12, 3];
    const wide = (width - 2 * margin) / columns;
    const parts = this.#panels.map((panel, k) => {
      const content = { chart: panel.chart, view: this.#viewOf(panel) };
      if (k === 0) {
        const heading = `${panel.spec.title} – ${title}`;
        return { ...content, heading, x: margin, y: margin, width: width - 2 * margin, height: 450 };
      }
      const [row, column] = [Math.floor((k - 1) / columns), (k - 1) % columns];
      const place = { x: margin + column * wide, y: 500 + row * 190, width: wide - 8, height: 150 };
      return { ...content, heading: panel.spec.title, ...place };
    });
    return makePicture(width, 500 + 2 * 190 + 24, parts);
  }

  /**
   * Returns the step so many rows from the cursor, or from the last row without a cursor.
   *
   * @param {number} by
   */
  #stepFromCursor(by) {
    const steps = this.#steps;
    if (!steps.length) return null;
    const { cursor } = this.#zoomPan;
    const from = cursor === null ? steps.length - 1 : nearestIndex(steps, cursor);
    return steps[Math.min(steps.length - 1, Math.max(0, from + by))];
  }

  get #steps() {
    return /** @type {number[]} */ (this.#run.history.columns.step);
  }

  /** The cursor at the nearest row, but free while a range is selected. */
  get #snappedCursor() {
    const { cursor, selection } = this.#zoomPan;
    if (cursor === null || selection || !this.#steps.length) return cursor;
    return this.#steps[nearestIndex(this.#steps, cursor)];
  }

  /**
   * @param {ChartPanel} panel
   * @returns {Series[]}
   */
  #seriesOf({ spec }) {
    const metrics = this.#run.history;
    const color = this.#run.color ?? themeColor("--accent");
    const series = { x: this.#steps, y: metrics.column(spec.key), color };
    if (spec !== MAIN_SPEC) return [series];
    const [low, high] = [metrics.column("lines_low"), metrics.column("lines_high")];
    const muted = themeColor("--muted");
    const training = {
      ...series,
      band: { low, high },
      hatchedFrom: metrics.safeSince,
      labels: [
        { text: "90 %", y: high, color: muted },
        { text: "mean", y: series.y, color },
        { text: "10 %", y: low, color: muted },
      ],
    };
    const x = /** @type {number[]} */ (metrics.evaluated("step"));
    const harder = metrics.evaluated("harder_lines");
    if (harder.every((value) => value === null)) {
      return [{ ...training, rings: { x, y: metrics.evaluated("lines_until_limit") } }];
    }
    const good = themeColor("--good");
    const ends = { low: metrics.evaluated("harder_low"), high: metrics.evaluated("harder_high") };
    const labels = [{ text: "harder", y: harder, color: good }];
    return [training, { x, y: harder, color: good, hasDots: true, band: ends, labels }];
  }

  /**
   * @param {ChartPanel} panel
   * @returns {ChartView}
   */
  #viewOf(panel) {
    return {
      series: this.#seriesOf(panel),
      domain: this.#zoomPan.domain,
      cursor: this.#snappedCursor,
      selection: this.#zoomPan.selection,
      isLog: panel === this.#main ? this.#isLog : (panel.spec.isLog ?? false),
    };
  }

  #redraw() {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#drawn_ms = performance.now();
      for (const panel of this.#panels) this.#drawPanel(panel);
      find("#zoom-out", this.#root).classList.toggle("unneeded", this.#zoomPan.isWhole);
      this.#root.classList.toggle("empty", this.#steps.length === 0);
    });
  }

  /** @param {ChartPanel} panel */
  #drawPanel(panel) {
    const { canvas, chart, spec, output } = panel;
    const view = this.#viewOf(panel);
    const [{ x, y }] = view.series;
    chart.drawOn(canvas, view);
    const { cursor } = this.#zoomPan;
    const index = cursor === null ? x.length - 1 : nearestIndex(x, cursor);
    output.classList.toggle("at-cursor", cursor !== null);
    if (panel !== this.#main) {
      const value = spec.format(y[index]);
      setText(output, value);
      setAttribute(canvas, "aria-label", `${spec.title}: ${value}`);
      return;
    }
    const text = index < 0 ? "" : this.#mainText(index, cursor !== null);
    setText(output, text);
    setAttribute(canvas, "aria-valuemax", x.at(-1) ?? 0);
    setAttribute(canvas, "aria-valuenow", x[index] ?? 0);
    setAttribute(canvas, "aria-valuetext", text || "No data yet");
  }

  /**
   * @param {number} index
   * @param {boolean} isAtCursor
   */
  #mainText(index, isAtCursor) {
    const readValue = (/** @type {string} */ column) => this.#run.history.column(column)[index];
    const mean = `mean ${formatLines(readValue("training_mean"))}`;
    if (!isAtCursor) {
      const safe = formatSafe(this.#run.history.safeSince) || `best ${formatCount(readValue("best_lines_game"))}`;
      const latest = this.#run.history.evaluations.at(-1);
      const harder = formatEstimate(latest?.harder_lines, latest?.harder_low, latest?.harder_high);
      return [mean, safe, latest?.harder_games && `harder game ${harder}`].filter(Boolean).join(" · ");
    }
    const band = `10–90 % ${formatLines(readValue("lines_low"))}–${formatLines(readValue("lines_high"))}`;
    return `step ${formatCount(readValue("step"))} · ${mean} · ${band}`;
  }
}
