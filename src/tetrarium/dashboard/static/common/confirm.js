// Asks before something that cannot be undone.

import { find, make } from "./dom.js";

/**
 * Asks a question in a dialog; `text` may be a string or elements. Returns whether the answer was `verb`. The way back
 * has the focus first.
 */
export function confirm(title, text, verb) {
  const dialog = find("#confirm-panel");
  return new Promise((resolve) => {
    const answer = (isYes) => {
      dialog.onclose = null;
      dialog.close();
      resolve(isYes);
    };
    const no = make("button", { type: "button", onclick: () => answer(false) }, "Cancel");
    dialog.replaceChildren(
      make("div", { class: "panel-head" }, make("h2", { id: "confirm-title" }, title)),
      make("div", { class: "panel-body" }, ...(typeof text === "string" ? [make("p", {}, text)] : text)),
      make("div", { class: "panel-foot" }, no,
        make("button", { type: "button", class: "danger", onclick: () => answer(true) }, verb)));
    dialog.onclose = () => resolve(false);
    dialog.showModal();
    no.focus();
  });
}
