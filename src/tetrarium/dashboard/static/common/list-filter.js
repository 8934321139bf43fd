// @ts-check
// Search field that filters the items of a list as one types, and groups of a list, which are collapsed.

import { compareValues } from "./compare-values.js";
import { findAll, make } from "./dom.js";

const FEW = 12; // items that need no filter
const OPENER = "open-group"; // class of the options that open a group

/**
 * Makes a search field for the items in a host: options of a select, or labels, in groups that may be collapsed.
 *
 * @param {string} label
 * @param {HTMLElement} host
 */
export function makeFilter(label, host) {
  const items = findAll(`option:not(.${OPENER}), label`, host);
  const openers = /** @type {HTMLOptionElement[]} */ (findAll(`.${OPENER}`, host));
  const filter = (/** @type {string} */ text) => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    for (const item of items) {
      const group = item.closest("optgroup");
      const content = `${item.textContent ?? ""} ${group?.label ?? ""}`.toLowerCase();
      const isSelected = item instanceof HTMLOptionElement && item.selected;
      const isCollapsed = !words.length && group?.dataset.group !== undefined && !isSelected;
      item.hidden = isCollapsed || !words.every((word) => content.includes(word));
    }
    for (const opener of openers) opener.hidden = words.length > 0;
    for (const group of findAll("optgroup, details", host)) {
      const isEmpty = findAll("option, label", group).every((item) => item.hidden);
      group.hidden = isEmpty;
      if (group instanceof HTMLDetailsElement) group.open = words.length > 0 && !isEmpty;
    }
  };
  const input = make("input", {
    type: "search",
    class: "list-filter",
    placeholder: label,
    "aria-label": label,
    autocomplete: "off",
    spellcheck: "false",
    hidden: items.length <= FEW && !openers.length,
    oninput: ({ currentTarget }) => filter(currentTarget.value),
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Enter") event.preventDefault(); // it would submit the form
    },
  });
  if (host instanceof HTMLSelectElement && openers.length) {
    filter("");
    openGroups(host, openers, (group) => {
      input.value = group;
      filter(group);
    });
  }
  return input;
}

/**
 * Makes a group of a select, which a filter collapses to its last option; that option finds the others.
 *
 * @param {string} label
 * @param {string} group
 * @param {HTMLOptionElement[]} options
 */
export const makeCollapsedGroup = (label, group, options) =>
  make(
    "optgroup",
    { label, "data-group": group },
    options,
    make("option", { class: OPENER, value: "", "data-group": group }, `Show all ${options.length} of ${group}`),
  );

/**
 * Lets the options that open groups do so, instead of being chosen.
 *
 * @param {HTMLSelectElement} select
 * @param {HTMLOptionElement[]} openers
 * @param {(group: string) => void} onOpen
 */
function openGroups(select, openers, onOpen) {
  let chosen = select.value;
  select.addEventListener("focus", () => {
    chosen = select.value;
  });
  const change = (/** @type {Event} */ event) => {
    const opener = openers.find(({ selected }) => selected);
    if (!opener) {
      chosen = select.value;
      return;
    }
    event.stopImmediatePropagation();
    select.value = chosen;
    onOpen(opener.dataset.group ?? "");
    try {
      select.showPicker();
    } catch {
      // the browser shows it at the next click
    }
  };
  select.addEventListener("change", change, { capture: true });
}

/** Suggestions of text fields, in which groups are collapsed until something is typed. */
export class Suggestions {
  #list;
  /** @type {{ name: string, group?: string | null }[]} */
  #entries = [];

  /**
   * @param {HTMLElement} list
   * @param {HTMLInputElement[]} inputs that name the list
   */
  constructor(list, inputs) {
    this.#list = list;
    for (const input of inputs) {
      for (const type of ["focus", "input"]) input.addEventListener(type, () => this.#fill(input.value));
    }
  }

  /** @param {{ name: string, group?: string | null }[]} entries */
  show(entries) {
    this.#entries = entries;
    this.#fill("");
  }

  /** @param {string} text */
  #fill(text) {
    const [single, groups] = text.trim() ? [this.#entries, []] : divideByGroup(this.#entries);
    this.#list.replaceChildren(
      ...single.map(({ name }) => make("option", { value: name })),
      ...groups.map(([group, members]) => make("option", { value: group }, `group of ${members.length}`)),
    );
  }
}

/**
 * Divides entries by their group: those without one, or alone in theirs, and the groups in natural order.
 *
 * @template {{ group?: string | null }} Entry
 * @param {Entry[]} entries
 * @returns {[single: Entry[], groups: [name: string, members: Entry[]][]]}
 */
export function divideByGroup(entries) {
  /** @type {Map<string, Entry[]>} */
  const members = new Map();
  for (const entry of entries) {
    const { group } = entry;
    if (typeof group === "string") members.set(group, [...(members.get(group) ?? []), entry]);
  }
  const groups = [...members].filter(([, found]) => found.length > 1);
  groups.sort(([one], [other]) => compareValues(one, other));
  const grouped = new Set(groups.flatMap(([, found]) => found));
  return [entries.filter((entry) => !grouped.has(entry)), groups];
}
