// What is taken away from a page: tables and pictures as files.

import { make } from "./dom.js";

/** A table as people's spreadsheets read it, from columns by name. */
export function csvOf(columns, names) {
  const rows = (columns[names[0]] ?? []).map((_, k) => names.map((name) => columns[name]?.[k] ?? "").join(","));
  return [names.join(","), ...rows, ""].join("\n");
}

/** Hands a file to whoever looks at the page. */
export function download(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
