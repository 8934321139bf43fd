// @ts-check
// Search field that filters the items of a list as one types, and the division of a list into groups.

import { compareValues } from "./compare-values.js";
import { findAll, make } from "./dom.js";

const FEW = 12; // items that need no filter

/**
 * Makes a search field for the items in a host: options of a select, or labels, in groups that may be collapsed.
 *
 * @param {string} label
 * @param {HTMLElement} host
 */
export function makeFilter(label, host) {
  const items = findAll("option, label", host);
  const filter = (/** @type {string} */ text) => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    for (const item of items) {
      const content = `${item.textContent ?? ""} ${item.closest("optgroup")?.label ?? ""}`.toLowerCase();
      item.hidden = !words.every((word) => content.includes(word));
    }
    for (const group of findAll("optgroup, details", host)) {
      const isEmpty = findAll("option, label", group).every((item) => item.hidden);
      group.hidden = isEmpty;
      if (group instanceof HTMLDetailsElement) group.open = words.length > 0 && !isEmpty;
    }
  };
  return make("input", {
    type: "search",
    class: "list-filter",
    placeholder: label,
    "aria-label": label,
    autocomplete: "off",
    spellcheck: "false",
    hidden: items.length <= FEW,
    oninput: ({ currentTarget }) => filter(currentTarget.value),
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Enter") event.preventDefault(); // it would submit the form
    },
  });
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
