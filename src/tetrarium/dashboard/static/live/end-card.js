// @ts-check
// Card of a finished run: its results, and the actions that follow.

import { pageUrl } from "../common/address.js";
import { apiUrl } from "../common/api.js";
import { formatCount, formatDurations, formatEstimate } from "../common/format.js";
import { api } from "./api.js";

/** @typedef {import("./app.js").App} App */
/** @typedef {import("./controls.js").Notice} Notice */
/** @typedef {import("./api.js").Run} Run */

const GIF_PIECES = 200;
const POLL_MS = 500;

/**
 * Returns the card of a finished run.
 *
 * @param {App} app
 * @param {Run} run
 * @returns {Notice}
 */
export function makeEndCard(app, run) {
  const agent = run.has_best ? `${run.name}@best` : run.name;
  const isPlaying = app.target?.kind === "demo";
  const watch = { label: "Watch", busyLabel: "Starting…", run: () => app.startDemo(run.name) };
  const trainLonger = { label: "Train longer", busyLabel: "Starting…", run: () => app.trainLonger(run) };
  return {
    title: `${run.name} finished.`,
    text: resultOf(run, agent),
    action: isPlaying ? trainLonger : watch,
    second: isPlaying ? undefined : trainLonger,
    link: { label: "Play against it", href: `${pageUrl("play")}#against/${encodeURIComponent(agent)}` },
    share: { label: "Share GIF", busyLabel: "Recording…", run: () => shareGif(agent) },
  };
}

/**
 * @param {Run} run
 * @param {string} agent
 */
function resultOf({ step, seconds, evaluated_seconds, evaluation, has_best }, agent) {
  const parts = [`${formatCount(step)} steps in ${formatDurations(seconds, evaluated_seconds)}`];
  if (evaluation) {
    const { survival, n_games, harder_games, harder_lines, harder_low, harder_high } = evaluation;
    parts.push(`survival ${formatCount(survival)} of ${formatCount(n_games)} games`);
    if (harder_games) parts.push(`harder game ${formatEstimate(harder_lines, harder_low, harder_high)} lines`);
  }
  if (has_best) parts.push(`best weights ${agent}`);
  return parts.join(" · ");
}

/** @param {string} agent */
async function shareGif(agent) {
  let job = await api.startJob({ kind: "record", agent, seed: 0, max_pieces: GIF_PIECES });
  while (job.is_alive) {
    await new Promise((resolve) => {
      setTimeout(resolve, POLL_MS);
    });
    job = await api.job(job.id);
  }
  if (!job.has_file) throw new Error(job.error || job.message);
  location.assign(apiUrl("/jobs/{job_id}/file", { job_id: job.id }));
}
