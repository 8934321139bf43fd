// @ts-check
// The page of one run: curves, replays, settings, checkpoints, evaluations and log.

import { nameInPath, pageUrl } from "../common/address.js";
import { find, findAll, make, setText } from "../common/dom.js";
import { downloadBlob, toCsv } from "../common/download.js";
import {
  formatAge,
  formatBytes,
  formatCount,
  formatDate,
  formatDuration,
  formatDurations,
  formatEstimate,
  formatLines,
  formatPercent,
  formatSafe,
  formatTrainingMean,
  stateLabel,
} from "../common/format.js";
import { CHART_KEYS, initPage } from "../common/frame.js";
import { LiveSocket } from "../common/live-socket.js";
import { attachMenu } from "../common/menus.js";
import { readMeta } from "../common/meta.js";
import { MAX_POINTS, MetricHistory } from "../common/metric-history.js";
import { CHAMPION, PreviewBoard } from "../common/preview.js";
import { CHART_SPECS, RunCharts } from "../common/run-charts.js";
import { runColor, styleSwatch } from "../common/run-styles.js";
import { showStatusLine } from "../common/status-line.js";
import { runAction, showPendingToast, showToast, toastOnNextPage } from "../common/toast.js";
import { api } from "./api.js";
import { openTrainLongerPanel, showCheckpoints } from "./checkpoints.js";
import { GROUP, runPath, stateSign } from "./columns.js";
import { RunSettings } from "./config.js";
import { makeTags, openLabels, openRename } from "./labels.js";
import { ReplayPlayer } from "./replay-player.js";
import { actionButtons, pruneRuns, removeRuns } from "./run-actions.js";

/** @typedef {import("./api.js").RunDetail} RunDetail */
/** @typedef {import("../common/shortcuts.js").HelpEntry} HelpEntry */

const EVALUATION_HEADS = ["Step", "Survival", "Lines until the limit", "Estimated lines", "Harder game"];
/** @type {Record<string, string>} */
const ORIGINS = { page: "the page", study: "a study" }; // of runs that no command started
const REFRESH_MS = 5_000; // of the checkpoints of an active run

const name = nameInPath();
const metricHistory = new MetricHistory();
const charts = new RunCharts(find("#charts"), {
  history: metricHistory,
  get color() {
    return runColor(name);
  },
});
const player = new ReplayPlayer(find("#content"), name);
const preview = new PreviewBoard(find("#preview"));
const settings = new RunSettings(find("#content"));
/** @type {RunDetail | null} */
let run = null;
let isLost = false;
let isLoaded = false;
let isFollowed = false;
let hasNoDisplay = false; // whether the worker draws no boards

/**
 * Reads the run.
 *
 * @param {boolean} [isFirst] whether it was never read before
 * @returns {Promise<boolean>} whether there is more of it to load
 */
async function refresh(isFirst = false) {
  try {
    run = await api.run(name);
  } catch (error) {
    if (error.status === 404 || error.status === 422) showMissing(isFirst, error.code === "run-in-trash");
    else showToast(error.message, { isError: true });
    return false;
  }
  showHead(run);
  find("#run-body").hidden = run.state === "damaged";
  if (run.state !== "damaged") showAbout(run);
  return run.state !== "damaged";
}

/**
 * @param {boolean} isFirst
 * @param {boolean} isInTrash
 */
function showMissing(isFirst, isInTrash) {
  find("#run-body").hidden = true;
  find("#run-actions").hidden = true;
  const note = find("#run-missing");
  const gone = isFirst ? `There is no run ${name}.` : `${name} has been deleted.`;
  note.hidden = false;
  note.replaceChildren(
    make("strong", {}, isInTrash ? `${name} is in the trash.` : gone),
    make(
      "a",
      { href: `${pageUrl("runs")}${isInTrash ? "#trash" : ""}` },
      isInTrash ? "Show the trash" : "Show all runs",
    ),
  );
  setText(find("#run-name"), name);
  document.title = `${name} · tetrarium`;
}

/** @param {RunDetail} run */
function showHead(run) {
  setText(find("#run-name"), run.name);
  find("#run-state").replaceChildren(stateSign(run.state));
  const facts = run.state !== "damaged" && [
    `step ${formatCount(run.step)} of ${formatCount(run.total_steps)}`,
    formatDurations(run.seconds, run.evaluated_seconds),
    `training mean ${formatTrainingMean(run)}`,
    formatSafe(metricHistory.safeSince),
    `best game ${formatCount(run.best_lines_game)}`,
    run.preset && `preset ${run.preset}`,
    run.algorithm,
    `seed ${run.seed}`,
    `started ${formatAge(run.started)}`,
  ];
  setText(find("#run-facts"), facts ? facts.filter(Boolean).join(" · ") : "");
  const error = find("#run-error");
  error.hidden = !run.error;
  setText(error, run.error ? `${stateLabel(run.state)}: ${run.error}` : "");
  showActions(run);
  showStatus();
  document.title = `${stateLabel(run.state)} · ${run.name} · tetrarium`;
}

/** @param {RunDetail} run */
function showActions(run) {
  const host = find("#run-actions");
  const kind = `${run.state} ${run.is_alive}`;
  if (host.dataset.kind === kind) return; // keeps the focus on a button
  host.dataset.kind = kind;
  const encoded = encodeURIComponent(name);
  const links = [
    make("a", { class: "button", href: `${pageUrl()}#run/${encoded}` }, run.is_alive ? "Watch" : "Live page"),
    make("a", { class: "button", href: `${pageUrl("runs")}#compare=${encoded}` }, "Compare"),
    make("a", { class: "button", href: `${pageUrl("models")}?save=${encoded}` }, "Save as a model"),
  ];
  if (!run.is_alive)
    links.unshift(make("a", { class: "button", href: `${pageUrl()}#again/${encoded}` }, "Start again"));
  const trainLonger = make("button", { type: "button" }, "Train longer");
  trainLonger.addEventListener("click", () => run && openTrainLongerPanel(run, reload));
  const finished = run.state === "finished" ? [trainLonger] : [];
  host.replaceChildren(...actionButtons(run, reload), ...finished, ...(run.state === "damaged" ? [] : links));
  if (run.is_alive) return;
  const button = make("button", { type: "button", class: "danger" }, "Delete");
  button.addEventListener("click", () => runAction(button, null, remove));
  host.append(button);
}

function showStatus() {
  if (!run) return;
  const isRunning = run.state === "running" && run.steps_per_second;
  showStatusLine(run.state, stateLabel(run.state), isRunning ? `${formatCount(run.steps_per_second)} steps/s` : "");
}

/** @param {RunDetail} run */
function showAbout(run) {
  const config = /** @type {Record<string, any>} */ (run.config);
  const versions = Object.entries(config.versions ?? {}).map(([library, version]) => `${library} ${version}`);
  const origin = config.branched_from ?? config.start_from ?? null;
  const [, branchedRun] = (config.branched_from ?? "").match(/^(.+)@\d+$/) ?? [];
  /** @type {[term: string, value: string | HTMLElement | null][]} */
  const rows = [
    ["Started from", ORIGINS[config.origin] ?? null],
    [config.origin in ORIGINS ? "Equivalent command" : "Command", make("code", {}, config.command || "–")],
    ["Started", config.started ? formatDate(Date.parse(config.started) / 1000) : "–"],
    ["Seed", String(config.seed ?? run.seed)],
    ["Preset", config.preset ?? "–"],
    ["Initial weights", branchedRun ? make("a", { href: runPath(branchedRun) }, origin) : origin],
    ["Revision", make("code", {}, config.git_revision ?? "–")],
    ["Versions", versions.join(", ") || "–"],
  ];
  if (run.note) rows.unshift(["Note", make("span", { class: "note" }, run.note)]);
  if (run.tags.length) rows.unshift(["Tags", make("span", {}, makeTags(run.tags))]);
  if (run.group) {
    const href = `${pageUrl("runs")}#compare=${encodeURIComponent(`${GROUP}${run.group}`)}`;
    rows.unshift(["Group", make("a", { href }, run.group)]);
  }
  if (run.times) rows.push(["Time went to", make("ul", { class: "times" }, describeTimes(run.times))]);
  find("#run-rename").hidden = run.is_alive;
  const shown = rows.filter(([, value]) => value !== null);
  find("#about").replaceChildren(...shown.flatMap(([term, value]) => [make("dt", {}, term), make("dd", {}, value)]));
  settings.show(run);
}

/** Moves the run to the trash; after Undo, the page is loaded anew. */
function remove() {
  return removeRuns([name], async () => {
    if (await refresh()) location.reload();
  });
}

async function loadCurves() {
  const [progress, evaluations] = await Promise.all([api.progress(name, MAX_POINTS), api.evaluations(name)]);
  metricHistory.load(progress);
  metricHistory.loadEvaluations(evaluations);
  showEvaluations(metricHistory.evaluations);
  if (run) showHead(run);
  charts.update();
}

/** @param {import("../common/metric-history.js").EvaluationRow[]} rows */
function showEvaluations(rows) {
  const [first] = rows;
  const protocol = `${formatCount(first?.n_games)} games each, of at most ${formatCount(first?.max_pieces)} pieces`;
  setText(find("#evaluations-note"), first ? protocol : "");
  if (!first) {
    const note = make("p", { class: "fine" }, "No evaluations during training.");
    find("#evaluations").replaceChildren(note);
    return;
  }
  const best = rows.findLast(({ is_best: isBest }) => isBest);
  const heads = EVALUATION_HEADS.map((title) => make("th", { scope: "col" }, title));
  const body = rows.toReversed().map((row) => {
    const tag = row === best ? make("span", { class: "tag" }, "best") : null;
    return make(
      "tr",
      { class: row === best ? "best" : null },
      make("td", {}, formatCount(row.step), tag),
      make("td", {}, `${formatCount(row.survival)} of ${formatCount(row.n_games)}`),
      make("td", {}, formatLines(row.lines_until_limit)),
      make("td", {}, formatEstimate(row.estimated_lines, row.estimated_low, row.estimated_high)),
      make("td", {}, formatEstimate(row.harder_lines, row.harder_low, row.harder_high)),
    );
  });
  const table = make("table", {}, make("thead", {}, make("tr", {}, heads)), make("tbody", {}, body));
  find("#evaluations").replaceChildren(table);
}

async function loadCheckpoints() {
  const checkpoints = await api.checkpoints(name);
  if (run) showCheckpoints(run, checkpoints, reload);
}

/** Lists the replays; without one, the active run or an agent plays in their place. */
async function loadReplays() {
  await player.list();
  if (!run) return;
  const agent = run.checkpoints.length ? name : CHAMPION;
  if (!player.isEmpty) preview.show(null);
  else if (!run.is_alive) preview.show({ agent });
  else if (hasNoDisplay) preview.show({ agent }, `Training without display; ${agent} plays meanwhile.`);
  else preview.show({ run: name });
}

async function loadLog() {
  const log = find("#log");
  setText(log, (await api.log(name)) || "The log is empty: the run was started in a terminal, or wrote nothing.");
  log.scrollTop = log.scrollHeight;
}

/** Reads everything that a command or an event may have changed. */
async function reload() {
  if (!(await refresh())) return;
  await Promise.all([loadCheckpoints(), loadCurves(), loadReplays()]);
}

const PHASES = ["playing", "learning", "evaluating", "saving", "other"];

/**
 * Describes where the time of a run went, one part per line.
 *
 * @param {Record<string, number>} times
 */
function describeTimes(times) {
  const total = PHASES.reduce((sum, phase) => sum + (times[phase] ?? 0), 0);
  const lines = PHASES.filter((phase) => times[phase]).map((phase) => {
    const share = make("span", { class: "share-bar", "aria-hidden": "true" });
    share.style.setProperty("--share", (times[phase] / total).toFixed(3));
    const percent = formatPercent(Math.round((100 * times[phase]) / total) / 100);
    const text = `${phase} ${formatDuration(times[phase])}, ${percent}`;
    return make("li", {}, make("span", {}, text), share);
  });
  const used = [
    times.paused >= 1 && `paused ${formatDuration(times.paused)}`,
    total > 0 && `${((times.processor ?? 0) / total).toFixed(1)} processor cores`,
    `${formatBytes(times.memory_bytes)} of memory at most`,
  ];
  return [...lines, make("li", { class: "fine" }, used.filter(Boolean).join(" · "))];
}

function editLabels() {
  return run ? openLabels(run, refresh) : undefined;
}

function rename() {
  return openRename(name, (newName) => {
    toastOnNextPage(`${name} is now ${newName}.`);
    location.assign(runPath(newName));
  });
}

async function exportTable() {
  const { columns, limits } = await readMeta();
  const rows = await api.progress(name, limits.max_points);
  const names = columns.progress.map(({ name }) => name);
  const csv = toCsv(rows, names);
  downloadBlob(new Blob([csv], { type: "text/csv" }), `tetrarium-${name}.csv`);
  showToast(`Saved as tetrarium-${name}.csv.`);
}

async function exportPicture() {
  downloadBlob(await charts.picture(name), `tetrarium-${name}.png`);
  showToast(`Saved as tetrarium-${name}.png.`);
}

function follow() {
  isFollowed = true;
  const socket = new LiveSocket();
  socket.watch({ kind: "run", name, boards: false });
  socket.on("state", (state) => {
    const wasLost = isLost;
    isLost = state === "lost";
    showStatus();
    if (state === "open" && !isLoaded) start();
    else if (state === "open" && wasLost) runAction(null, null, reload);
  });
  socket.on("event", ({ source, event }) => {
    if (source === `run/${name}` && run) receive(event, run);
  });
  setInterval(() => {
    if (!document.hidden && run?.is_alive) loadCheckpoints().catch(() => {});
  }, REFRESH_MS);
}

/**
 * @param {WorkerEvent} event
 * @param {RunDetail} current
 */
function receive(event, current) {
  if (event.kind === "progress") {
    metricHistory.append(event);
    const { kind: _kind, total_steps: _total, ...figures } = event;
    run = { ...current, ...figures };
    showHead(run);
    charts.update();
  } else if (event.kind === "agent-evaluated") {
    metricHistory.appendEvaluation(event); // recorded in the file only later
    showEvaluations(metricHistory.evaluations);
    charts.update();
  } else if (event.kind === "control-changed") {
    hasNoDisplay = event.mode === "no-display";
    runAction(null, null, loadReplays);
  } else if (event.kind === "run-started") {
    metricHistory.clear();
    runAction(null, null, loadCurves);
  } else if (["state-changed", "checkpoint-saved"].includes(event.kind)) {
    runAction(null, null, reload);
  }
}

/** Loads the page; without an answer of the server, it is loaded once the live socket is open. */
async function start() {
  isLoaded = await refresh(true);
  if (!isFollowed && find("#run-missing").hidden) follow();
  if (!isLoaded) return;
  const parts = [loadCurves(), loadCheckpoints(), loadLog(), loadReplays(), settings.load()];
  await Promise.all(parts.map((part) => runAction(null, null, () => part)));
  for (const panel of findAll(".loading")) panel.classList.remove("loading");
}

async function prune() {
  if (await pruneRuns([name])) await loadCheckpoints();
}

styleSwatch(find("#swatch"), name);
attachMenu(find("#export"), find("#export-menu"));
find("#export-png").addEventListener("click", () => runAction(null, null, exportPicture));
find("#export-csv").addEventListener("click", () => runAction(null, null, exportTable));
find("#log-reload").addEventListener("click", () => runAction(find("#log-reload"), "Loading…", loadLog));
find("#run-label").addEventListener("click", () => runAction(find("#run-label"), null, editLabels));
find("#run-rename").addEventListener("click", () => runAction(find("#run-rename"), null, rename));
find("#run-prune").addEventListener("click", () => runAction(find("#run-prune"), null, prune));
/** @type {HelpEntry[]} */
const chartNumbers = CHART_SPECS.map(({ title, help }) => [title, help]);
initPage({
  keys: [
    [" ", "play or pause the replay", () => player.toggle()],
    ["ArrowLeft", "one piece back", () => player.step(-1)],
    ["ArrowRight", "one piece forward", () => player.step(1)],
    ["Home", "start of the replay", () => player.seek(0)],
    ["End", "end of the replay", () => player.seek(Infinity)],
    ["l", "log scale", () => charts.toggleLog()],
  ],
  numbers: chartNumbers,
  others: [CHART_KEYS],
});
showPendingToast();
start();
