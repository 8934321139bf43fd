// One study: how far it is, the best trial, which settings mattered, and all trials.

import { nameInPath } from "../common/address.js";
import { find, findAll, make, setAttribute, setText } from "../common/dom.js";
import { beginPage } from "../common/frame.js";
import { LiveLink } from "../common/link.js";
import { act, say } from "../common/toast.js";
import { count, left, percent } from "../common/words.js";
import { api } from "./api.js";
import { drawScatter } from "./scatter.js";
import { TrialTable } from "./trials.js";
import { nameText, runPath, settingText, unitOf, valueText, wordOf } from "./words.js";

const LOOK_MS = 2_000;
const NUMBERS = [
  ["Trial", "One run with settings of its own; all else is the same in all trials."],
  ["Lines a game", "Mean of the evaluation of a trial's weights, on games that are the same for all trials."],
  ["Cut off", "Games of that evaluation that were still running at its end: where all are, trials can hardly differ."],
  ["Which settings mattered", "How differently a setting's values are spread among the best trials and among all."],
];
const name = nameInPath();
const table = new TrialTable();
let study = null;
let drawn = "";
let isAsking = false;
let isLost = false; // whether the server did not answer
let isCut = false; // whether the socket is

/** Asks how the study stands; a server that does not answer is asked again, and complained of once. */
async function refresh() {
  if (isAsking) return;
  isAsking = true;
  try {
    study = await api.study(name);
    isLost = false;
    show();
  } catch (error) {
    if (!study) showFailure(error);
    else if (!isLost) say(error.message, { isError: true });
    isLost = error.status === 0;
  } finally {
    isAsking = false;
  }
}

function showFailure(error) {
  setText(find("#study-name"), name);
  setText(find("#study-facts"), "");
  for (const part of findAll("main > :not(.page-head)")) part.hidden = part.id !== "study-missing";
  find("#study-missing").replaceChildren(make("strong", {}, error.status === 404 ? `There is no study ${name}.` : error.message), make("a", { href: "/tuning" }, "Show all studies"));
}

function show() {
  for (const part of findAll("main > :not(.page-head)")) part.hidden = part.id === "study-missing";
  document.title = `${study.name} · tetrarium`;
  setText(find("#study-name"), study.name);
  setText(find("#study-facts"), factsText());
  showStatus();
  showProgress();
  showButtons();
  showBest();
  showImportances();
  showScatters();
  table.show(study);
  const isEmpty = study.trials.length === 0;
  find("#trials").hidden = isEmpty;
  find("#trials-empty").hidden = !isEmpty;
  if (isEmpty) find("#trials-empty").replaceChildren(make("strong", {}, "No trials yet."), make("p", {}, "The first one appears here as soon as it begins."));
}

function factsText() {
  const parts = [`preset ${study.preset}`, `judged by ${nameText(study.objective)}`, `drawn by ${study.sampler}`, `seed ${study.seed}`];
  if (study.prunes) parts.push("hopeless trials stopped early");
  return parts.join(" · ");
}

const nEnded = () => study.n_done + study.n_pruned + study.n_failed;

function showStatus() {
  setAttribute(find("#status"), "data-state", isCut ? "lost" : study.state);
  setText(find("#status-word"), isCut ? "Connection lost" : wordOf(study.state));
  setText(find("#status-text"), isCut ? "coming back by itself" : [`${count(nEnded())} of ${count(study.n_trials)} trials`, leftText()].filter(Boolean).join(" · "));
}

const leftText = () => (study.state === "running" && study.seconds_left ? left(study.seconds_left) : "");

function showProgress() {
  const bar = find("#study-bar");
  setAttribute(bar, "aria-valuemax", study.n_trials);
  setAttribute(bar, "aria-valuenow", nEnded());
  find("span", bar).style.setProperty("--share", (nEnded() / study.n_trials).toFixed(3));
  const others = [[study.n_open, "under way"], [study.n_pruned, "pruned"], [study.n_failed, "failed"]].filter(([n]) => n).map(([n, word]) => `${count(n)} ${word}`);
  setText(find("#study-counts"), [`${count(nEnded())} of ${count(study.n_trials)} trials`, ...others, leftText()].filter(Boolean).join(" · "));
  const [message, told] = [find("#study-message"), study.message.split("`")];
  if (message.textContent !== told.join("")) message.replaceChildren(...told.map((text, k) => (k % 2 ? make("code", {}, text) : text)));
}

function showButtons() {
  const told = `${study.state} ${nEnded() < study.n_trials}`;
  const host = find("#study-buttons");
  if (host.dataset.told === told) return;
  host.dataset.told = told;
  const tell = (label, busy, command) => make("button", { type: "button", onclick: ({ currentTarget }) => act(currentTarget, busy, async () => {
    say((await api.command(study.name, command)).message);
    await refresh();
  }) }, label);
  const goOn = make("button", { type: "button", class: "primary", onclick: ({ currentTarget }) => act(currentTarget, "Resuming…", async () => {
    await api.resume(study.name);
    await refresh();
  }) }, "Resume");
  const hadFocus = host.contains(document.activeElement);
  host.replaceChildren(...(
    study.state === "running" || study.state === "starting" ? [tell("Pause", "Pausing…", "pause"), tell("Stop", "Stopping…", "stop")]
      : study.state === "paused" ? [tell("Resume", "Resuming…", "resume"), tell("Stop", "Stopping…", "stop")]
        : !study.is_alive && nEnded() < study.n_trials ? [goOn] : []));
  if (hadFocus) (find("button", host) ?? find("#content")).focus();
}

function showBest() {
  const host = find("#best");
  const best = study.trials.find(({ number }) => number === study.best);
  const told = JSON.stringify([best, study.best_command]);
  if (!best || host.dataset.told === told) return;
  host.dataset.told = told;
  const command = make("code", { id: "best-command", tabindex: 0, role: "textbox", "aria-readonly": "true", "aria-label": "The command that trains it again" }, study.best_command.split(/ (?=--)/).flatMap((part) => [" ", make("span", {}, part)]).slice(1));
  const copy = make("button", { type: "button", onclick: async () => {
    try {
      await navigator.clipboard.writeText(study.best_command);
      say("Copied.");
    } catch {
      getSelection().selectAllChildren(command);
      say("Marked; copy it with Ctrl-C.");
    }
  } }, "Copy command");
  host.replaceChildren(
    make("p", { class: "best-value" }, valueText(best, study.objective), " ", make("span", { class: "fine" }, `${unitOf(study.objective).toLowerCase()} · `, best.has_run ? make("a", { href: runPath(best.run) }, best.run) : best.run)),
    make("dl", { class: "best-settings" }, Object.entries(best.params).map(([key, value]) => make("div", {}, make("dt", {}, nameText(key)), make("dd", {}, settingText(value))))),
    command, copy);
}

function showImportances() {
  find("#importances").replaceChildren(...study.importances.map(({ name: setting, share }) => {
    const bar = make("span", { class: "share-bar", "aria-hidden": "true" });
    bar.style.setProperty("--share", share.toFixed(3));
    return make("li", {}, make("span", {}, nameText(setting)), bar, make("span", { class: "share" }, percent(Math.round(share * 100) / 100)));
  }));
  setText(find("#importances-words"), study.importances_words);
}

function showScatters() {
  const told = JSON.stringify([study.best, study.trials.map(({ number, value }) => [number, value])]);
  if (told === drawn) return;
  drawn = told;
  find("#scatters").replaceChildren(...Object.entries(study.ranges).map(([setting, range]) =>
    make("figure", { class: "card" }, drawScatter(setting, range, study, point))));
}

/** Lights up one trial everywhere. */
function point(number) {
  for (const one of findAll("[data-trial]")) one.classList.toggle("pointed", number !== null && one.dataset.trial === String(number));
}

async function addTrials(event) {
  event.preventDefault();
  const error = find("#more-error");
  setText(error, "");
  const [more, atOnce] = ["#more-count", "#more-at-once"].map((id) => find(id).value.trim());
  if (!/^\d{1,5}$/.test(more) || !/^\d{1,3}$/.test(atOnce)) {
    setText(error, `Both are whole numbers; got “${more}” and “${atOnce}”.`);
    return;
  }
  const button = find("#more-trials button");
  button.setAttribute("aria-busy", "true");
  try {
    await api.resume(study.name, { n_trials: study.n_trials + Number(more), n_at_once: Number(atOnce) });
    say(`${count(Number(more))} trials more.`);
    await refresh();
  } catch (problem) {
    setText(error, problem.message);
  } finally {
    button.removeAttribute("aria-busy");
  }
}

find("#more-trials").addEventListener("submit", addTrials);
find("#trials").addEventListener("pointerover", ({ target }) => point(target.closest?.("tr")?.dataset.trial ?? null));
find("#trials").addEventListener("pointerleave", () => point(null));
find("#trials").addEventListener("focusin", ({ target }) => point(target.closest?.("tr")?.dataset.trial ?? null));
beginPage({ numbers: NUMBERS });
const link = new LiveLink();
link.addEventListener("link", ({ detail }) => {
  isCut = detail === "lost";
  if (study) showStatus();
  if (!isCut) refresh();
});
link.addEventListener("event", ({ detail: { source } }) => source === "home" && refresh());
const isMoving = () => isLost || study?.is_alive || study?.trials.some(({ state }) => state === "running");
setInterval(() => !document.hidden && isMoving() && refresh(), LOOK_MS);
refresh().then(() => study && (find("#more-at-once").value = String(study.n_at_once)));
