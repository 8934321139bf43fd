// @ts-check
// Slider of pieces per second, from 1 to 1,000 on a logarithmic scale.

import { setAttribute, setText } from "./dom.js";
import { formatCount } from "./format.js";

const SETTLE_MS = 120; // after which a dragged slider counts as at rest
const STEP = 83; // a twelfth of the slider, which goes from 0 to 1,000

/** @param {number} position */
const speedAt = (position) => {
  const speed = 1000 ** (position / 1000);
  const unit = speed < 20 ? 1 : speed < 200 ? 5 : 10;
  return Math.min(1000, Math.max(1, Math.round(speed / unit) * unit));
};

/** @param {number} speed */
const positionOf = (speed) => Math.round((1000 * Math.log(Math.max(1, speed))) / Math.log(1000));

export class SpeedSlider {
  #slider;
  #output;
  #onMove;
  #onSettle;
  #settleTimer = 0;
  #isDragging = false;

  /**
   * @param {HTMLInputElement} slider
   * @param {HTMLElement} output
   * @param {{ onMove: (speed: number) => unknown, onSettle: (speed: number) => unknown }} listeners called at each
   *   move, and once the slider rests
   */
  constructor(slider, output, { onMove, onSettle }) {
    this.#slider = slider;
    this.#output = output;
    this.#onMove = onMove;
    this.#onSettle = onSettle;
    slider.addEventListener("input", () => this.#move());
    slider.addEventListener("change", () => {
      this.#isDragging = false;
    });
  }

  /**
   * Moves the slider by steps, for keyboard shortcuts.
   *
   * @param {number} by
   */
  step(by) {
    this.#slider.value = String(Number(this.#slider.value) + by * STEP);
    this.#move();
    this.#isDragging = false;
  }

  /**
   * Shows a speed, unless the slider is being dragged.
   *
   * @param {number} speed
   */
  show(speed) {
    if (this.#isDragging) return;
    this.#slider.value = String(positionOf(speed));
    this.#showText(speed);
  }

  #move() {
    this.#isDragging = true;
    const speed = speedAt(Number(this.#slider.value));
    this.#showText(speed);
    this.#onMove(speed);
    clearTimeout(this.#settleTimer);
    this.#settleTimer = setTimeout(() => this.#onSettle(speed), SETTLE_MS);
  }

  /** @param {number} speed */
  #showText(speed) {
    setText(this.#output, formatCount(speed));
    setAttribute(this.#slider, "aria-valuetext", `${formatCount(speed)} pieces per second`);
  }
}
