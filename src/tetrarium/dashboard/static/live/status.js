// @ts-check
// Status line of the live page: state, speed and time left.

import { formatCount, formatDurations, formatTimeLeft, stateLabel } from "../common/format.js";
import { showStatusLine } from "../common/status-line.js";

/** @typedef {import("./app.js").App} App */
/** @typedef {import("./home.js").View} View */

/**
 * Shows the state of the connection and of what is watched.
 *
 * @param {App} app
 */
export function showStatus({ connection, runs, view, progress }) {
  if (connection === "connecting") showStatusLine("connecting", "Connecting");
  else if (!view && !runs) showStatusLine("connecting", "Loading");
  else if (!view) showStatusLine("none", "");
  else showStatusLine(view.state, stateLabel(view.state), textOf(view, progress));
  document.title = view ? `${stateLabel(view.state)} · ${view.title} · tetrarium` : "tetrarium";
}

/**
 * @param {View} view
 * @param {Progress | null} progress
 */
function textOf(view, progress) {
  if (view.kind === "demo") return "";
  const { seconds, evaluated_seconds } = progress ?? view;
  if (view.state === "running") {
    const parts = [formatDurations(seconds, evaluated_seconds)];
    if (progress) parts.push(`${formatCount(progress.steps_per_second)} steps/s`);
    const isTrained = progress !== null && progress.step >= progress.total_steps;
    const remaining = isTrained ? view.message?.replace(/\.$/, "") : formatTimeLeft(progress?.seconds_left);
    return [...parts, remaining].filter(Boolean).join(" · ");
  }
  const total = progress?.total_steps ?? view.total_steps;
  const steps = `step ${formatCount(progress?.step ?? view.step)} of ${formatCount(total)}`;
  return total ? [steps, seconds && formatDurations(seconds, evaluated_seconds)].filter(Boolean).join(" · ") : "";
}
