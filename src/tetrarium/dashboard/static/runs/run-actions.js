// @ts-check
// Actions on runs, from the table and from a run's own page, with the same labels and questions in both.

import { confirm } from "../common/confirm.js";
import { make } from "../common/dom.js";
import { formatBytes, formatCount } from "../common/format.js";
import { runAction, showToast } from "../common/toast.js";
import { trashEach } from "../common/trash.js";
import { api } from "./api.js";

/** @typedef {Pick<import("./api.js").Run, "name" | "state" | "is_alive">} Run */
/** @typedef {[label: string, busyLabel: string, action: () => Promise<void>]} RunAction */

const ANNOUNCEMENTS = { pause: "is pausing", resume: "resumed", stop: "is stopping, with a checkpoint" };
const N_PRUNABLE_LISTED = 8;

/**
 * @param {Run} run
 * @param {() => unknown} onChange
 * @returns {RunAction[]}
 */
function actionsOf(run, onChange) {
  const command = (/** @type {keyof typeof ANNOUNCEMENTS} */ name) => async () => {
    await api.command(run.name, name);
    showToast(`${run.name} ${ANNOUNCEMENTS[name]}.`);
    onChange();
  };
  const resume = async () => {
    await api.resume(run.name);
    showToast(`${run.name} resumed.`);
    onChange();
  };
  /** @type {RunAction} */
  const stop = ["Stop", "Stopping…", command("stop")];
  if (run.state === "running") return [["Pause", "Pausing…", command("pause")], stop];
  if (run.state === "paused") return [["Resume", "Resuming…", command("resume")], stop];
  if (run.is_alive || run.state === "finished" || run.state === "damaged") return [];
  return [["Resume", "Resuming…", resume]];
}

/**
 * Makes the buttons that pause, resume and stop a run.
 *
 * @param {Run} run
 * @param {() => unknown} onChange
 * @param {Record<string, string>} [properties] of the buttons
 */
export function actionButtons(run, onChange, properties = {}) {
  return actionsOf(run, onChange).map(([label, busyLabel, action]) =>
    make(
      "button",
      {
        ...properties,
        type: "button",
        "aria-label": `${label} ${run.name}`,
        onclick: ({ currentTarget }) => runAction(currentTarget, busyLabel, action),
      },
      label,
    ),
  );
}

/**
 * Moves runs to the trash.
 *
 * @param {string[]} names
 * @param {() => unknown} onChange
 * @returns {Promise<string[]>} names of the runs that were moved
 */
export const removeRuns = (names, onChange) =>
  trashEach(names, {
    remove: removeRun,
    restore: async ({ id }) => id && api.restore(id),
    describe: (runs) => (runs.length === 1 ? runs[0].name : `${formatCount(runs.length)} runs`),
    onChange,
  });

/**
 * @param {string} name of a run, which may have been deleted elsewhere
 * @returns {Promise<{ name: string, id: string | null }>} its id in the trash
 */
const removeRun = (name) =>
  api.remove(name).catch((error) => {
    if (error.status !== 404) throw error;
    return { name, id: null };
  });

/**
 * Asks, then deletes older checkpoints.
 *
 * @param {string[]} names of runs; none for all
 * @returns {Promise<boolean>} whether something was deleted
 */
export async function pruneRuns(names) {
  const { runs, n_bytes: nBytes } = await api.prunable(names, 1);
  if (!runs.length) {
    showToast("No old checkpoints: each run has only its latest one.");
    return false;
  }
  const n = runs.reduce((sum, { steps }) => sum + steps.length, 0);
  const rows = runs.slice(0, N_PRUNABLE_LISTED).map((run) => {
    const facts = `${countCheckpoints(run.steps.length)}, ${formatBytes(run.n_bytes)}`;
    return make("li", {}, `${run.name}: ${facts}`);
  });
  if (runs.length > rows.length) rows.push(make("li", {}, `and ${formatCount(runs.length - rows.length)} more runs`));
  const checkpoints = countCheckpoints(n, "old ");
  const text =
    `This frees ${formatBytes(nBytes)} and cannot be undone. ` +
    "The latest checkpoint of each run is kept, and so are its best weights, records and replays.";
  const question = [make("p", {}, text), make("ul", { class: "fine" }, rows)];
  if (!(await confirm(`Delete ${checkpoints}?`, question, "Delete"))) return false;
  const pruned = await api.prune(
    runs.map(({ name }) => name),
    1,
  );
  showToast(`Deleted ${checkpoints} (${formatBytes(pruned.n_bytes)}).`);
  return true;
}

/**
 * @param {number} n
 * @param {string} [adjective]
 */
const countCheckpoints = (n, adjective = "") =>
  `${formatCount(n)} ${adjective}${n === 1 ? "checkpoint" : "checkpoints"}`;
