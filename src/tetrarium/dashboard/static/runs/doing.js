// What can be done with a run, from a list or from its own page: the same words and questions in both.

import { confirm } from "../common/confirm.js";
import { make } from "../common/dom.js";
import { keep, recall } from "../common/memory.js";
import { act, say } from "../common/toast.js";
import { bytes, count } from "../common/words.js";
import { api } from "./api.js";

const DONE = { pause: "is pausing", resume: "goes on", stop: "is stopping, with a checkpoint" };
const KEPT = "tetrarium-say";

/** What can be done with a run as it stands: [label, label while it is done, work]. */
function actionsOf(run, changed) {
  const tell = (command) => async () => {
    await api.command(run.name, command);
    say(`${run.name} ${DONE[command]}.`);
    changed();
  };
  const resume = async () => {
    await api.resume(run.name);
    say(`${run.name} goes on from its latest checkpoint.`);
    changed();
  };
  if (run.state === "running") return [["Pause", "Pausing…", tell("pause")], ["Stop", "Stopping…", tell("stop")]];
  if (run.state === "paused") return [["Resume", "Resuming…", tell("resume")], ["Stop", "Stopping…", tell("stop")]];
  if (run.is_alive || run.state === "finished") return [];
  return [["Resume", "Resuming…", resume]];
}

/** Makes the buttons for these; each answers at once. */
export function actionButtons(run, changed, look = {}) {
  return actionsOf(run, changed).map(([label, busy, work]) =>
    make("button", { ...look, type: "button", "aria-label": `${label} ${run.name}`, onclick: (event) => act(event.currentTarget, busy, work) }, label));
}

/** Asks, then removes runs. Returns those that are gone; why another is not is said. */
export async function removeRuns(names) {
  const sizes = await Promise.all(names.map((name) => api.checkpoints(name).then(({ n_bytes: n }) => n, () => 0)));
  const size = bytes(sizes.reduce((sum, n) => sum + n, 0));
  const what = names.length === 1 ? names[0] : `${count(names.length)} runs`;
  const isSure = await confirm(`Delete ${what}?`, [
    make("p", {}, `This frees ${size}: checkpoints, records and replays. It cannot be undone.`),
    make("p", { class: "fine" }, "Models that were saved from it stay."),
    names.length > 1 ? make("p", { class: "fine" }, names.slice(0, 12).join(", ") + (names.length > 12 ? " …" : "")) : null,
  ].filter(Boolean), "Delete");
  if (!isSure) return [];
  const gone = [];
  for (const name of names) {
    try {
      await api.remove(name);
      gone.push(name);
    } catch (error) {
      if (error.status === 404) gone.push(name); // by another hand
      else say(error.message, { isError: true });
      if (error.status === 0) break; // nor would it answer for the others
    }
  }
  if (gone.length) say(`Deleted ${gone.length === 1 ? gone[0] : `${count(gone.length)} runs`}.`);
  return gone;
}

/** Asks what may go, tells how much that frees, and lets it go. Returns whether something went. */
export async function pruneRuns(names) {
  const found = await api.prunable(names, 1);
  if (!found.runs.length) {
    say("There is nothing to free: every run keeps only what it needs to be resumed.");
    return false;
  }
  const n = found.runs.reduce((sum, run) => sum + run.steps.length, 0);
  const rows = found.runs.slice(0, 8).map((run) => make("li", {}, `${run.name}: ${count(run.steps.length)}, ${bytes(run.n_bytes)}`));
  if (found.runs.length > rows.length) rows.push(make("li", {}, `and ${count(found.runs.length - rows.length)} further runs`));
  const isSure = await confirm(`Free ${bytes(found.n_bytes)}?`, [
    make("p", {}, `${count(n)} older ${n === 1 ? "checkpoint goes" : "checkpoints go"}, for ever. The latest one of each run stays, and so do its best weights, records and replays.`),
    make("ul", { class: "fine" }, rows),
  ], "Free space");
  if (!isSure) return false;
  const gone = await api.prune(found.runs.map(({ name }) => name), 1);
  say(`Freed ${bytes(gone.n_bytes)}.`);
  return true;
}

/** Keeps words for the page that comes next. */
export function sayThere(text) {
  keep(KEPT, text, { isOfTab: true });
}

/** Says what the page before had to say. */
export function sayWhatWasKept() {
  const text = recall(KEPT, { isOfTab: true });
  keep(KEPT, null, { isOfTab: true });
  if (text) say(text);
}
