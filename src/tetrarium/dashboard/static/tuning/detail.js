// @ts-check
// The page of one study: progress, the best trial, importance of the settings, and all trials.

import { nameInPath, pageUrl } from "../common/address.js";
import { confirm } from "../common/confirm.js";
import { find, findAll, findButton, findInput, findOptional, make, setAttribute, setText } from "../common/dom.js";
import { formatCount, formatPercent, formatTimeLeft } from "../common/format.js";
import { initPage } from "../common/frame.js";
import { LiveSocket } from "../common/live-socket.js";
import { parseWhole } from "../common/setting-input.js";
import { showStatusLine } from "../common/status-line.js";
import { runAction, showToast, toastOnNextPage } from "../common/toast.js";
import { api } from "./api.js";
import { labelOf, nameText, runPath, settingText, unitOf, valueText } from "./format.js";
import { drawScatter } from "./scatter.js";
import { drawHistory, drawParallel } from "./study-plots.js";
import { TrialTable } from "./trials.js";

/** @typedef {import("./api.js").StudyDetails} StudyDetails */
/** @typedef {import("./api.js").Trial} Trial */

const REFRESH_MS = 2_000;
/** @type {import("../common/shortcuts.js").HelpEntry[]} */
const NUMBERS = [
  ["Trial", "One run with its own settings; all others are the same in all trials."],
  ["Lines until the limit", "Mean of the evaluation of a trial's weights, on the same games for all trials."],
  [
    "Truncated",
    "Games of that evaluation that reached the piece limit. If all games do, trials hardly differ in their lines.",
  ],
  ["Importance", "How differently a setting's values are distributed among the best trials and among all."],
];
const name = nameInPath();
const table = new TrialTable(find("#content"), removeTrial);
/** @type {StudyDetails | null} */
let study = null;
let drawnResults = ""; // results in the scatter plots, as JSON
let isRefreshing = false;
let isStale = false; // the server did not answer
let isLost = false; // the connection of the live socket

/** Reads the study; a failure is shown once, and the study is read again later. */
async function refresh() {
  if (isRefreshing) return;
  isRefreshing = true;
  try {
    study = await api.study(name);
    isStale = false;
    show(study);
  } catch (error) {
    if (!study) showFailure(error);
    else if (!isStale) showToast(error.message, { isError: true });
    isStale = error.status === 0;
  } finally {
    isRefreshing = false;
  }
}

/** @param {{ status?: number, message: string }} error */
function showFailure({ status, message }) {
  setText(find("#study-name"), name);
  setText(find("#study-facts"), "");
  showParts(false);
  find("#study-missing").replaceChildren(
    make("strong", {}, status === 404 ? `There is no study ${name}.` : message),
    make("a", { href: pageUrl("tuning") }, "Show all studies"),
  );
}

/** @param {boolean} hasStudy whether the study is shown, or the message that there is none */
function showParts(hasStudy) {
  for (const part of findAll("main > :not(.page-head)")) part.hidden = (part.id === "study-missing") === hasStudy;
}

/** @param {StudyDetails} study */
function show(study) {
  document.title = `${study.name} · tetrarium`;
  showStatus(study);
  showButtons(study);
  if (study.state === "damaged") showFailure({ message: study.error });
  else showStudy(study);
}

/** @param {StudyDetails} study */
function showStudy(study) {
  showParts(true);
  setText(find("#study-name"), study.name);
  setText(find("#study-facts"), factsOf(study));
  showProgress(study);
  showBest(study);
  showImportances(study);
  showScatters(study);
  table.show(study);
  const isEmpty = study.trials.length === 0;
  find("#trials").hidden = isEmpty;
  const empty = find("#trials-empty");
  empty.hidden = !isEmpty;
  const hint = make("p", {}, "The first one appears here when it starts.");
  if (isEmpty) empty.replaceChildren(make("strong", {}, "No trials yet."), hint);
}

/** @param {StudyDetails} study */
function factsOf({ preset, objective, sampler, seed, prunes }) {
  const facts = [`preset ${preset}`, `objective ${nameText(objective)}`, `sampler ${sampler}`, `seed ${seed}`];
  return [...facts, ...(prunes ? ["with pruning"] : [])].join(" · ");
}

/** @param {StudyDetails} study */
const nEndedOf = ({ n_done: nDone, n_pruned: nPruned, n_failed: nFailed, n_deleted: nDeleted }) =>
  nDone + nPruned + nFailed + nDeleted;

/** @param {StudyDetails} study */
const progressOf = (study) => `${formatCount(nEndedOf(study))} of ${formatCount(study.n_trials)} trials`;

/** @param {StudyDetails} study */
const timeLeftOf = ({ state, seconds_left: left }) => (state === "running" && left ? formatTimeLeft(left) : "");

/** @param {StudyDetails} study */
function showStatus(study) {
  const text = study.state === "damaged" ? "" : [progressOf(study), timeLeftOf(study)].filter(Boolean).join(" · ");
  showStatusLine(study.state, labelOf(study.state), text);
}

/** @param {StudyDetails} study */
function showProgress(study) {
  const nEnded = nEndedOf(study);
  const bar = find("#study-bar");
  setAttribute(bar, "aria-valuemax", study.n_trials);
  setAttribute(bar, "aria-valuenow", nEnded);
  find("span", bar).style.setProperty("--share", (nEnded / study.n_trials).toFixed(3));
  const counts = [
    progressOf(study),
    study.n_open && `${formatCount(study.n_open)} running`,
    study.n_pruned && `${formatCount(study.n_pruned)} pruned`,
    study.n_failed && `${formatCount(study.n_failed)} failed`,
    study.n_deleted && `${formatCount(study.n_deleted)} deleted`,
    timeLeftOf(study),
  ];
  setText(find("#study-counts"), counts.filter(Boolean).join(" · "));
  const message = find("#study-message");
  const parts = study.message.split("`"); // every second part is a command
  if (message.textContent === parts.join("")) return;
  message.replaceChildren(...parts.map((text, k) => (k % 2 ? make("code", {}, text) : text)));
}

/** @param {StudyDetails} study */
function showButtons(study) {
  const host = find("#study-buttons");
  const isOpen = nEndedOf(study) < study.n_trials;
  const kind = `${study.state} ${isOpen}`;
  if (host.dataset.kind === kind) return; // keeps the focus
  host.dataset.kind = kind;
  const hadFocus = host.contains(document.activeElement);
  host.replaceChildren(...makeButtons(study, isOpen));
  if (hadFocus) (findOptional("button", host) ?? find("#content")).focus();
}

/**
 * @param {StudyDetails} study
 * @param {boolean} isOpen whether trials are left
 */
function makeButtons({ name, state, is_alive: isAlive }, isOpen) {
  const makeButton = (/** @type {string} */ text, /** @type {string} */ busy, /** @type {() => unknown} */ action) => {
    const button = make("button", { type: "button" }, text);
    button.addEventListener("click", () => runAction(button, busy, action));
    return button;
  };
  const command = (/** @type {"pause" | "resume" | "stop"} */ command) => async () => {
    showToast((await api.command(name, command)).message);
    await refresh();
  };
  const resumeStopped = async () => {
    await api.resume(name);
    await refresh();
  };
  const stop = makeButton("Stop", "Stopping…", command("stop"));
  if (state === "running" || state === "starting") return [makeButton("Pause", "Pausing…", command("pause")), stop];
  if (state === "paused") return [makeButton("Resume", "Resuming…", command("resume")), stop];
  if (isAlive) return [];
  const hash = `#compare=${encodeURIComponent(`group:${name}`)}`;
  const compare = make("a", { class: "button", href: `${pageUrl("runs")}${hash}` }, "Compare");
  const deletion = makeButton("Delete", "Delete…", remove);
  deletion.classList.add("danger");
  if (!isOpen) return [compare, deletion];
  const resume = makeButton("Resume", "Resuming…", resumeStopped);
  resume.classList.add("primary");
  return [resume, compare, deletion];
}

async function remove() {
  const withRuns = make("input", { type: "checkbox" });
  const text = [
    make("p", {}, "This deletes its trials and their results. It cannot be undone. Saved models are kept."),
    make("label", { class: "inline" }, withRuns, " Move the runs of its trials to the trash, too"),
  ];
  if (!(await confirm(`Delete ${name}?`, text, "Delete"))) return;
  await api.remove(name, withRuns.checked);
  toastOnNextPage(`Deleted ${name}.`);
  location.assign(pageUrl("tuning"));
}

/** @param {Trial} trial */
async function removeTrial({ number, run, has_run: hasRun }) {
  const withRun = make("input", { type: "checkbox", checked: true });
  /** @type {HTMLElement[]} */
  const text = [make("p", {}, "The study goes on without its result. It cannot be undone. Saved models are kept.")];
  if (hasRun) text.push(make("label", { class: "inline" }, withRun, " Move its run to the trash, too"));
  if (!(await confirm(`Delete ${run}?`, text, "Delete"))) return;
  await api.removeTrial(name, number, hasRun && withRun.checked);
  await refresh();
  find("#trials").focus();
}

/** @param {StudyDetails} study */
function showBest(study) {
  const host = find("#best");
  const best = study.trials.find(({ number }) => number === study.best);
  const state = JSON.stringify([best, study.best_command]);
  if (!best || host.dataset.shown === state) return;
  host.dataset.shown = state;
  const run = best.has_run ? make("a", { href: runPath(best.run) }, best.run) : best.run;
  const unit = make("span", { class: "fine" }, `${unitOf(study.objective).toLowerCase()} · `, run);
  const settings = Object.entries(best.params).map(([key, value]) =>
    make("div", {}, make("dt", {}, nameText(key)), make("dd", {}, settingText(value))),
  );
  host.replaceChildren(
    make("p", { class: "best-value" }, valueText(best, study.objective), " ", unit),
    make("dl", { class: "best-settings" }, settings),
    ...makeCommand(study.best_command ?? ""),
    best.has_run
      ? make(
          "a",
          { class: "button", href: `${pageUrl()}#again/${encodeURIComponent(best.run)}` },
          "Start a run with these",
        )
      : "",
  );
}

/**
 * Makes the command that trains the best trial again, with a button that copies it.
 *
 * @param {string} text
 */
function makeCommand(text) {
  const command = make("code", {
    id: "best-command",
    tabindex: 0,
    role: "textbox",
    "aria-readonly": "true",
    "aria-label": "Command that trains it again",
  });
  for (const [k, part] of text.split(/ (?=--)/).entries()) command.append(k ? " " : "", make("span", {}, part));
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      showToast("Copied.");
    } catch {
      getSelection()?.selectAllChildren(command);
      showToast("Selected; copy it with Ctrl-C.");
    }
  };
  return [command, make("button", { type: "button", onclick: copy }, "Copy command")];
}

/** @param {StudyDetails} study */
function showImportances({ importances, importances_explanation: note }) {
  const items = importances.map(({ name: setting, share }) => {
    const bar = make("span", { class: "share-bar", "aria-hidden": "true" });
    bar.style.setProperty("--share", share.toFixed(3));
    const percent = make("span", { class: "share" }, formatPercent(Math.round(share * 100) / 100));
    return make("li", {}, make("span", {}, nameText(setting)), bar, percent);
  });
  find("#importances").replaceChildren(...items);
  setText(find("#importances-note"), note);
}

/** @param {StudyDetails} study */
function showScatters(study) {
  const results = JSON.stringify([study.best, study.trials.map(({ number, value }) => [number, value])]);
  if (results === drawnResults) return;
  drawnResults = results;
  const figures = Object.entries(study.ranges).map(([setting, range]) => {
    const plot = drawScatter(setting, /** @type {import("./scatter.js").SettingRange} */ (range), study, highlight);
    return make("figure", { class: "card" }, plot);
  });
  find("#scatters").replaceChildren(...figures);
  find("#history").replaceChildren(drawHistory(study, highlight));
  find("#parallel").replaceChildren(drawParallel(study, highlight));
}

/**
 * Highlights a trial in all plots and in the table.
 *
 * @param {number | null} number
 */
function highlight(number) {
  for (const element of document.querySelectorAll("[data-trial]")) {
    element.classList.toggle("pointed", number !== null && element.getAttribute("data-trial") === String(number));
  }
}

/** @param {Event} event in the table of trials */
function highlightRow({ target }) {
  const row = target instanceof Element ? target.closest("tr") : null;
  highlight(row?.dataset.trial === undefined ? null : Number(row.dataset.trial));
}

/** @param {SubmitEvent} event */
async function addTrials(event) {
  event.preventDefault();
  const error = find("#more-error");
  setText(error, "");
  if (!study) return;
  const { n_trials: nTrials } = study;
  const add = async () => {
    const more = parseWhole("The number of trials to add", findInput("#more-count").value);
    const n_at_once = parseWhole("The number of parallel trials", findInput("#more-at-once").value);
    await api.resume(name, { n_trials: nTrials + more, n_at_once });
    showToast(`Added ${formatCount(more)} trials.`);
    await refresh();
  };
  await runAction(findButton("#more-trials button"), null, add, ({ message }) => setText(error, message));
}

find("#more-trials").addEventListener("submit", addTrials);
find("#trials").addEventListener("pointerover", highlightRow);
find("#trials").addEventListener("focusin", highlightRow);
find("#trials").addEventListener("pointerleave", () => highlight(null));
initPage({ numbers: NUMBERS });
const socket = new LiveSocket();
socket.on("state", (state) => {
  isLost = state === "lost";
  if (study) showStatus(study);
  if (!isLost) refresh();
});
socket.on("event", ({ source }) => {
  if (source === "home") refresh();
});
setInterval(() => {
  const isActive = study?.is_alive || study?.trials.some(({ state }) => state === "running");
  if (!document.hidden && (isStale || isActive)) refresh();
}, REFRESH_MS);
refresh().then(() => {
  if (study) findInput("#more-at-once").value = String(study.n_at_once);
});
