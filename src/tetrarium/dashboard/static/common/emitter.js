// @ts-check
// Events between modules of a page, with types for what each carries.

/** @template {Record<string, unknown>} Events what each event carries, by its kind */
export class Emitter {
  #target = new EventTarget();

  /**
   * Calls a listener with what each event of a kind carries.
   *
   * @template {keyof Events & string} Kind
   * @param {Kind} kind
   * @param {(detail: Events[Kind]) => void} listener
   * @param {AddEventListenerOptions} [options]
   */
  on(kind, listener, options) {
    const receive = (/** @type {Event} */ event) => listener(/** @type {CustomEvent} */ (event).detail);
    this.#target.addEventListener(kind, receive, options);
  }

  /**
   * @template {keyof Events & string} Kind
   * @param {Kind} kind
   * @param {Events[Kind]} detail
   */
  emit(kind, detail) {
    this.#target.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}
