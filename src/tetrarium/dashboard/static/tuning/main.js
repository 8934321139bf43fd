// The list of studies, and the panel that begins one.

import { find, make, setAttribute, setText } from "../common/dom.js";
import { beginPage } from "../common/frame.js";
import { LiveLink } from "../common/link.js";
import { say } from "../common/toast.js";
import { ago, count, lines } from "../common/words.js";
import { api } from "./api.js";
import { StudyForm } from "./form.js";
import { GOAL, nameText, pathOf, stateSign } from "./words.js";

const LOOK_MS = 2_000;
const NUMBERS = [
  ["Trial", "One run with settings of its own; all else is the same in all trials of a study."],
  ["Best", "Of the best trial: mean lines a game in its evaluation, on games that are the same for all; or the placements that it took to the goal."],
];

let studies = [];
let isStale = true; // whether the server could not be asked
const form = new StudyForm((name) => location.assign(pathOf(name)));

let isLost = false; // whether the socket is
let isAsking = false;
let shownRows = "";

async function refresh() {
  if (isAsking) return;
  isAsking = true;
  try {
    studies = await api.studies();
    isStale = false;
    show();
  } catch (error) {
    if (studies.length) {
      if (!isStale) say(error.message, { isError: true });
      isStale = true;
      return;
    }
    isStale = true;
    setText(find("#studies-count"), "The studies could not be read.");
    find("#studies-empty").replaceChildren(make("p", {}, error.message), make("button", { type: "button", onclick: refresh }, "Try again"));
  } finally {
    isAsking = false;
  }
}

function showStatus() {
  const n = studies.filter(({ is_alive: isAlive }) => isAlive).length;
  setAttribute(find("#status"), "data-state", isLost ? "lost" : n ? "running" : "none");
  setText(find("#status-word"), isLost ? "Connection lost" : isStale ? "" : n ? `${count(n)} under way` : "No study is under way");
  setText(find("#status-text"), isLost ? "coming back by itself" : "");
}

function show() {
  showStatus();
  const n = studies.length;
  setText(find("#studies-count"), `${count(n)} ${n === 1 ? "study" : "studies"}`);
  find("#studies").hidden = n === 0;
  const empty = find("#studies-empty");
  empty.hidden = n > 0;
  if (!n) {
    empty.replaceChildren(make("strong", {}, "No studies yet."),
      make("p", {}, "A study trains one run after another with other settings, and tells which of them mattered. Begin one here, or by ", make("code", {}, "tetrarium tune"), "."));
  }
  const rows = studies.map(row);
  const fresh = rows.map(({ outerHTML }) => outerHTML).join("");
  if (fresh === shownRows) return; // what is pressed stays
  shownRows = fresh;
  const body = find("#studies tbody");
  const focused = document.activeElement?.closest?.("#studies tr")?.dataset.name;
  body.replaceChildren(...rows);
  if (focused) find(`tr[data-name="${CSS.escape(focused)}"] a`, body)?.focus();
}

function row(study) {
  const nEnded = study.n_done + study.n_pruned + study.n_failed;
  const best = study.best_value === null ? "–" : study.objective === GOAL ? count(study.best_value) : lines(study.best_value);
  return make("tr", { "data-name": study.name },
    make("th", { scope: "row", class: "text" }, make("a", { href: pathOf(study.name) }, study.name)),
    make("td", { class: "text" }, stateSign(study.state)),
    make("td", { class: "column-trials" }, `${count(nEnded)} of ${count(study.n_trials)}`, make("span", { class: "only-phone" }, ` trials · best ${best}${study.objective === GOAL ? "" : " lines a game"} · ${ago(study.started)}`)),
    make("td", { class: "text varies" }, Object.keys(study.ranges).map(nameText).join(", ")),
    make("td", {}, best),
    make("td", {}, make("span", { title: study.started }, ago(study.started))));
}

find("#new-study").addEventListener("click", () => form.open());
beginPage({ keys: [["n", "new study", () => form.open()]], numbers: NUMBERS });
const link = new LiveLink();
link.addEventListener("link", ({ detail }) => {
  isLost = detail === "lost";
  showStatus();
  if (!isLost) refresh();
});
link.addEventListener("event", ({ detail: { source } }) => source === "home" && refresh());
setInterval(() => !document.hidden && (isStale || studies.some(({ is_alive: isAlive }) => isAlive)) && refresh(), LOOK_MS);
refresh();
