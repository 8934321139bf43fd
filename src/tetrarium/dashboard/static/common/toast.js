// @ts-check
// Short messages at the edge of the page, and actions of buttons with their errors.

import { find, make } from "./dom.js";
import { readStorage, writeStorage } from "./storage.js";

const STORAGE_KEY = "tetrarium-pending-toast";
const DURATION_MS = 6_000;
const N_REASONS = 3; // in one message
const LONG_DURATION_MS = 12_000; // of errors, and of messages with an action

/**
 * Shows a message in place of the one before; screen readers announce it. It disappears by itself: with the focus in
 * it never, under a moving pointer later.
 *
 * @param {string} text
 * @param {{ action?: { label: string, run: () => unknown } | null, isError?: boolean }} [options]
 */
export function showToast(text, { action = null, isError = false } = {}) {
  const host = find("#toasts");
  const toast = make("div", { class: isError ? "toast bad" : "toast" }, make("p", {}, text));
  let timer = 0;
  const close = () => {
    clearTimeout(timer);
    toast.remove();
  };
  const closeLater = () => {
    clearTimeout(timer);
    timer = setTimeout(close, action || isError ? LONG_DURATION_MS : DURATION_MS);
  };
  if (action) {
    const closeAndRun = () => {
      close();
      action.run();
    };
    toast.append(make("button", { type: "button", onclick: closeAndRun }, action.label));
  }
  toast.append(make("button", { type: "button", onclick: close, "aria-label": "Close this message" }, "×"));
  toast.addEventListener("focusin", () => clearTimeout(timer));
  toast.addEventListener("focusout", closeLater);
  toast.addEventListener("pointermove", closeLater);
  host.replaceChildren(toast);
  closeLater();
}

/**
 * Has the next page show a toast.
 *
 * @param {string} text
 */
export function toastOnNextPage(text) {
  writeStorage(STORAGE_KEY, text, { inTab: true });
}

/** Shows the toast of the page before. */
export function showPendingToast() {
  const text = readStorage(STORAGE_KEY, { inTab: true });
  writeStorage(STORAGE_KEY, null, { inTab: true });
  if (text) showToast(text);
}

/**
 * Has screen readers announce what is visible elsewhere on the page.
 *
 * @param {string} text
 */
export function announce(text) {
  find("#announcer").textContent = text;
}

/**
 * Shows one message about several things: what was done, and why others were refused.
 *
 * @param {string} done "" if nothing was done
 * @param {string[]} reasons of those that were refused
 * @param {{ label: string, run: () => unknown } | null} [action]
 */
export function showOutcome(done, reasons, action = null) {
  const different = [...new Set(reasons)];
  const shown = different.slice(0, N_REASONS);
  const more = different.length > shown.length ? [`And ${different.length - shown.length} more.`] : [];
  const text = [done, ...shown, ...more].filter(Boolean).join(" ");
  if (text) showToast(text, { action, isError: reasons.length > 0 });
}

/**
 * Runs an action on several things, one after the other, and shows one message at the end.
 *
 * @template Item, Result
 * @param {Iterable<Item>} items
 * @param {(item: Item) => Promise<Result>} action throws an error with the reason if it is refused
 * @param {(results: Result[]) => string} [describe] returns the message about what was done
 * @param {(results: Result[]) => { label: string, run: () => unknown } | null} [actionOn]
 * @returns {Promise<Item[]>} those that were done
 */
export async function runOnEach(items, action, describe = () => "", actionOn = () => null) {
  /** @type {Item[]} */
  const done = [];
  /** @type {Result[]} */
  const results = [];
  /** @type {string[]} */
  const reasons = [];
  for (const item of items) {
    try {
      results.push(await action(item));
      done.push(item);
    } catch (error) {
      reasons.push(error.message);
      if (error.status === 0) break; // the server does not answer
    }
  }
  showOutcome(done.length ? describe(results) : "", reasons, done.length ? actionOn(results) : null);
  return done;
}

/** @param {Element} button */
export const isBusy = (button) => button.getAttribute("aria-busy") === "true";

/** @param {Error} error */
const showError = (error) => showToast(error.message, { isError: true });

/**
 * Runs the action of a button, which is busy meanwhile, and shows an error, by default as a toast.
 *
 * @template T
 * @param {Element | null} button
 * @param {string | null} busyLabel text of the button meanwhile
 * @param {() => T | Promise<T>} action
 * @param {(error: any) => void} [onError]
 * @returns {Promise<T | undefined>} undefined after an error, or if the button is busy already
 */
export async function runAction(button, busyLabel, action, onError = showError) {
  if (button && isBusy(button)) return undefined;
  const label = button?.textContent ?? "";
  if (button) {
    button.setAttribute("aria-busy", "true");
    if (busyLabel) button.textContent = busyLabel;
  }
  try {
    return await action();
  } catch (error) {
    onError(error);
    return undefined;
  } finally {
    if (button) {
      button.removeAttribute("aria-busy");
      if (busyLabel && button.textContent === busyLabel) button.textContent = label;
    }
  }
}
