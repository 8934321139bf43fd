// @ts-check
// Status line of the live page: state, speed and time left.

import { formatCount, formatDuration, formatTimeLeft, stateLabel } from "../common/format.js";
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
  const duration = formatDuration((seconds ?? 0) + (evaluated_seconds ?? 0));
  if (view.state !== "running") {
    const total = progress?.total_steps ?? view.total_steps;
    const steps = `step ${formatCount(progress?.step ?? view.step)} of ${formatCount(total)}`;
    return total ? [steps, seconds && duration].filter(Boolean).join(" · ") : "";
  }
  if (!progress) return duration;
  if (progress.step >= progress.total_steps) return view.message?.replace(/\.$/, "") ?? "";
  const speed = `${formatCount(progress.steps_per_second)} steps/s`;
  return [duration, speed, formatTimeLeft(progress.seconds_left)].filter(Boolean).join(" · ");
}
