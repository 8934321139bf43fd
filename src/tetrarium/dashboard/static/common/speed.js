// Pieces a second from 1 to 1,000 on a slider from 0 to 1,000: each third of it is ten times as fast.

import { setAttribute, setText } from "./dom.js";
import { count } from "./words.js";

const SETTLE_MS = 120; // a slider that is dragged tells its last place
const STEP = 83; // a twelfth of the slider

const speedAt = (place) => {
  const speed = 1000 ** (place / 1000);
  const digits = speed < 20 ? 1 : speed < 200 ? 5 : 10;
  return Math.min(1000, Math.max(1, Math.round(speed / digits) * digits));
};

const placeOf = (speed) => Math.round((1000 * Math.log(Math.max(1, speed))) / Math.log(1000));

export class SpeedSlider {
  #slider;
  #output;
  #moved;
  #settled;
  #settle = 0;
  #isDragging = false;

  /** `moved` is given the speed at each move, `settled` once the slider rests. */
  constructor(slider, output, { moved, settled }) {
    this.#slider = slider;
    this.#output = output;
    this.#moved = moved;
    this.#settled = settled;
    slider.addEventListener("input", () => this.#move());
    slider.addEventListener("change", () => (this.#isDragging = false));
  }

  /** Moves it by steps, for keys. */
  step(by) {
    this.#slider.value = Number(this.#slider.value) + by * STEP;
    this.#move();
    this.#isDragging = false;
  }

  /** Shows the speed that there is, unless somebody drags the slider. */
  show(speed) {
    if (this.#isDragging) return;
    this.#slider.value = placeOf(speed);
    this.#write(speed);
  }

  #move() {
    this.#isDragging = true;
    const speed = speedAt(Number(this.#slider.value));
    this.#write(speed);
    this.#moved(speed);
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => this.#settled(speed), SETTLE_MS);
  }

  #write(speed) {
    setText(this.#output, count(speed));
    setAttribute(this.#slider, "aria-valuetext", `${count(speed)} pieces a second`);
  }
}
