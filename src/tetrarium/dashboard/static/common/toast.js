// Says what happened: short messages at the edge, read out by screen readers, gone by themselves unless they are used.

import { find, make } from "./dom.js";

const MOST = 3;
const SECONDS = 6;
const SECONDS_WITH_ACTION = 12;

/** Shows a message; `action` is {label, run}, a way on or back. */
export function say(text, { action = null, isError = false } = {}) {
  const host = find("#toasts");
  const toast = make("div", { class: isError ? "toast bad" : "toast" }, make("p", {}, text));
  let timer = 0;
  const close = () => {
    clearTimeout(timer);
    toast.remove();
  };
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(close, 1000 * (action || isError ? SECONDS_WITH_ACTION : SECONDS));
  };
  if (action) {
    const act = () => {
      close();
      action.run();
    };
    toast.append(make("button", { type: "button", onclick: act }, action.label));
  }
  toast.append(make("button", { type: "button", onclick: close, "aria-label": "Close this message" }, "×"));
  for (const kind of ["pointerenter", "focusin"]) toast.addEventListener(kind, () => clearTimeout(timer));
  for (const kind of ["pointerleave", "focusout"]) toast.addEventListener(kind, wait);
  host.append(toast);
  while (host.children.length > MOST) host.firstElementChild.remove();
  wait();
}

/** Lets screen readers say what everybody else sees elsewhere on the page. */
export function announce(text) {
  find("#announcer").textContent = text;
}

/** Runs what a button asks for: the button answers at once, and an error is said. Returns the answer or undefined. */
export async function act(button, word, work) {
  if (button?.getAttribute("aria-busy") === "true") return undefined;
  const label = button?.textContent;
  if (button) {
    button.setAttribute("aria-busy", "true");
    if (word) button.textContent = word;
  }
  try {
    return await work();
  } catch (error) {
    say(error.message, { isError: true });
    return undefined;
  } finally {
    if (button) {
      button.removeAttribute("aria-busy");
      if (word && button.textContent === word) button.textContent = label;
    }
  }
}
