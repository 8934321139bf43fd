// @ts-check
// The page of all studies, and the panel that starts one.

import { pageUrl, valueInHash } from "../common/address.js";
import { find, findButton, findDialog, findInput, make, setText } from "../common/dom.js";
import { formatAge, formatCount, formatLines } from "../common/format.js";
import { initPage } from "../common/frame.js";
import { KeyedList } from "../common/keyed-list.js";
import { LiveSocket } from "../common/live-socket.js";
import { showPendingToast, showToast } from "../common/toast.js";
import { api } from "./api.js";
import { StudyComparison } from "./compare.js";
import { StudyForm } from "./form.js";
import { GOAL, nameText, stateSign, studyPath } from "./format.js";

/** @typedef {import("./api.js").Study} Study */

const REFRESH_MS = 2_000;
const MINUTE_MS = 60_000; // time after which ages are updated
/** @type {import("../common/shortcuts.js").HelpEntry[]} */
const NUMBERS = [
  ["Trial", "One run with its own settings; all others are the same in all trials of a study."],
  [
    "Best",
    "Of the best trial: lines until the limit in its evaluation, on the same games for all trials; or its placements " +
      "to the goal.",
  ],
];

/** @type {KeyedList<Study>} */
const rows = new KeyedList(find("#studies tbody"), {
  keyOf: ({ name }) => name,
  stateOf: (study) => [study, Math.floor(Date.now() / MINUTE_MS)],
  make: makeRow,
  update: updateRow,
});
const form = new StudyForm(findDialog("#study-panel"), (name) => location.assign(studyPath(name)));
/** @type {Study[]} */
let studies = [];
let isStale = true; // after a failed request
let isRefreshing = false;
const comparison = new StudyComparison(find("#compare"));
const inAddress = (valueInHash("compare=") ?? "").split(",").filter(Boolean);
/** @type {Set<string>} */
const chosen = new Set(inAddress);
let isComparing = inAddress.length > 1;

/** @param {Study} study */
function makeRow({ name }) {
  const choose = (/** @type {boolean} */ isChosen) => {
    if (isChosen) chosen.add(name);
    else chosen.delete(name);
    showChosen();
  };
  const checkbox = make("input", {
    type: "checkbox",
    "aria-label": `Compare ${name}`,
    checked: chosen.has(name),
    onchange: ({ currentTarget }) => choose(currentTarget.checked),
  });
  const link = make("a", { href: studyPath(name) }, name);
  return make("tr", { "data-name": name }, make("th", { scope: "row", class: "text choosable" }, checkbox, link));
}

/** Shows which studies are selected, in the address too while they are compared, and their comparison. */
function showChosen() {
  const compared = studies.filter(({ name }) => chosen.has(name));
  const n = compared.length;
  const button = findButton("#compare-studies");
  button.hidden = n === 0;
  button.disabled = n < 2;
  setText(button, n < 2 ? "Select another to compare" : `Compare ${formatCount(n)} studies`);
  isComparing &&= n > 1;
  for (const [name, row] of rows.elements) findInput("input", row).checked = chosen.has(name);
  const hash = isComparing ? `#compare=${compared.map(({ name }) => encodeURIComponent(name)).join(",")}` : "";
  if (location.hash !== hash) history.replaceState(null, "", hash || pageUrl("tuning"));
  return comparison.show(isComparing ? compared : []);
}

async function compare() {
  isComparing = true;
  await showChosen();
  find("#compare").focus({ preventScroll: true });
  find("#compare").scrollIntoView();
}

async function refresh() {
  if (isRefreshing) return;
  isRefreshing = true;
  try {
    studies = await api.studies();
    isStale = false;
    show();
  } catch (error) {
    if (!studies.length) showFailure(error);
    else if (!isStale) showToast(error.message, { isError: true });
    isStale = true;
  } finally {
    isRefreshing = false;
  }
}

/** @param {Error} error */
function showFailure({ message }) {
  setText(find("#studies-count"), "The studies could not be loaded.");
  const retry = make("button", { type: "button", onclick: refresh }, "Try again");
  find("#studies-empty").replaceChildren(make("p", {}, message), retry);
}

function show() {
  const n = studies.length;
  setText(find("#studies-count"), `${formatCount(n)} ${n === 1 ? "study" : "studies"}`);
  find("#studies").hidden = n === 0;
  const empty = find("#studies-empty");
  empty.hidden = n > 0;
  const text =
    "A study trains one run after another with different settings, and estimates which of them matter. " +
    "Start one here, or by ";
  const hint = make("p", {}, text, make("code", {}, "tetrarium tune"), ".");
  if (!n) empty.replaceChildren(make("strong", {}, "No studies yet."), hint);
  rows.show(studies);
  showChosen();
}

/**
 * @param {HTMLElement} row
 * @param {Study} study
 */
function updateRow(row, study) {
  const { objective, best_value: bestValue, started, state, n_trials: nTrials, ranges } = study;
  const nEnded = study.n_done + study.n_pruned + study.n_failed + study.n_deleted;
  const isGoal = objective === GOAL;
  const best = bestValue === null ? "–" : isGoal ? formatCount(bestValue) : formatLines(bestValue);
  const phone = ` trials · best ${best}${isGoal ? "" : " lines until the limit"} · ${formatAge(started)}`;
  const trials = `${formatCount(nEnded)} of ${formatCount(nTrials)}`;
  while (row.children.length > 1) row.lastElementChild?.remove(); // the link keeps the focus
  row.append(
    make("td", { class: "text" }, stateSign(state)),
    make("td", { class: "column-trials" }, trials, make("span", { class: "only-phone" }, phone)),
    make("td", { class: "text varies" }, Object.keys(ranges).map(nameText).join(", ")),
    make("td", {}, best),
    make("td", {}, make("span", { title: started }, formatAge(started))),
  );
}

find("#compare-studies").addEventListener("click", compare);
find("#compare-clear").addEventListener("click", () => {
  chosen.clear();
  showChosen();
  find("#content").focus();
});
find("#new-study").addEventListener("click", () => form.open());
initPage({ keys: [["n", "new study", () => form.open()]], numbers: NUMBERS });
const socket = new LiveSocket();
socket.on("state", (state) => {
  if (state !== "lost") refresh();
});
socket.on("event", ({ source }) => {
  if (source === "home") refresh();
});
setInterval(() => {
  const isActive = studies.some(({ is_alive: isAlive }) => isAlive);
  if (!document.hidden && (isStale || isActive)) refresh();
}, REFRESH_MS);
showPendingToast();
refresh();
