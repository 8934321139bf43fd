// All charts of a run: one time axis, one cursor, zoom by dragging or keys, and pictures and tables to take away.

import { Chart } from "./chart.js";
import { keepCrisp } from "./cells.js";
import { find, make, setAttribute, setText, themeColour } from "./dom.js";
import { nearest } from "./scales.js";
import { count, lines, percent, small } from "./words.js";

const PERIOD_MS = 250; // new data are drawn at most four times a second
const SMALLEST_DRAG = 8; // pixels
const ZOOM = 0.5;

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
  #zoom = null; // [first step, last step] or null for all
  #cursor = null; // a step or null
  #drag = null; // {from, to} in steps
  #isLog = true;
  #frame = 0;
  #timer = 0;
  #drawn = 0;

  constructor(app) {
    this.#app = app;
    this.#panels = SPECS.map((spec) => this.#makePanel(spec));
    document.addEventListener("themechange", () => this.#redraw());
    this.#listenToKeys(this.#panels[0].canvas);
    find("#zoom-out").addEventListener("click", () => this.resetZoom());
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
    this.#zoom = this.#cursor = this.#drag = null;
    this.#redraw();
  }

  resetZoom() {
    this.#zoom = null;
    this.#redraw();
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
    this.#listenToPointer(panel);
    return panel;
  }

  #listenToPointer(panel) {
    const { canvas, chart } = panel;
    const stepAt = (event) => {
      const [low, high] = this.#domain();
      return Math.min(high, Math.max(low, chart.xAt(event.offsetX, [low, high])));
    };
    canvas.addEventListener("pointermove", (event) => {
      this.#cursor = stepAt(event);
      if (this.#drag) this.#drag.to = this.#cursor;
      this.#redraw();
    });
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.#drag = { from: stepAt(event), to: stepAt(event), pixel: event.offsetX };
    });
    canvas.addEventListener("pointerup", (event) => {
      const drag = this.#drag;
      this.#drag = null;
      if (drag && Math.abs(event.offsetX - drag.pixel) >= SMALLEST_DRAG) {
        this.#zoom = [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)];
      }
      this.#redraw();
    });
    const leave = () => {
      this.#drag = null;
      this.#cursor = null;
      this.#redraw();
    };
    canvas.addEventListener("pointerleave", leave);
    canvas.addEventListener("pointercancel", leave);
    canvas.addEventListener("dblclick", () => this.resetZoom());
  }

  #listenToKeys(canvas) {
    const keys = {
      ArrowLeft: (far) => this.#moveCursor(far ? -10 : -1),
      ArrowRight: (far) => this.#moveCursor(far ? 10 : 1),
      Home: () => this.#moveCursor(-Infinity),
      End: () => this.#moveCursor(Infinity),
      "+": () => this.#zoomBy(ZOOM),
      "=": () => this.#zoomBy(ZOOM),
      "-": () => this.#zoomBy(1 / ZOOM),
      0: () => this.resetZoom(),
    };
    canvas.addEventListener("keydown", (event) => {
      const act = keys[event.key];
      if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      event.stopPropagation();
      act(event.shiftKey);
      this.#redraw();
    });
    canvas.addEventListener("blur", () => {
      this.#cursor = null;
      this.#redraw();
    });
  }

  #moveCursor(by) {
    const { x } = this.#app.history.data;
    if (!x.length) return;
    const from = this.#cursor === null ? x.length - 1 : nearest(x, this.#cursor);
    this.#cursor = x[Math.min(x.length - 1, Math.max(0, from + by))];
  }

  #zoomBy(factor) {
    const [low, high] = this.#domain();
    const middle = this.#cursor ?? (low + high) / 2;
    const last = Math.max(this.#app.history.lastStep, 1);
    const span = Math.max(last / 1000, (high - low) * factor);
    if (span >= last) this.#zoom = null;
    else this.#zoom = [Math.max(0, middle - span / 2), Math.min(last, middle + span / 2)];
  }

  #domain() {
    return this.#zoom ?? [0, Math.max(this.#app.history.lastStep, 1)];
  }

  /** The cursor stands at a row of the data, unless a stretch is being chosen. */
  #snapped() {
    const { x } = this.#app.history.data;
    return this.#drag || !x.length ? this.#cursor : x[nearest(x, this.#cursor)];
  }

  #view({ spec }) {
    const style = getComputedStyle(document.body);
    return {
      data: spec.source === "evaluations" ? this.#app.history.evaluations : this.#app.history.data,
      domain: this.#domain(),
      cursor: this.#cursor === null ? null : { x: this.#snapped(), indexIn: (x) => nearest(x, this.#cursor) },
      selection: this.#drag ? [this.#drag.from, this.#drag.to] : null,
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
      find("#zoom-out").classList.toggle("unneeded", this.#zoom === null);
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
