// @ts-check
// Parts of panels.

import { findDialog, make } from "./dom.js";

/**
 * Makes the header of a panel: its title, and a button that closes it.
 *
 * @param {HTMLDialogElement} dialog
 * @param {string} id of the title
 * @param {string} title
 */
export function panelHeader(dialog, id, title) {
  return make(
    "div",
    { class: "panel-head" },
    make("h2", { id }, title),
    make("button", { type: "button", class: "quiet", "aria-label": "Close", onclick: () => dialog.close() }, "×"),
  );
}

/**
 * Opens the panel that shows a log.
 *
 * @param {string} title
 * @param {string} text
 */
export function openLogPanel(title, text) {
  const dialog = findDialog("#log-panel");
  dialog.replaceChildren(
    panelHeader(dialog, "log-title", title),
    make(
      "div",
      { class: "panel-body", tabindex: 0, role: "region", "aria-label": "Log" },
      make("pre", {}, text || "The log is empty."),
    ),
  );
  dialog.showModal();
}
