// @ts-check
// Dialog that asks for one or more texts, and keeps them until they are accepted.

import { findDialog, make, setText } from "./dom.js";
import { runAction } from "./toast.js";

/**
 * @typedef {object} Field
 * @property {string} key
 * @property {string} label
 * @property {Record<string, import("./dom.js").Property>} [input] attributes of the input
 * @property {boolean} [isLong] whether the text may have several lines
 * @property {string[]} [choices] suggested texts
 */

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {string} text
 * @property {Field[]} fields
 * @property {string} verb label of the button that accepts
 * @property {(values: Record<string, string>) => unknown} accept may refuse by an error, which is shown
 */

/** @param {Question} question */
export function openQuestion({ title, text, fields, verb, accept }) {
  const dialog = findDialog("#question-panel");
  const inputs = fields.map(({ key, input, isLong, choices }) => {
    /** @type {Record<string, import("./dom.js").Property>} */
    const properties = { id: `question-${key}`, autocomplete: "off", "aria-describedby": "question-error", ...input };
    if (!isLong) {
      const list = choices?.length ? `question-${key}-choices` : null;
      return make("input", { type: "text", spellcheck: "false", list, ...properties });
    }
    const { value = "", ...others } = properties;
    return make("textarea", { rows: 3, ...others }, String(value));
  });
  const rows = fields.map(({ key, label, choices }, k) =>
    make(
      "p",
      { class: "field" },
      make("label", { for: `question-${key}` }, label),
      inputs[k],
      choices?.length
        ? make(
            "datalist",
            { id: `question-${key}-choices` },
            choices.map((value) => make("option", { value })),
          )
        : null,
    ),
  );
  const error = make("p", { class: "form-error", id: "question-error", role: "alert" });
  const save = make("button", { class: "primary" }, verb);
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const values = Object.fromEntries(fields.map(({ key }, k) => [key, inputs[k].value.trim()]));
    const run = async () => {
      await accept(values);
      dialog.close();
    };
    runAction(save, null, run, ({ message }) => {
      setText(error, message);
      inputs[0].focus();
    });
  };
  dialog.replaceChildren(
    make(
      "form",
      { method: "dialog", onsubmit: submit },
      make("div", { class: "panel-head" }, make("h2", { id: "question-title" }, title)),
      make("div", { class: "panel-body" }, make("p", {}, text), rows, error),
      make(
        "div",
        { class: "panel-foot" },
        make("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
        save,
      ),
    ),
  );
  dialog.showModal();
  inputs[0].focus();
  inputs[0].select();
}
