// The status line: is it learning, how fast, and for how much longer.

import { find, setAttribute, setText } from "../common/dom.js";
import { TrainedTime } from "../common/trained.js";
import { count, duration, left, stateWord } from "../common/words.js";

const trained = new TrainedTime();

/** Writes the line for the state of the connection and of what is watched. */
export function showStatus({ link, view, progress }) {
  const line = find("#status");
  const shown = link === "lost" || link === "connecting" ? link : view?.state ?? "none";
  setAttribute(line, "data-state", shown);
  setText(find("#status-word"), wordOf(shown));
  setText(find("#status-text"), textOf(shown, view, progress));
  document.title = view ? `${stateWord(view.state)} · ${view.title} · tetrarium` : "tetrarium";
}

function wordOf(shown) {
  if (shown === "lost") return "Connection lost";
  if (shown === "connecting") return "Connecting";
  return shown === "none" ? "Nothing runs" : stateWord(shown);
}

function textOf(shown, view, progress) {
  if (shown === "lost") return "coming back by itself";
  if (!view || view.kind === "player" || shown === "connecting") return "";
  const step = progress?.step ?? view.step;
  const total = progress?.total_steps ?? view.total_steps;
  if (shown === "running") {
    const parts = [duration(trained.of(view.name, view.seconds, progress?.seconds))];
    if (progress) parts.push(`${count(progress.steps_per_second)} steps/s`);
    return [...parts, left(progress?.seconds_left)].filter(Boolean).join(" · ");
  }
  return total ? `step ${count(step)} of ${count(total)}` : "";
}
