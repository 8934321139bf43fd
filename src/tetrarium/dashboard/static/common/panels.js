// What panels have in common.

import { make } from "./dom.js";

/** The head of a panel: its title, and a cross that closes it. */
export function panelHead(dialog, id, title) {
  return make("div", { class: "panel-head" }, make("h2", { id }, title),
    make("button", { type: "button", class: "quiet", "aria-label": "Close", onclick: () => dialog.close() }, "×"));
}
