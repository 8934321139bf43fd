// The checkpoints of a run, each with what can be done from it.

import { find, make, setText } from "../common/dom.js";
import { act, say } from "../common/toast.js";
import { ago, bytes, count } from "../common/words.js";
import { api } from "./api.js";
import { sayThere } from "./doing.js";
import { pathOf } from "./columns.js";

/** Lists them, the latest first; `changed` is called when the run goes on. */
export function showCheckpoints(run, { checkpoints, best_step: bestStep, n_bytes: nBytes }, changed) {
  setText(find("#checkpoints-note"), `${bytes(nBytes)} in all`);
  find("#run-prune").hidden = run.is_alive || checkpoints.length < 2;
  const rows = [...checkpoints].reverse().map((one) => rowOf(run, one, changed));
  if (bestStep !== null && !checkpoints.some(({ step }) => step === bestStep)) {
    rows.push(make("li", {}, make("span", { class: "names" }, make("strong", {}, `Step ${count(bestStep)}`, make("span", { class: "tag" }, "best")),
      make("span", { class: "fine" }, "weights alone: it plays, and training cannot go on from it"))));
  }
  const list = find("#checkpoints");
  const told = JSON.stringify([run.state, run.is_alive, checkpoints, bestStep, Math.floor(Date.now() / 60_000)]);
  if (list.dataset.told === told) return;
  list.dataset.told = told;
  list.replaceChildren(...(rows.length ? rows : [make("li", { class: "fine" }, "None yet. The first one comes after some thousand steps.")]));
}

function rowOf(run, { step, n_bytes: nBytes, saved, is_latest: isLatest, is_best: isBest }, changed) {
  const tags = [isLatest && "latest", isBest && "best"].filter(Boolean).map((word) => make("span", { class: "tag" }, word));
  return make("li", { "data-step": step },
    make("span", { class: "names" }, make("strong", {}, `Step ${count(step)}`, ...tags),
      make("span", { class: "fine", title: saved }, `${bytes(nBytes)} · ${ago(saved)}`)),
    buttonOf(run, step, isLatest, changed));
}

function buttonOf(run, step, isLatest, changed) {
  if (step >= run.total_steps) return null;
  const goesOn = isLatest && !run.is_alive && run.state !== "finished";
  if (!goesOn) return make("button", { type: "button", class: "small", onclick: () => openBranch(run, step) }, "Resume as new run");
  return make("button", { type: "button", class: "small", onclick: ({ currentTarget }) => act(currentTarget, "Resuming…", async () => {
    await api.resume(run.name);
    say(`${run.name} goes on from step ${count(step)}.`);
    await changed();
  }) }, "Resume");
}

/** Asks for the name of the new run, and starts it. */
function openBranch(run, step) {
  const dialog = find("#branch-panel");
  const input = make("input", { type: "text", id: "branch-name", value: `${run.name}-at-${step}`.slice(0, 64), maxlength: 64, autocomplete: "off", spellcheck: "false", "aria-describedby": "branch-error" });
  const error = make("p", { class: "form-error", id: "branch-error", role: "alert" });
  const start = make("button", { class: "primary" }, "Start it");
  const submit = async (event) => {
    event.preventDefault();
    if (start.getAttribute("aria-busy") === "true") return;
    start.setAttribute("aria-busy", "true");
    try {
      const branch = await api.branch(run.name, { step, name: input.value.trim() });
      sayThere(`${branch.name} goes on from step ${count(step)} of ${run.name}.`);
      location.assign(pathOf(branch.name));
    } catch (failed) {
      setText(error, failed.message);
      input.focus();
    } finally {
      start.removeAttribute("aria-busy");
    }
  };
  dialog.replaceChildren(make("form", { method: "dialog", onsubmit: submit },
    make("div", { class: "panel-head" }, make("h2", { id: "branch-title" }, `Go on from step ${count(step)}`)),
    make("div", { class: "panel-body" },
      make("p", {}, `A new run begins as an exact copy of this checkpoint. ${run.name} stays as it is.`),
      make("p", { class: "field" }, make("label", { for: "branch-name" }, "Name of the new run"), input), error),
    make("div", { class: "panel-foot" }, make("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), start)));
  dialog.showModal();
  input.select();
}
