// @ts-check
// Dialog that asks before an action that cannot be undone.

import { findDialog, make } from "./dom.js";

/**
 * Asks a question; Cancel has the focus first.
 *
 * @param {string} title
 * @param {string | HTMLElement[]} text
 * @param {string} verb label of the button that confirms
 * @returns {Promise<boolean>} whether it was confirmed
 */
export function confirm(title, text, verb) {
  const dialog = findDialog("#confirm-panel");
  return new Promise((resolve) => {
    const answer = (/** @type {boolean} */ isConfirmed) => {
      dialog.onclose = null;
      dialog.close();
      resolve(isConfirmed);
    };
    const cancel = make("button", { type: "button", onclick: () => answer(false) }, "Cancel");
    dialog.replaceChildren(
      make("div", { class: "panel-head" }, make("h2", { id: "confirm-title" }, title)),
      make("div", { class: "panel-body" }, ...(typeof text === "string" ? [make("p", {}, text)] : text)),
      make(
        "div",
        { class: "panel-foot" },
        cancel,
        make("button", { type: "button", class: "danger", onclick: () => answer(true) }, verb),
      ),
    );
    dialog.onclose = () => resolve(false);
    dialog.showModal();
    cancel.focus();
  });
}
