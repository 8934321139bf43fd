// @ts-check
// The page of all runs: search, filters, order, comparison, and actions.

import { pageUrl, valueInHash } from "../common/address.js";
import { find, findAll, findButton, findInput, findSelect, make, setAttribute, setText } from "../common/dom.js";
import { formatBytes, formatCount, stateLabel } from "../common/format.js";
import { CHART_KEYS, initPage } from "../common/frame.js";
import { LiveSocket } from "../common/live-socket.js";
import { readMeta } from "../common/meta.js";
import { CHAMPION, PreviewBoard } from "../common/preview.js";
import { runAction, showPendingToast, showToast } from "../common/toast.js";
import { Trash } from "../common/trash.js";
import { api } from "./api.js";
import { COLUMNS } from "./columns.js";
import { Comparison } from "./compare.js";
import { pruneRuns, removeRuns } from "./run-actions.js";
import { RunTable } from "./table.js";

/** @typedef {import("./api.js").HistoryQuery} HistoryQuery */
/** @typedef {ApiResponse<"get", "/history">} History */

const PAGE_SIZE = 50;
const TYPING_MS = 150;
const REFRESH_MS = 2_000; // of figures of active runs
/** @type {NonNullable<HistoryQuery["state"]>} */
const STATES = ["running", "paused", "stopped", "finished", "failed", "crashed", "damaged"];
/** @type {import("../common/shortcuts.js").HelpEntry[]} */
const NUMBERS = [
  ["Step", "One placement of one piece. All games of a run count together."],
  ["Training mean", "Mean lines of the latest games, those still running included."],
  ["Best game", "Most lines in one game of the run."],
  [
    "Color and stroke",
    "A run has the same ones in every chart and table. If two compared runs would share them, one gets others.",
  ],
];

/** @type {HistoryQuery & { state: typeof STATES, offset: number }} */
const query = { search: "", state: [], sort: "started", descending: true, offset: 0 };
const chosen = new Set(chosenInAddress());
const content = find("#content");
const table = new RunTable(content, chosen);
const comparison = new Comparison(content, chosen, () => showChosen());
const preview = new PreviewBoard(find("#runs-preview"));
const trash = new Trash(
  content,
  {
    list: api.trash,
    restore: ({ id }) => api.restore(id),
    empty: api.emptyTrash,
    nameOf: ({ name }) => name,
    cells: ({ n_bytes: nBytes }) => [make("td", {}, formatBytes(nBytes))],
    noun: ["run", "runs"],
    kept: "Models saved from them are kept.",
  },
  refreshAll,
);
/** @type {History | null} */
let latest = null;
let isRequested = false;
let isLost = false;
/** @type {Promise<void> | null} */
let refreshing = null;

/** Returns the names of the runs that the address compares. */
function chosenInAddress() {
  return (valueInHash("compare=") ?? "").split(",").filter(Boolean);
}

/** Lists the runs; calls during a request are answered by one more request. */
function refresh() {
  isRequested = true;
  refreshing ??= list().finally(() => {
    refreshing = null;
  });
  return refreshing;
}

async function list() {
  while (isRequested) {
    isRequested = false;
    const requested = JSON.stringify(query);
    try {
      const history = await api.history({ ...query, limit: PAGE_SIZE });
      if (requested !== JSON.stringify(query)) continue; // the query has changed meanwhile
      latest = history;
      if (!history.runs.length && history.n_found && query.offset) {
        query.offset = Math.floor((history.n_found - 1) / PAGE_SIZE) * PAGE_SIZE;
        isRequested = true;
      } else show(history);
    } catch (error) {
      if (!isRequested) showToast(error.message, { isError: true });
    }
  }
}

async function refreshAll() {
  await Promise.all([refresh(), trash.load()]);
}

/** @param {History} history */
function show(history) {
  const { runs, n_found: nFound, n_runs: nRuns } = history;
  const { offset } = query;
  table.showOrder(query);
  table.show(runs);
  const all = `${formatCount(nRuns)} ${nRuns === 1 ? "run" : "runs"}`;
  setText(find("#runs-count"), nFound === nRuns ? all : `${formatCount(nFound)} of ${all}`);
  const range = `${formatCount(offset + 1)}–${formatCount(offset + runs.length)} of ${formatCount(nFound)}`;
  setText(find("#page-range"), nFound ? range : "");
  findButton("#previous-page").disabled = offset === 0;
  findButton("#next-page").disabled = offset + runs.length >= nFound;
  find(".pages").hidden = nFound <= PAGE_SIZE;
  find(".list").classList.remove("loading");
  showStates(history);
  showEmpty(history);
  showChosen();
}

/** @param {History} history */
function showEmpty({ runs, n_runs: nRuns }) {
  const note = find("#runs-empty");
  note.hidden = runs.length > 0;
  preview.show(nRuns ? null : { agent: CHAMPION });
  find("#runs-table").hidden = runs.length === 0;
  if (runs.length) return;
  if (nRuns) {
    const showAll = make("button", { type: "button", onclick: showAllRuns }, "Show all runs");
    note.replaceChildren(make("strong", {}, "No matching runs."), showAll);
    return;
  }
  note.replaceChildren(
    make("strong", {}, "No runs yet."),
    make("span", {}, "Start one on the "),
    make("a", { href: pageUrl() }, "live page"),
    " or by ",
    make("code", {}, "tetrarium train"),
    ".",
  );
}

function showAllRuns() {
  findInput("#search").value = "";
  changeQuery({ search: "", state: [] });
  find("#search").focus();
}

/** @param {History} history */
function showStates({ n_by_state: counts }) {
  for (const label of findAll("#states label")) {
    const checkbox = findInput("input", label);
    const n = counts[checkbox.value] ?? 0;
    setText(find(".count", label), formatCount(n));
    checkbox.checked = query.state.some((state) => state === checkbox.value);
    label.classList.toggle("none", n === 0 && !checkbox.checked);
  }
}

function showChosen() {
  table.showChosen();
  const names = [...chosen];
  find("#chosen-tools").hidden = names.length === 0;
  setText(find("#chosen-count"), `${formatCount(names.length)} selected`);
  const hash = names.length ? `#compare=${names.map(encodeURIComponent).join(",")}` : "";
  if (location.hash !== hash) history.replaceState(null, "", hash || location.pathname);
  comparison.show();
}

/**
 * Changes the query and shows its first page.
 *
 * @param {Partial<typeof query>} changes
 */
function changeQuery(changes) {
  Object.assign(query, { offset: 0 }, changes);
  findSelect("#sort-select").value = query.sort ?? "";
  return refresh();
}

/** @param {string[]} names */
async function remove(names) {
  const deleted = await removeRuns(names, refreshAll);
  for (const name of deleted) chosen.delete(name);
  showChosen();
}

/** @param {string[]} names */
async function prune(names) {
  if (await pruneRuns(names)) await refresh();
}

/** @param {(typeof STATES)[number]} state */
function makeStateFilter(state) {
  const filter = (/** @type {boolean} */ isChecked) =>
    changeQuery({ state: STATES.filter((other) => (other === state ? isChecked : query.state.includes(other))) });
  const checkbox = make("input", {
    type: "checkbox",
    value: state,
    onchange: ({ currentTarget }) => filter(currentTarget.checked),
  });
  const sign = make(
    "span",
    { class: "state", "data-state": state },
    make("span", { class: "dot", "aria-hidden": "true" }),
    stateLabel(state),
    " ",
    make("span", { class: "count" }, "–"),
  );
  return make("label", { class: "chip", "data-state": state }, checkbox, sign);
}

function makeFilters() {
  find("#states").append(...STATES.map(makeStateFilter));
  const select = findSelect("#sort-select");
  select.append(...COLUMNS.map(({ title, sort }) => make("option", { value: sort }, title)));
  select.value = query.sort ?? "";
  select.addEventListener("change", () => {
    const column = COLUMNS.find(({ sort }) => sort === select.value);
    if (column) sortBy(column.sort, !column.isText);
  });
  const search = findInput("#search");
  let timer = 0;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => changeQuery({ search: search.value }), TYPING_MS);
  });
  readMeta().then(
    ({ limits }) => {
      search.maxLength = limits.max_search_length;
    },
    () => {}, // the server refuses longer searches
  );
}

/**
 * @param {HistoryQuery["sort"]} sort
 * @param {boolean} descending
 */
function sortBy(sort, descending) {
  changeQuery({ sort, descending });
}

/** @param {number} by pages */
function turnPage(by) {
  const offset = query.offset + by * PAGE_SIZE;
  if (latest && offset >= 0 && offset < latest.n_found) changeQuery({ offset });
}

table.on("sort", ({ sort, isText }) => sortBy(sort, query.sort === sort ? !query.descending : !isText));
table.on("chosen", showChosen);
table.on("changed", refresh);
table.on("remove", (name) => runAction(null, null, () => remove([name])));
find("#trash-link").addEventListener("click", () => showTrash(find("#trash-section").hidden));
find("#prune").addEventListener("click", () => runAction(find("#prune"), null, () => prune([])));
find("#chosen-show").addEventListener("click", () => {
  find("#compare").scrollIntoView();
  find("#compare-canvas").focus({ preventScroll: true });
});
find("#chosen-prune").addEventListener("click", () => runAction(find("#chosen-prune"), null, () => prune([...chosen])));
find("#chosen-delete").addEventListener("click", () =>
  runAction(find("#chosen-delete"), null, () => remove([...chosen])),
);
find("#chosen-clear").addEventListener("click", () => {
  chosen.clear();
  showChosen();
  find("#search").focus();
});
find("#previous-page").addEventListener("click", () => turnPage(-1));
find("#next-page").addEventListener("click", () => turnPage(1));
window.addEventListener("hashchange", () => {
  if (location.hash === "#trash") showTrash(true);
  chosen.clear();
  for (const name of chosenInAddress()) chosen.add(name);
  showChosen();
});

/** @param {boolean} isShown */
function showTrash(isShown) {
  find("#trash-section").hidden = !isShown;
  setAttribute(find("#trash-link"), "aria-expanded", String(isShown));
}

makeFilters();
initPage({
  keys: [
    ["/", "find a run", () => find("#search").focus()],
    ["l", "log scale", () => comparison.toggleLog()],
    ["[", "previous page", () => turnPage(-1)],
    ["]", "next page", () => turnPage(1)],
    ["n", "new run", () => location.assign(`${pageUrl()}#new`)],
  ],
  numbers: NUMBERS,
  others: [CHART_KEYS],
});
const socket = new LiveSocket();
socket.on("event", ({ source }) => {
  if (source === "home") refreshAll();
});
socket.on("state", (state) => {
  if (state === "open" && isLost) refreshAll();
  isLost = state === "lost";
});
setInterval(() => {
  const isActive = latest?.runs.some((run) => run.is_alive);
  if (isActive && !isLost && !document.hidden) refresh();
}, REFRESH_MS);
showPendingToast();
showTrash(location.hash === "#trash");
refreshAll();
