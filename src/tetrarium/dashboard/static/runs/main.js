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
import { COLUMNS, GROUP, settingColumn } from "./columns.js";
import { Comparison } from "./compare.js";
import { openLabelsOfMany } from "./labels.js";
import { pruneRuns, removeRuns } from "./run-actions.js";
import { SettingColumns } from "./setting-columns.js";
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
  ["Filter", "Words, tag:good, group:rates, and comparisons such as gamma<0.9 or training_mean>100. All must match."],
  ["Step", "One placement of one piece. All games of a run count together."],
  ["Training mean", "Mean lines of the latest games, those still running included."],
  ["Best game", "Most lines in one game of the run."],
  [
    "Color and stroke",
    "A run has the same ones in every chart and table. If two compared runs would share them, one gets others.",
  ],
];

/** @type {HistoryQuery & { state: typeof STATES, offset: number }} */
const query = { search: "", state: [], sort: "started", descending: true, offset: 0, collapse: true };
/** @type {Set<string>} */
const openGroups = new Set();
/** @type {Record<string, unknown>} */
let defaults = {}; // of all settings, by name
const chosen = new Set(chosenInAddress()); // names of runs, and of groups after GROUP
const content = find("#content");
const table = new RunTable(content, chosen);
const settingColumns = new SettingColumns(showColumns);
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
    const asked = { ...query, open: [...openGroups], limit: PAGE_SIZE };
    const requested = JSON.stringify(asked);
    try {
      const history = await api.history(asked);
      if (requested !== JSON.stringify({ ...query, open: [...openGroups], limit: PAGE_SIZE })) continue; // has changed
      latest = history;
      if (!history.rows.length && history.n_found && query.offset) {
        query.offset = Math.floor((history.n_rows - 1) / PAGE_SIZE) * PAGE_SIZE;
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
  const { rows, n_found: nFound, n_runs: nRuns, n_rows: nRows } = history;
  const { offset } = query;
  if (settingColumns.update(history.differing)) {
    table.setColumns(settingColumns.shown, defaults);
    showSortKeys();
  }
  find("#columns").hidden = nRuns === 0;
  table.showOrder(query);
  table.show(rows, openGroups);
  const all = `${formatCount(nRuns)} ${nRuns === 1 ? "run" : "runs"}`;
  setText(find("#runs-count"), nFound === nRuns ? all : `${formatCount(nFound)} of ${all}`);
  const range = `${formatCount(offset + 1)}–${formatCount(offset + rows.length)} of ${formatCount(nRows)}`;
  setText(find("#page-range"), nFound ? range : "");
  findButton("#previous-page").disabled = offset === 0;
  findButton("#next-page").disabled = offset + rows.length >= nRows;
  find(".pages").hidden = nRows <= PAGE_SIZE;
  find(".list").classList.remove("loading");
  showStates(history);
  showEmpty(history);
  showChosen();
}

/** @param {History} history */
function showEmpty({ rows, n_runs: nRuns }) {
  const note = find("#runs-empty");
  note.hidden = rows.length > 0;
  preview.show(nRuns ? null : { agent: CHAMPION });
  find("#runs-table").hidden = rows.length === 0;
  if (rows.length) return;
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

function showColumns() {
  table.setColumns(settingColumns.shown, defaults);
  showSortKeys();
  if (latest) show(latest);
}

const headings = () => [...COLUMNS, ...settingColumns.shown.map(settingColumn)];

/** Lists what runs can be sorted by; a sort by a column that is no longer shown ends. */
function showSortKeys() {
  const select = findSelect("#sort-select");
  select.replaceChildren(...headings().map(({ title, sort }) => make("option", { value: sort }, title)));
  if (headings().some(({ sort }) => sort === query.sort)) select.value = query.sort ?? "";
  else changeQuery({ sort: "started", descending: true });
}

/** Returns the names of the chosen runs, those of chosen groups included. */
async function chosenRuns() {
  const groups = [...chosen].filter((key) => key.startsWith(GROUP));
  const known = groups.length ? await api.groups() : [];
  const members = groups.flatMap((key) => known.find(({ name }) => `${GROUP}${name}` === key)?.runs ?? []);
  return [...new Set([...[...chosen].filter((key) => !key.startsWith(GROUP)), ...members])];
}

/** @param {string} name of a group */
function toggleGroup(name) {
  if (!openGroups.delete(name)) openGroups.add(name);
  return refresh();
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
  if (deleted.length) for (const key of chosen) if (key.startsWith(GROUP)) chosen.delete(key);
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
  showSortKeys();
  select.addEventListener("change", () => {
    const column = headings().find(({ sort }) => sort === select.value);
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
  if (latest && offset >= 0 && offset < latest.n_rows) changeQuery({ offset });
}

table.on("sort", ({ sort, isText }) => sortBy(sort, query.sort === sort ? !query.descending : !isText));
table.on("chosen", showChosen);
table.on("changed", refresh);
table.on("toggle", toggleGroup);
table.on("remove", (name) => runAction(null, null, () => remove([name])));
find("#trash-link").addEventListener("click", () => showTrash(find("#trash-section").hidden));
find("#prune").addEventListener("click", () => runAction(find("#prune"), null, () => prune([])));
find("#chosen-show").addEventListener("click", () => {
  find("#compare").scrollIntoView();
  find("#compare-canvas").focus({ preventScroll: true });
});
find("#chosen-label").addEventListener("click", () =>
  runAction(find("#chosen-label"), null, async () => openLabelsOfMany(await chosenRuns(), refresh)),
);
find("#chosen-prune").addEventListener("click", () =>
  runAction(find("#chosen-prune"), null, async () => prune(await chosenRuns())),
);
find("#chosen-delete").addEventListener("click", () =>
  runAction(find("#chosen-delete"), null, async () => remove(await chosenRuns())),
);
find("#columns").addEventListener("click", () => settingColumns.open());
document.addEventListener("searchtag", (event) => {
  const search = `tag:${/** @type {CustomEvent<string>} */ (event).detail}`;
  findInput("#search").value = search;
  changeQuery({ search });
});
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
  const isActive = latest?.rows.some(({ run, group }) => run?.is_alive || group?.n_alive);
  if (isActive && !isLost && !document.hidden) refresh();
}, REFRESH_MS);
showPendingToast();
showTrash(location.hash === "#trash");
refreshAll();
api.settings().then(
  ({ groups }) => {
    defaults = Object.fromEntries(groups.flatMap(({ fields }) => fields).map((spec) => [spec.name, spec.default]));
    showColumns();
  },
  () => {}, // the columns then show changed settings only
);
