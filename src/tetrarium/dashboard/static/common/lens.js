// What is seen of an axis from 0 on, and where somebody looks: the zoom, a cursor, and the stretch that is dragged over.

const SMALLEST_DRAG = 8; // pixels
const ZOOM = 0.5;
const CLOSEST = 1 / 1000; // of the axis

export class Lens {
  cursor = null; // a place on the axis, or null
  #zoom = null; // [first, last] or null for all
  #drag = null; // {from, to, pixel}
  #end;
  #changed;

  /** `end()` gives the axis's end; `changed()` is called when there is something else to be seen. */
  constructor(end, changed) {
    this.#end = end;
    this.#changed = changed;
  }

  get isWhole() {
    return this.#zoom === null;
  }

  get domain() {
    return this.#zoom ?? [0, this.#end()];
  }

  /** Both ends of the stretch that is dragged over, or null. */
  get selection() {
    return this.#drag && [this.#drag.from, this.#drag.to];
  }

  showAll() {
    this.#zoom = null;
    this.#changed();
  }

  /** Another axis: it begins whole. */
  restart() {
    this.cursor = this.#drag = null;
    this.showAll();
  }

  /** Cursor and zoom follow the pointer; `placeUnder(pixel, domain)` gives the place under a pixel of the canvas. */
  followPointer(canvas, placeUnder) {
    const placeAt = (event) => placeUnder(event.offsetX, this.domain);
    canvas.addEventListener("pointermove", (event) => {
      this.cursor = placeAt(event);
      if (this.#drag) this.#drag.to = this.cursor;
      this.#changed();
    });
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.#drag = { from: placeAt(event), to: placeAt(event), pixel: event.offsetX };
    });
    canvas.addEventListener("pointerup", (event) => {
      const drag = this.#drag;
      this.#drag = null;
      if (drag && Math.abs(event.offsetX - drag.pixel) >= SMALLEST_DRAG) {
        this.#zoom = [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)];
      }
      this.#changed();
    });
    const leave = () => {
      this.cursor = this.#drag = null;
      this.#changed();
    };
    for (const kind of ["pointerleave", "pointercancel", "blur"]) canvas.addEventListener(kind, leave);
    canvas.addEventListener("dblclick", () => this.showAll());
  }

  /** The same by keys; `moved(by)` gives the place that lies so many steps from the cursor, or from the end. */
  followKeys(canvas, moved) {
    const move = (by) => (this.cursor = moved(by));
    const keys = {
      ArrowLeft: (far) => move(far ? -10 : -1), ArrowRight: (far) => move(far ? 10 : 1),
      Home: () => move(-Infinity), End: () => move(Infinity),
      "+": () => this.#zoomBy(ZOOM), "=": () => this.#zoomBy(ZOOM), "-": () => this.#zoomBy(1 / ZOOM),
      0: () => (this.#zoom = null),
    };
    canvas.addEventListener("keydown", (event) => {
      const press = keys[event.key];
      if (!press || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      event.stopPropagation();
      press(event.shiftKey);
      this.#changed();
    });
  }

  #zoomBy(factor) {
    const [low, high] = this.domain;
    const middle = this.cursor ?? (low + high) / 2;
    const end = this.#end();
    const span = Math.max(end * CLOSEST, (high - low) * factor);
    this.#zoom = span >= end ? null : [Math.max(0, middle - span / 2), Math.min(end, middle + span / 2)];
  }
}
