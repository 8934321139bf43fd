// @ts-check
// Evaluation graph: the value of each position's best placement, with the mistakes marked.

import { fitToDevicePixels } from "../common/canvas.js";
import { setAttribute, themeColor } from "../common/dom.js";
import { formatCount } from "../common/format.js";
import { LineChart } from "../common/line-chart.js";

/** @typedef {import("./api.js").AnalysisState} AnalysisState */

const N_MARKED = 20; // mistakes, the largest ones

export class EvaluationGraph {
  #canvas;
  #chart = new LineChart("small");
  /** @type {AnalysisState | null} */
  #state = null;
  #position = 0;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {(position: number) => void} onSeek
   */
  constructor(canvas, onSeek) {
    this.#canvas = canvas;
    fitToDevicePixels(canvas, () => this.#draw());
    document.addEventListener("themechange", () => this.#draw());
    const seek = (/** @type {PointerEvent} */ { clientX }) => {
      if (!this.#state?.n_positions) return;
      const pixel = clientX - canvas.getBoundingClientRect().left;
      onSeek(Math.round(this.#chart.valueAtPixel(pixel, this.#domain)));
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      seek(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (canvas.hasPointerCapture(event.pointerId)) seek(event);
    });
  }

  /** @returns {[number, number]} */
  get #domain() {
    return [0, Math.max(1, (this.#state?.n_positions ?? 1) - 1)];
  }

  /**
   * @param {AnalysisState | null} state
   * @param {number} position
   */
  show(state, position) {
    this.#state = state;
    this.#position = position;
    this.#draw();
  }

  #draw() {
    const n = this.#state?.n_positions ?? 0;
    const { best = [], mistakes = [] } = this.#state?.graph ?? {};
    const marked = mistakes.slice(0, N_MARKED).sort((a, b) => a - b);
    this.#chart.drawOn(this.#canvas, {
      series: [
        {
          x: best.map((_, k) => k),
          y: best,
          color: themeColor("--accent"),
          rings: { x: marked, y: marked.map((k) => best[k]) },
        },
      ],
      domain: this.#domain,
      cursor: n ? this.#position : null,
      selection: null,
      isLog: false,
    });
    const label = `Evaluation graph: values of ${formatCount(n)} positions, ${mistakesText(mistakes.length)}`;
    setAttribute(this.#canvas, "aria-label", label);
  }
}

/** @param {number} n */
export const mistakesText = (n) => `${formatCount(n)} ${n === 1 ? "mistake" : "mistakes"}`;
