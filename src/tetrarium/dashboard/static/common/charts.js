// All charts of a run: one time axis, one cursor, zoom by dragging or keys, and pictures and tables to take away.

import { Chart } from "./chart.js";
import { keepCrisp } from "./cells.js";
import { find, make, setAttribute, setText, themeColour } from "./dom.js";
import { Lens } from "./lens.js";
import { nearest } from "./scales.js";
import { count, lines, percent, small } from "./words.js";

const PERIOD_MS = 250; // new data are drawn at most four times a second

/** What each chart shows. The first is the one that tells the story. */
export const SPECS = [
  {
    key: "mean_lines_game", band: ["lines_low", "lines_high"], title: "Lines a game", write: lines, isLarge: true,
    ends: { lines_high: "90 %", mean_lines_game: "mean", lines_low: "10 %" },
    help: "Cleared rows in one game: the mean of the latest games, those still running included.",
  },
  { key: "mean_reward_placement", title: "Reward", write: small, help: "Mean reward of one placement." },
  { key: "loss", title: "Loss", write: small, help: "Of the latest gradient steps: how far the network's values were off." },
  { key: "mean_q", title: "Value Q", write: small, help: "Mean value that the network gives to the placements that it learns from." },
  { key: "exploration_rate", title: "Exploration", write: percent, writeTick: percent, help: "Share of placements that are played at random." },
  { key: "steps_per_second", title: "Speed", write: (v) => (v === undefined || v === null ? "–" : `${count(v)}/s`), help: "Placements of all games together, a second." },
  {
    key: "lines_evaluation", title: "Evaluation", write: lines, hasMarks: true, source: "evaluations",
    help: "Mean lines a game on games that are the same every time, cut off after some pieces.",
  },
];

export class Charts {
  #panels;
  #app;
  #lens; // on steps
  #isLog = true;
  #frame = 0;
  #timer = 0;
  #drawn = 0;

  constructor(app) {
    this.#app = app;
    this.#lens = new Lens(() => Math.max(app.history.lastStep, 1), () => this.#redraw());
    this.#panels = SPECS.map((spec) => this.#makePanel(spec));
    document.addEventListener("themechange", () => this.#redraw());
    this.#lens.followKeys(this.#panels[0].canvas, (by) => this.#rowFrom(by));
    find("#zoom-out").addEventListener("click", () => this.#lens.showAll());
    find("#log-scale").addEventListener("click", () => this.toggleLog());
  }

  /** New data have come: they are drawn soon. */
  update() {
    if (this.#timer) return;
    const wait = Math.max(0, this.#drawn + PERIOD_MS - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.#redraw();
    }, wait);
  }

  /** Another run: its time axis begins whole. */
  restart() {
    this.#lens.restart();
  }

  toggleLog() {
    this.#isLog = !this.#isLog;
    setAttribute(find("#log-scale"), "aria-pressed", String(this.#isLog));
    this.#redraw();
  }

  /** One picture of all charts, twice as fine as they are shown. */
  async picture(title) {
    const gap = 24;
    const width = 1200;
    const [story, ...rest] = this.#panels;
    const canvas = make("canvas", { width: 2 * width, height: 2 * (500 + 2 * 190 + gap) });
    const context = canvas.getContext("2d");
    context.fillStyle = themeColour("--card");
    context.fillRect(0, 0, canvas.width, canvas.height);
    const place = (panel, heading, x, y, wide, tall) => {
      const part = make("canvas", { width: 2 * wide, height: 2 * tall });
      const partContext = part.getContext("2d");
      partContext.scale(2, 2);
      panel.chart.draw(partContext, wide, tall, { ...this.#view(panel), cursor: null, selection: null });
      context.drawImage(part, 2 * x, 2 * (y + gap));
      context.fillStyle = themeColour("--text");
      context.font = `600 28px ${getComputedStyle(document.body).fontFamily}`;
      context.fillText(heading, 2 * (x + 8), 2 * (y + gap) - 12);
    };
    place(story, `${story.spec.title} – ${title}`, 12, 12, width - 24, 450);
    rest.forEach((panel, k) => {
      const wide = (width - 24) / 3;
      place(panel, panel.spec.title, 12 + (k % 3) * wide, 500 + Math.floor(k / 3) * 190, wide - 8, 150);
    });
    return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  }

  #makePanel(spec) {
    const canvas = make("canvas", spec.isLarge
      ? { tabindex: 0, role: "slider", "aria-label": `${spec.title}, by step`, "aria-valuemin": 0 }
      : { role: "img" });
    const value = make("output", { class: "chart-value", "aria-live": "off" }, "–");
    const host = spec.isLarge ? find("#story") : find("#multiples");
    if (spec.isLarge) {
      find("#story-value").replaceWith(value);
      find("#story-canvas").replaceWith(canvas);
    } else {
      host.append(make("figure", { class: "card small-chart" },
        make("figcaption", {}, make("span", { class: "chart-title", title: spec.help }, spec.title), value), canvas));
    }
    const panel = { spec, canvas, value, chart: new Chart(canvas, spec) };
    keepCrisp(canvas, () => this.#redraw());
    this.#lens.followPointer(canvas, (pixel, domain) => panel.chart.xAt(pixel, domain));
    return panel;
  }

  /** The step of the row that lies so many rows from the cursor's, or from the last one. */
  #rowFrom(by) {
    const { x } = this.#app.history.data;
    if (!x.length) return null;
    const from = this.#lens.cursor === null ? x.length - 1 : nearest(x, this.#lens.cursor);
    return x[Math.min(x.length - 1, Math.max(0, from + by))];
  }

  /** The cursor stands at a row of the data, unless a stretch is being chosen. */
  #snapped() {
    const { x } = this.#app.history.data;
    const { cursor, selection } = this.#lens;
    return selection || !x.length ? cursor : x[nearest(x, cursor)];
  }

  #view({ spec }) {
    const style = getComputedStyle(document.body);
    return {
      data: spec.source === "evaluations" ? this.#app.history.evaluations : this.#app.history.data,
      domain: this.#lens.domain,
      cursor: this.#lens.cursor === null ? null : { x: this.#snapped(), indexIn: (x) => nearest(x, this.#lens.cursor) },
      selection: this.#lens.selection,
      isLog: spec.isLarge && this.#isLog,
      points: spec.isLarge ? this.#app.history.evaluations : null,
      colours: { accent: this.#app.colour?.() ?? themeColour("--accent"), muted: themeColour("--muted"), line: themeColour("--line") },
      font: `12px ${style.fontFamily}`,
    };
  }

  #redraw() {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#drawn = performance.now();
      for (const panel of this.#panels) this.#drawPanel(panel);
      find("#zoom-out").classList.toggle("unneeded", this.#lens.isWhole);
      find("#charts").classList.toggle("empty", this.#app.history.data.x.length === 0);
    });
  }

  #drawPanel(panel) {
    const { canvas, chart, spec, value } = panel;
    const ratio = canvas.width / Math.max(1, canvas.clientWidth);
    const context = canvas.getContext("2d");
    const view = this.#view(panel);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    chart.draw(context, canvas.clientWidth, canvas.clientHeight, view);
    const index = view.cursor ? view.cursor.indexIn(view.data.x) : view.data.x.length - 1;
    const written = spec.write(view.data[spec.key]?.[index]);
    setText(value, spec.isLarge ? this.#storyText(view, index) : written);
    value.classList.toggle("at-cursor", view.cursor !== null);
    if (!spec.isLarge) {
      setAttribute(canvas, "aria-label", `${spec.title}: ${written}`);
      return;
    }
    setAttribute(canvas, "aria-valuemax", view.data.x.at(-1) ?? 0);
    setAttribute(canvas, "aria-valuenow", view.data.x[index] ?? 0);
    setAttribute(canvas, "aria-valuetext", index < 0 ? "No data yet" : this.#storyText(view, index));
  }

  #storyText({ data, cursor }, index) {
    if (index < 0) return "";
    const mean = `mean ${lines(data.mean_lines_game[index])}`;
    if (!cursor) return `${mean} · best ${count(data.best_lines_game[index])}`;
    const band = `10–90 % ${lines(data.lines_low[index])}–${lines(data.lines_high[index])}`;
    return `step ${count(data.x[index])} · ${mean} · ${band}`;
  }
}
