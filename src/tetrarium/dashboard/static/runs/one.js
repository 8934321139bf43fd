// One run: its curves, games, settings, checkpoints, evaluations and log.

import { nameInPath } from "../common/address.js";
import { Charts, SPECS } from "../common/charts.js";
import { colourOf, paintSwatch } from "../common/colours.js";
import { find, findAll, make, setAttribute, setText } from "../common/dom.js";
import { csvOf, download } from "../common/files.js";
import { ON_THE_CHART, beginPage } from "../common/frame.js";
import { COLUMNS, History, MAX_POINTS } from "../common/history.js";
import { LiveLink } from "../common/link.js";
import { joinMenu } from "../common/menus.js";
import { act, say } from "../common/toast.js";
import { TrainedTime } from "../common/trained.js";
import { ago, count, dateText, duration, lines, stateWord } from "../common/words.js";
import { api } from "./api.js";
import { showCheckpoints } from "./checkpoints.js";
import { stateSign } from "./columns.js";
import { Settings } from "./config.js";
import { actionButtons, pruneRuns, removeRuns, sayThere, sayWhatWasKept } from "./doing.js";
import { Player } from "./player.js";

const ALL_ROWS = 10_000;
const FILES_MS = 5_000; // how often a run under way is asked for what it keeps

const name = nameInPath();
const run = { history: new History(), view: null, colour: () => colourOf(name) };
const charts = new Charts(run);
const player = new Player(name);
const settings = new Settings();
const trained = new TrainedTime();
let secondsTold; // by the latest event
let isLost = false;
let isRead = false; // whether it was ever told how it stands
let isFollowed = false;

/** Reads how the run stands; `isFirst` says so where there is none. */
async function refresh(isFirst = false) {
  try {
    run.view = await api.run(name);
  } catch (error) {
    if (error.status === 404 || error.status === 422) showMissing(isFirst);
    else say(error.message, { isError: true });
    return false;
  }
  showHead();
  showAbout();
  return true;
}

function showMissing(isFirst) {
  find("#run-body").hidden = true;
  find("#run-actions").hidden = true;
  const note = find("#run-missing");
  note.hidden = false;
  note.replaceChildren(make("strong", {}, isFirst ? `There is no run ${name}.` : `${name} is gone.`), make("a", { href: "/runs" }, "Show all runs"));
  setText(find("#run-name"), name);
  document.title = `${name} · tetrarium`;
}

function showHead() {
  const { view } = run;
  setText(find("#run-name"), view.name);
  find("#run-state").replaceChildren(stateSign(view.state));
  const how = [view.preset && `preset ${view.preset}`, view.algorithm, `seed ${view.seed}`].filter(Boolean);
  setText(find("#run-facts"), [`step ${count(view.step)} of ${count(view.total_steps)}`, duration(trained.of(name, view.seconds, secondsTold)), `mean ${lines(view.mean_lines_game)} lines`,
    `best game ${count(view.best_lines_game)}`, ...how, `started ${ago(view.started)}`].join(" · "));
  const trouble = find("#run-trouble");
  trouble.hidden = !view.error;
  setText(trouble, view.error ? `${stateWord(view.state)}: ${view.error}` : "");
  showActions();
  showStatus();
  document.title = `${stateWord(view.state)} · ${view.name} · tetrarium`;
}

function showActions() {
  const { view } = run;
  const host = find("#run-actions");
  const kind = `${view.state} ${view.is_alive}`;
  if (host.dataset.kind === kind) return;
  host.dataset.kind = kind;
  host.replaceChildren(
    ...actionButtons(view, changed),
    make("a", { class: "button", href: `/#run/${encodeURIComponent(name)}` }, view.is_alive ? "Watch" : "Live page"),
    make("a", { class: "button", href: `/runs#compare=${encodeURIComponent(name)}` }, "Compare"),
    make("a", { class: "button", href: `/models?save=${encodeURIComponent(name)}` }, "Save as a model"),
    view.is_alive ? "" : make("button", { type: "button", class: "danger", onclick: ({ currentTarget }) => act(currentTarget, null, remove) }, "Delete"));
}

function showStatus() {
  const { view } = run;
  setAttribute(find("#status"), "data-state", isLost ? "lost" : view?.state ?? "none");
  setText(find("#status-word"), isLost ? "Connection lost" : view ? stateWord(view.state) : "");
  const speed = view?.state === "running" && view.steps_per_second ? `${count(view.steps_per_second)} steps/s` : "";
  setText(find("#status-text"), isLost ? "coming back by itself" : speed);
}

function showAbout() {
  const { config } = run.view;
  const versions = Object.entries(config.versions ?? {}).map(([what, version]) => `${what} ${version}`).join(", ");
  const rows = [
    ["Command", make("code", {}, config.command || "–")], ["Started", config.started ? dateText(Date.parse(config.started) / 1000) : "–"],
    ["Seed", String(config.seed ?? run.view.seed)], ["Preset", config.preset ?? "–"],
    ["Begins with", config.branched_from ?? config.start_from ?? null], ["Revision", make("code", {}, config.git_revision ?? "–")], ["Versions", versions || "–"],
  ].filter(([, value]) => value !== null);
  const [, from] = (config.branched_from ?? "").match(/^(.+)@\d+$/) ?? [];
  find("#about").replaceChildren(...rows.flatMap(([term, value]) => [make("dt", {}, term),
    make("dd", {}, term === "Begins with" && from ? make("a", { href: `/runs/${encodeURIComponent(from)}` }, value) : value)]));
  settings.show(run.view);
}

async function remove() {
  if (!(await removeRuns([name])).length) return;
  sayThere(`Deleted ${name}.`);
  location.assign("/runs");
}

/** Reads the whole course; what was told live meanwhile and is later stays. */
async function readCurves() {
  const [progress, evaluations] = await Promise.all([api.progress(name, MAX_POINTS), api.evaluations(name)]);
  run.history.load(progress);
  showEvaluations(evaluations);
  charts.update();
}

function showEvaluations(rows) {
  run.history.loadEvaluations(rows);
  setText(find("#evaluations-note"), rows.length ? `${count(rows[0].n_games)} games each, of at most ${count(rows[0].max_pieces)} pieces` : "");
  const best = Math.max(...rows.map((row) => row.lines ?? -Infinity));
  find("#evaluations").replaceChildren(rows.length
    ? make("table", {},
      make("thead", {}, make("tr", {}, ["Step", "Lines a game", "Cut off"].map((title) => make("th", { scope: "col" }, title)))),
      make("tbody", {}, [...rows].reverse().map((row) => make("tr", { class: row.lines === best ? "best" : null },
        make("td", {}, count(row.step)), make("td", {}, row.lines === null ? "no end" : lines(row.lines), row.lines === best ? make("span", { class: "tag" }, "best") : null),
        make("td", {}, `${count(row.n_cut_off)} of ${count(row.n_games)}`)))))
    : make("p", { class: "fine" }, "Nothing was evaluated while it trained."));
}

async function readFiles() {
  showCheckpoints(run.view, await api.checkpoints(name), changed);
}

async function readLog() {
  const text = await api.log(name);
  setText(find("#log"), (typeof text === "string" ? text : "") || "The log is empty: it was started in a terminal, or said nothing.");
  find("#log").scrollTop = find("#log").scrollHeight;
}

/** Something was asked for, or told: everything is read again. */
async function changed() {
  if (!(await refresh())) return;
  await Promise.all([readFiles(), readCurves(), player.list()]);
}

async function exportTable() {
  download(new Blob([csvOf(await api.progress(name, ALL_ROWS), COLUMNS)], { type: "text/csv" }), `tetrarium-${name}.csv`);
  say(`Saved as tetrarium-${name}.csv.`);
}

async function exportPicture() {
  download(await charts.picture(name), `tetrarium-${name}.png`);
  say(`Saved as tetrarium-${name}.png.`);
}

function follow() {
  isFollowed = true;
  const link = new LiveLink();
  link.watch({ kind: "run", name, boards: false });
  link.addEventListener("link", ({ detail }) => {
    const wasLost = isLost;
    isLost = detail === "lost";
    showStatus();
    if (detail === "open" && !isRead) begin();
    else if (detail === "open" && wasLost) act(null, null, changed);
  });
  link.addEventListener("event", ({ detail: { source, event } }) => {
    if (source !== `run/${name}` || !run.view) return;
    if (event.kind === "progress") {
      run.history.append(event);
      run.view = { ...run.view, ...told(event) };
      secondsTold = event.seconds;
      showHead();
      charts.update();
    } else if (event.kind === "run-started") {
      run.history.clear();
      act(null, null, readCurves);
    } else if (["state-changed", "checkpoint-saved", "agent-evaluated"].includes(event.kind)) act(null, null, changed);
  });
  setInterval(() => !document.hidden && run.view?.is_alive && readFiles().catch(() => {}), FILES_MS);
}

/** Reads everything. A server that does not answer is asked again as soon as it is heard of. */
async function begin() {
  isRead = await refresh(true);
  if (!isFollowed && find("#run-missing").hidden) follow();
  if (!isRead) return;
  await Promise.all([readCurves(), readFiles(), readLog(), player.list(), settings.read()].map((work) => act(null, null, () => work)));
  for (const panel of findAll(".loading")) panel.classList.remove("loading");
}

const told = ({ step, steps_per_second, mean_lines_game, best_lines_game }) => ({ step, steps_per_second, mean_lines_game, best_lines_game });

paintSwatch(find("#swatch"), name);
joinMenu(find("#export"), find("#export-menu"));
find("#export-png").addEventListener("click", () => act(null, null, exportPicture));
find("#export-csv").addEventListener("click", () => act(null, null, exportTable));
find("#log-again").addEventListener("click", ({ currentTarget }) => act(currentTarget, "Reading…", readLog));
find("#run-prune").addEventListener("click", ({ currentTarget }) => act(currentTarget, null, async () => (await pruneRuns([name])) && readFiles()));
beginPage({
  keys: [
    [" ", "play or pause the game", () => player.toggle()],
    ["ArrowLeft", "one piece back", () => player.step(-1)],
    ["ArrowRight", "one piece on", () => player.step(1)],
    ["Home", "the game's beginning", () => player.go(0)],
    ["End", "the game's end", () => player.go(Infinity)],
    ["l", "logarithmic axis", () => charts.toggleLog()],
  ],
  numbers: SPECS.map(({ title, help }) => [title, help]),
  others: [ON_THE_CHART],
});
sayWhatWasKept();
begin();
