// @ts-check
// List or table body whose elements stay while their content changes, so that nothing jumps or loses the focus.

/**
 * @template Item
 * @typedef {object} KeyedListOptions
 * @property {(item: Item) => string} keyOf
 * @property {(item: Item) => HTMLElement} make creates the element of a new item
 * @property {(element: HTMLElement, item: Item) => void} update fills an element, after its creation too
 * @property {(item: Item) => unknown} [stateOf] what the content depends on, by default the item; as JSON it decides
 *   whether an element is updated
 */

/** @template Item */
export class KeyedList {
  #host;
  #options;
  /** @type {Map<string, { element: HTMLElement, state: string }>} */
  #entries = new Map();

  /**
   * @param {HTMLElement} host
   * @param {KeyedListOptions<Item>} options
   */
  constructor(host, options) {
    this.#host = host;
    this.#options = options;
  }

  /** @returns {[key: string, element: HTMLElement][]} */
  get elements() {
    return [...this.#entries].map(([key, { element }]) => [key, element]);
  }

  /**
   * Shows these items in this order.
   *
   * @param {Item[]} items
   */
  show(items) {
    const { keyOf } = this.#options;
    const before = this.#entries;
    this.#entries = new Map(items.map((item) => [keyOf(item), this.#entryOf(item)]));
    for (const [key, { element }] of before) if (!this.#entries.has(key)) element.remove();
    let place = this.#host.firstElementChild;
    for (const { element } of this.#entries.values()) {
      if (element === place) place = place.nextElementSibling;
      else this.#host.insertBefore(element, place);
    }
  }

  /** @param {Item} item */
  #entryOf(item) {
    const { keyOf, make, update, stateOf } = this.#options;
    const state = JSON.stringify(stateOf ? stateOf(item) : item);
    const known = this.#entries.get(keyOf(item));
    if (known?.state === state) return known;
    const element = known?.element ?? make(item);
    update(element, item);
    return { element, state };
  }
}
