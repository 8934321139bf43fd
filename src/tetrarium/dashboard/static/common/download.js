// @ts-check
// Files that the page saves.

import { make } from "./dom.js";

/**
 * Formats a table as CSV.
 *
 * @param {Record<string, (number | string | null)[]>} columns by name; the first of `names` sets the number of rows
 * @param {string[]} names
 */
export function toCsv(columns, names) {
  const n = columns[names[0]]?.length ?? 0;
  const rows = Array.from({ length: n }, (_, k) => names.map((name) => columns[name]?.[k] ?? "").join(","));
  return [names.join(","), ...rows, ""].join("\n");
}

/**
 * Saves a file.
 *
 * @param {Blob} blob
 * @param {string} name
 */
export function downloadBlob(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
