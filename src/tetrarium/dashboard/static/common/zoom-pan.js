// @ts-check
// View of an axis that begins at 0: zoom, cursor, and the range that is selected by dragging.

const MIN_DRAG = 8; // pixels
const ZOOM_FACTOR = 0.5;
const MAX_ZOOM = 1 / 1000; // of the axis

/** @typedef {[low: number, high: number]} Range */

export class ZoomPan {
  /** @type {number | null} */
  cursor = null;
  /** @type {Range | null} */
  #zoom = null; // null for the whole axis
  /** @type {{ from: number, to: number, pixel: number } | null} */
  #drag = null;
  #axisEnd;
  #onChange;

  /**
   * @param {() => number} axisEnd returns the end of the axis
   * @param {() => void} onChange
   */
  constructor(axisEnd, onChange) {
    this.#axisEnd = axisEnd;
    this.#onChange = onChange;
  }

  get isWhole() {
    return this.#zoom === null;
  }

  /** @returns {Range} the visible part of the axis */
  get domain() {
    return this.#zoom ?? [0, this.#axisEnd()];
  }

  /** @returns {Range | null} */
  get selection() {
    return this.#drag && [this.#drag.from, this.#drag.to];
  }

  showAll() {
    this.#zoom = null;
    this.#onChange();
  }

  /** Starts anew with another axis. */
  reset() {
    this.cursor = this.#drag = null;
    this.showAll();
  }

  /**
   * Lets the pointer move the cursor, and dragging zoom.
   *
   * @param {HTMLCanvasElement} canvas
   * @param {(pixel: number, domain: Range) => number} valueAtPixel
   */
  followPointer(canvas, valueAtPixel) {
    const valueAt = (/** @type {PointerEvent} */ event) => valueAtPixel(event.offsetX, this.domain);
    canvas.addEventListener("pointermove", (event) => {
      this.cursor = valueAt(event);
      if (this.#drag) this.#drag.to = this.cursor;
      this.#onChange();
    });
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.#drag = { from: valueAt(event), to: valueAt(event), pixel: event.offsetX };
    });
    canvas.addEventListener("pointerup", (event) => {
      const drag = this.#drag;
      this.#drag = null;
      if (drag && Math.abs(event.offsetX - drag.pixel) >= MIN_DRAG) {
        this.#zoom = [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)];
      }
      this.#onChange();
    });
    const leave = () => {
      this.cursor = this.#drag = null;
      this.#onChange();
    };
    for (const kind of ["pointerleave", "pointercancel", "blur"]) canvas.addEventListener(kind, leave);
    canvas.addEventListener("dblclick", () => this.showAll());
  }

  /**
   * Lets keys move the cursor and zoom.
   *
   * @param {HTMLCanvasElement} canvas
   * @param {(by: number) => number | null} valueFromCursor returns the value so many data points from the cursor, or
   *   from the end without a cursor
   */
  followKeys(canvas, valueFromCursor) {
    const move = (/** @type {number} */ by) => {
      this.cursor = valueFromCursor(by);
    };
    /** @type {Record<string, (isFar: boolean) => void>} */
    const actions = {
      ArrowLeft: (isFar) => move(isFar ? -10 : -1),
      ArrowRight: (isFar) => move(isFar ? 10 : 1),
      Home: () => move(-Infinity),
      End: () => move(Infinity),
      "+": () => this.#zoomBy(ZOOM_FACTOR),
      "=": () => this.#zoomBy(ZOOM_FACTOR),
      "-": () => this.#zoomBy(1 / ZOOM_FACTOR),
      0: () => {
        this.#zoom = null;
      },
    };
    canvas.addEventListener("keydown", (event) => {
      const action = actions[event.key];
      if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      event.stopPropagation();
      action(event.shiftKey);
      this.#onChange();
    });
  }

  /** @param {number} factor */
  #zoomBy(factor) {
    const [low, high] = this.domain;
    const middle = this.cursor ?? (low + high) / 2;
    const end = this.#axisEnd();
    const span = Math.max(end * MAX_ZOOM, (high - low) * factor);
    this.#zoom = span >= end ? null : [Math.max(0, middle - span / 2), Math.min(end, middle + span / 2)];
  }
}
