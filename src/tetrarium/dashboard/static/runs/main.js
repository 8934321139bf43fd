// The history of all runs: found, put in order, compared, and acted on.

import { find, make, setAttribute, setText } from "../common/dom.js";
import { ON_THE_CHART, beginPage } from "../common/frame.js";
import { LiveLink } from "../common/link.js";
import { act, say } from "../common/toast.js";
import { count, stateWord } from "../common/words.js";
import { api } from "./api.js";
import { COLUMNS } from "./columns.js";
import { Comparison } from "./compare.js";
import { pruneRuns, removeRuns, sayWhatWasKept } from "./doing.js";
import { RunTable } from "./table.js";

const A_PAGE = 50;
const TYPING_MS = 150;
const FIGURES_MS = 2_000; // how often figures of runs under way are asked for
const STATES = ["running", "paused", "stopped", "finished", "failed", "dead"];
const NUMBERS = [
  ["Step", "One placement of one piece. All games of a run count together."],
  ["Mean lines", "Lines a game, the mean of the latest games, those still running included."],
  ["Best game", "Most lines in one game of the run."],
  ["Colour and stroke", "A run keeps them in every chart and table. Two runs may look alike: names stand at the lines' ends."],
];

const wanted = { search: "", state: [], sort: "started", descending: true, offset: 0 };
const chosen = new Set(chosenIn(location.hash));
const table = new RunTable(chosen);
const comparison = new Comparison(chosen, () => showChosen());
let latest = null; // what the server told last
let isAsked = false;
let asking = null;

function chosenIn(hash) {
  const [, names = ""] = hash.match(/^#compare=(.*)$/) ?? [];
  try {
    return names.split(",").filter(Boolean).map(decodeURIComponent);
  } catch {
    return [];
  }
}

/** Asks for the runs of now; calls during a call are answered by one more. */
function refresh() {
  isAsked = true;
  asking ??= read().finally(() => (asking = null));
  return asking;
}

async function read() {
  while (isAsked) {
    isAsked = false;
    const question = JSON.stringify(wanted);
    try {
      const told = await api.history({ ...wanted, limit: A_PAGE });
      if (question !== JSON.stringify(wanted)) continue; // something else is wanted by now
      latest = told;
      if (!told.runs.length && told.n_found && wanted.offset) {
        wanted.offset = Math.floor((told.n_found - 1) / A_PAGE) * A_PAGE;
        isAsked = true;
      } else show();
    } catch (error) {
      if (!isAsked) say(error.message, { isError: true });
    }
  }
}

function show() {
  const { runs, n_found: nFound, n_runs: nRuns } = latest;
  table.showOrder(wanted);
  table.show(runs);
  setText(find("#runs-count"), nFound === nRuns ? `${count(nRuns)} ${nRuns === 1 ? "run" : "runs"}` : `${count(nFound)} of ${count(nRuns)} runs`);
  setText(find("#page-text"), nFound ? `${count(wanted.offset + 1)}–${count(wanted.offset + runs.length)} of ${count(nFound)}` : "");
  find("#page-before").disabled = wanted.offset === 0;
  find("#page-after").disabled = wanted.offset + runs.length >= nFound;
  find(".pages").hidden = nFound <= A_PAGE;
  find(".list").classList.remove("loading");
  showStatus();
  showStates();
  showEmpty();
  showChosen();
}

/** The status line: whether anything trains, whatever is searched for. */
function showStatus() {
  const n = latest?.n_alive ?? 0;
  setAttribute(find("#status"), "data-state", isLost ? "lost" : n ? "running" : "none");
  setText(find("#status-word"), isLost ? "Connection lost" : !latest ? "" : n ? `${count(n)} under way` : "Nothing runs");
  setText(find("#status-text"), isLost ? "coming back by itself" : "");
}

function showEmpty() {
  const { runs, n_runs: nRuns } = latest;
  const note = find("#runs-empty");
  note.hidden = runs.length > 0;
  find("#runs-table").hidden = runs.length === 0;
  if (runs.length) return;
  if (nRuns) note.replaceChildren(make("strong", {}, "No run is like that."), make("button", { type: "button", onclick: showAllRuns }, "Show all runs"));
  else note.replaceChildren(make("strong", {}, "No runs yet."), make("span", {}, "Start one on the "), make("a", { href: "/" }, "live page"), " or by ", make("code", {}, "tetrarium train"), ".");
}

function showAllRuns() {
  find("#search").value = "";
  ask({ search: "", state: [] });
  find("#search").focus();
}

function showStates() {
  for (const label of find("#states").querySelectorAll("label")) {
    const { state } = label.dataset;
    const n = latest.n_by_state[state] ?? 0;
    setText(find(".count", label), count(n));
    find("input", label).checked = wanted.state.includes(state);
    label.classList.toggle("none", n === 0 && !wanted.state.includes(state));
  }
}

function showChosen() {
  table.showChosen();
  const names = [...chosen];
  find("#chosen-tools").hidden = names.length === 0;
  setText(find("#chosen-count"), `${count(names.length)} chosen`);
  const hash = names.length ? `#compare=${names.map(encodeURIComponent).join(",")}` : "";
  if (location.hash !== hash) history.replaceState(null, "", hash || location.pathname);
  comparison.show();
}

/** Changes what is asked for, from the first page on. */
function ask(changes) {
  Object.assign(wanted, { offset: 0 }, changes);
  find("#sort-select").value = wanted.sort;
  return refresh();
}

async function remove(names) {
  const gone = await removeRuns(names);
  for (const name of gone) chosen.delete(name);
  if (gone.length) await refresh();
}

function makeFilters() {
  find("#states").append(...STATES.map((state) => {
    const box = make("input", { type: "checkbox", value: state, onchange: () => {
      ask({ state: STATES.filter((other) => (other === state ? box.checked : wanted.state.includes(other))) });
    } });
    return make("label", { class: "chip", "data-state": state }, box,
      make("span", { class: "state", "data-state": state }, make("span", { class: "dot", "aria-hidden": "true" }), stateWord(state), " ", make("span", { class: "count" }, "–")));
  }));
  find("#sort-select").append(...COLUMNS.map(({ title, sort }) => make("option", { value: sort }, title)));
  find("#sort-select").value = wanted.sort;
  find("#sort-select").addEventListener("change", ({ target }) => ask({ sort: target.value, descending: !COLUMNS.find(({ sort }) => sort === target.value).isText }));
  let typing = 0;
  find("#search").addEventListener("input", ({ target }) => {
    clearTimeout(typing);
    typing = setTimeout(() => ask({ search: target.value.slice(0, 100) }), TYPING_MS);
  });
}

table.addEventListener("sort", ({ detail: { sort, isText } }) => ask({ sort, descending: wanted.sort === sort ? !wanted.descending : !isText }));
table.addEventListener("chosen", showChosen);
table.addEventListener("changed", refresh);
table.addEventListener("remove", ({ detail: name }) => act(null, null, () => remove([name])));
find("#prune").addEventListener("click", ({ currentTarget }) => act(currentTarget, null, async () => (await pruneRuns([])) && refresh()));
find("#chosen-show").addEventListener("click", () => {
  find("#compare").scrollIntoView();
  find("#compare-canvas").focus({ preventScroll: true });
});
find("#chosen-prune").addEventListener("click", ({ currentTarget }) => act(currentTarget, null, async () => (await pruneRuns([...chosen])) && refresh()));
find("#chosen-delete").addEventListener("click", ({ currentTarget }) => act(currentTarget, null, () => remove([...chosen])));
find("#chosen-clear").addEventListener("click", () => {
  chosen.clear();
  showChosen();
  find("#search").focus();
});
const turn = (by) => {
  const offset = wanted.offset + by * A_PAGE;
  if (latest && offset >= 0 && offset < latest.n_found) ask({ offset });
};
find("#page-before").addEventListener("click", () => turn(-1));
find("#page-after").addEventListener("click", () => turn(1));
window.addEventListener("hashchange", () => {
  chosen.clear();
  for (const name of chosenIn(location.hash)) chosen.add(name);
  showChosen();
});

makeFilters();
beginPage({
  keys: [
    ["/", "find a run", () => find("#search").focus()],
    ["l", "logarithmic axis", () => comparison.toggleLog()],
    ["[", "earlier page", () => turn(-1)],
    ["]", "later page", () => turn(1)],
    ["n", "new run", () => location.assign("/#new")],
  ],
  numbers: NUMBERS,
  others: [ON_THE_CHART],
});
let isLost = false;
const link = new LiveLink();
link.addEventListener("event", ({ detail: { source } }) => source === "home" && refresh());
link.addEventListener("link", ({ detail }) => {
  if (detail === "open" && isLost) refresh();
  isLost = detail === "lost";
  showStatus();
});
setInterval(() => !isLost && !document.hidden && latest?.runs.some(({ is_alive: isAlive }) => isAlive) && refresh(), FIGURES_MS);
sayWhatWasKept();
refresh();
