// @ts-check
// Status at the top of every page: the state of what the page shows, if it shows one thing, and what is active in the
// home, which is the same on all pages.

import { request } from "./api.js";
import { find, make, setAttribute, setText } from "./dom.js";
import { formatCount } from "./format.js";

/** @typedef {ApiResponse<"get", "/activity">} Activity */

const BEGINNING = ["connecting", "starting"]; // states after which something will move
const LOST = { state: "lost", label: "Connection lost", text: "reconnecting" };

let subject = { state: "none", label: "", text: "" };
/** @type {Activity | null} */
let activity = null;
let isLost = false;
let isRequested = false;
let isReading = false;

/**
 * Shows the state of what the page shows: a sign, a label, and a text.
 *
 * @param {string} state which sign is shown, see frame.css
 * @param {string} label "" for none
 * @param {string} [text]
 */
export function showStatusLine(state, label, text = "") {
  subject = { state, label, text };
  show();
}

/** @param {boolean} isConnectionLost */
export function showConnection(isConnectionLost) {
  isLost = isConnectionLost;
  show();
}

/** Reads and shows what is active in the home; calls during a request are answered by one more request. */
export async function refreshActivity() {
  isRequested = true;
  if (isReading) return;
  isReading = true;
  try {
    while (isRequested) {
      isRequested = false;
      activity = await request("get", "/activity").catch(() => activity); // the live socket reports the lost connection
      show();
    }
  } finally {
    isReading = false;
  }
}

function show() {
  const { state, label, text } = isLost ? LOST : subject;
  find("#status").hidden = !label;
  setAttribute(find("#status"), "data-state", state);
  setText(find("#status-word"), label);
  setText(find("#status-text"), text);
  const { n_running: nRunning = 0, n_paused: nPaused = 0, n_demos: nDemos = 0 } = activity ?? {};
  const isIdle = !nRunning && !nPaused && !nDemos;
  find("#activity").hidden = isLost || !activity || (isIdle && BEGINNING.includes(state));
  setAttribute(find("#activity"), "data-state", nRunning || nDemos ? "running" : nPaused ? "paused" : "none");
  const runs = [nRunning && `${formatCount(nRunning)} running`, nPaused && `${formatCount(nPaused)} paused`]
    .filter(Boolean)
    .join(" · ");
  const demos = nDemos && (nDemos === 1 ? "demo playing" : `${formatCount(nDemos)} demos playing`);
  const added = runs && demos ? make("span", { class: "added" }, ` · ${demos}`) : "";
  find("#activity-text").replaceChildren(runs || demos || "idle", added);
}
