// @ts-check
// List of a run's checkpoints, each with the action that continues from it.

import { find, make, setText } from "../common/dom.js";
import { formatAge, formatBytes, formatCount } from "../common/format.js";
import { readMeta } from "../common/meta.js";
import { openQuestion } from "../common/question.js";
import { parseWhole } from "../common/setting-input.js";
import { runAction, showToast, toastOnNextPage } from "../common/toast.js";
import { api } from "./api.js";
import { runPath } from "./columns.js";

/** @typedef {import("./api.js").RunDetail} RunDetail */
/** @typedef {import("./api.js").Checkpoints} Checkpoints */
/** @typedef {Checkpoints["checkpoints"][number]} Checkpoint */

const MINUTE_MS = 60_000; // time after which ages are updated

/**
 * Lists checkpoints, the latest first.
 *
 * @param {RunDetail} run
 * @param {Checkpoints} listed
 * @param {() => Promise<void>} onResume
 */
export function showCheckpoints(run, { checkpoints, best_step: bestStep, n_bytes: nBytes }, onResume) {
  setText(find("#checkpoints-note"), `${formatBytes(nBytes)} in total`);
  find("#run-prune").hidden = run.is_alive || checkpoints.length < 2;
  const list = find("#checkpoints");
  const state = JSON.stringify([run.state, run.is_alive, checkpoints, bestStep, Math.floor(Date.now() / MINUTE_MS)]);
  if (list.dataset.shown === state) return;
  list.dataset.shown = state;
  const rows = checkpoints.toReversed().map((checkpoint) => makeRow(run, checkpoint, onResume));
  if (bestStep !== null && !checkpoints.some(({ step }) => step === bestStep)) rows.push(makeWeightsRow(bestStep));
  if (!rows.length)
    rows.push(make("li", { class: "fine" }, "None yet. The first one is saved after some thousand steps."));
  list.replaceChildren(...rows);
}

/** @param {string} text */
const makeTag = (text) => make("span", { class: "tag" }, text);

/**
 * @param {RunDetail} run
 * @param {Checkpoint} checkpoint
 * @param {() => Promise<void>} onResume
 */
function makeRow(run, { step, n_bytes: nBytes, saved, is_latest: isLatest, is_best: isBest }, onResume) {
  const title = make("strong", {}, `Step ${formatCount(step)}`);
  if (isLatest) title.append(makeTag("latest"));
  if (isBest) title.append(makeTag("best"));
  const facts = make("span", { class: "fine", title: saved }, `${formatBytes(nBytes)} · ${formatAge(saved)}`);
  return make(
    "li",
    { "data-step": step },
    make("span", { class: "names" }, title, facts),
    makeButton(run, step, isLatest, onResume),
  );
}

/** @param {number} step */
function makeWeightsRow(step) {
  const title = make("strong", {}, `Step ${formatCount(step)}`, makeTag("best"));
  const facts = make("span", { class: "fine" }, "Weights only (cannot be resumed)");
  return make("li", {}, make("span", { class: "names" }, title, facts));
}

/**
 * @param {RunDetail} run
 * @param {number} step
 * @param {boolean} isLatest
 * @param {() => Promise<void>} onResume
 */
function makeButton(run, step, isLatest, onResume) {
  if (step >= run.total_steps) return null;
  if (!isLatest || run.is_alive || run.state === "finished") {
    const branch = make("button", { type: "button", class: "small" }, "Branch");
    branch.addEventListener("click", () => runAction(branch, null, () => openBranchPanel(run, step)));
    return branch;
  }
  const resume = async () => {
    await api.resume(run.name);
    showToast(`${run.name} resumed from step ${formatCount(step)}.`);
    await onResume();
  };
  return make(
    "button",
    {
      type: "button",
      class: "small",
      onclick: ({ currentTarget }) => runAction(currentTarget, "Resuming…", resume),
    },
    "Resume",
  );
}

/**
 * Asks for the name of the new run and starts it.
 *
 * @param {RunDetail} run
 * @param {number} step
 */
async function openBranchPanel(run, step) {
  const maxLength = (await readMeta()).names.entry.max_length;
  openQuestion({
    title: `Branch from step ${formatCount(step)}`,
    text: `The new run starts as an exact copy of this checkpoint. ${run.name} is not changed.`,
    fields: [
      {
        key: "name",
        label: "Name of the new run",
        input: { value: `${run.name}-at-${step}`.slice(0, maxLength), maxlength: maxLength },
      },
    ],
    verb: "Start",
    accept: async (values) => {
      const { name } = await api.branch(run.name, { step, name: values.name });
      toastOnNextPage(`${name} continues from step ${formatCount(step)} of ${run.name}.`);
      location.assign(runPath(name));
    },
  });
}

/**
 * Asks for the new number of steps of a finished run, and trains it on.
 *
 * @param {RunDetail} run
 * @param {() => unknown} onChange
 */
export function openTrainLongerPanel(run, onChange) {
  openQuestion({
    title: `Train ${run.name} longer`,
    text: "It continues from its last checkpoint. Exploration and learning rate stay as they are at its end.",
    fields: [
      {
        key: "steps",
        label: "Steps in total",
        input: { value: formatCount(2 * run.total_steps), inputmode: "numeric" },
      },
    ],
    verb: "Start",
    accept: async ({ steps }) => {
      const total_timesteps = parseWhole("The number of steps", steps, run.step + 1);
      await api.resume(run.name, { total_timesteps });
      showToast(`${run.name} trains on to step ${formatCount(total_timesteps)}.`);
      onChange();
    },
  });
}
