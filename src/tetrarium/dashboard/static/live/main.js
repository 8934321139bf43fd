// The live page: joins the parts.

import { api } from "./api.js";
import { App } from "./app.js";
import { COLUMNS } from "../common/history.js";
import { Charts, SPECS } from "../common/charts.js";
import { Controls } from "./controls.js";
import { DemoGames, DemoPanel } from "./demo.js";
import { find, make, setText } from "../common/dom.js";
import { csvOf, download } from "../common/files.js";
import { LiveLink } from "../common/link.js";
import { keep, recall } from "../common/memory.js";
import { joinMenu } from "../common/menus.js";
import { NewRunPanel } from "./new-run.js";
import { RunPicker } from "./runs.js";
import { ON_THE_CHART, beginPage } from "../common/frame.js";
import { panelHead } from "../common/panels.js";
import { Stage } from "./stage.js";
import { showStatus } from "./status.js";
import { act, say } from "../common/toast.js";
import { stateWord } from "../common/words.js";

const KEPT_THINKING = "tetrarium-thinks";
const WHAT_NEXT = {
  stopped: "Resume it to go on.", finished: "Watch it play, without learning.",
  failed: "Its checkpoints are safe.", dead: "Its checkpoints are safe.",
};
const LEARNING = ["starting", "running", "paused"];
const NUMBERS = [
  ["Step", "One placement of one piece. All games of a run count together."],
  ["Best game", "Most lines in one game of this run, running games included."],
  ["Thinks", "Values of the best placements; on the board, brighter cells are better, and the outline is where the piece goes."],
  ["Headless", "Nothing is drawn, and the run goes at full speed."],
  ["Live", "Boards are sampled up to 60 times a second, and the run goes at full speed."],
  ["Every move", "Each placement is shown, at the speed of the slider. It never changes what is learnt."],
];
const ALL_ROWS = 10_000; // the most that the server gives

const link = new LiveLink();
const app = new App(link);
const stage = new Stage();
const charts = new Charts(app);
const controls = new Controls(app);
const picker = new RunPicker(app);
const newRun = new NewRunPanel(app);
const demo = new DemoPanel(app);
const demoGames = new DemoGames();

app.openNewRun = () => newRun.open();
app.openDemo = () => demo.open();
app.openLog = openLog;

/** The words over the board, where there is nothing or something old to see. */
function sayOverBoard() {
  const { view, control, board, isCompiling } = app;
  const isAlive = ["running", "paused", "starting", "stopping"].includes(view?.state);
  const isHeadless = isAlive && view.kind === "run" && control.mode === "headless";
  stage.setStale(app.link === "lost" || isHeadless || (board !== null && view && !isAlive));
  if (app.link === "lost") stage.say("Connection lost", "It comes back by itself. A run that is under way goes on.");
  else if (!view) stage.say(app.runs ? "No run yet" : "", app.runs ? "Here it will play." : "");
  else if (isCompiling) stage.say("Preparing", "The first start on this machine compiles the engine, which takes some seconds.");
  else if (view.state === "starting") stage.say("Starting", "The worker comes up.");
  else if (isHeadless) {
    stage.say("Headless", "Nothing is drawn, and it learns at full speed.", { label: "Show it live", run: () => controls.setMode("live") });
  } else if (view.state === "paused") stage.say("", "");
  else if (!isAlive && !board) stage.say(stateWord(view.state), view.kind === "run" ? WHAT_NEXT[view.state] : "Start a new demo.");
  else stage.say("", "");
}

function showTotals() {
  const { view, progress } = app;
  if (view?.kind === "player") stage.showTotals(demoGames.totals);
  else stage.showTotals({ best: progress?.best_lines_game ?? view?.best_lines_game, games: progress?.games_ended ?? view?.games_ended });
}

function showAll() {
  showStatus(app);
  controls.show();
  picker.show();
  sayOverBoard();
  showTotals();
  const isDemo = app.view?.kind === "player";
  find("#charts").hidden = isDemo && !app.charted;
  find("#multiples").hidden = isDemo;
  const isToCome = !isDemo && (!app.view || LEARNING.includes(app.view.state));
  setText(find(".chart-empty"), isToCome ? "The curve begins with the first 2,000 steps." : "No curve was recorded.");
  find("#demo-games").hidden = !isDemo;
}

let frame = 0;
app.addEventListener("change", () => {
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    showAll();
  });
});
app.addEventListener("board", () => {
  stage.show(app.board);
  if (app.board && app.view?.kind === "player") {
    demoGames.follow(app.board);
    showTotals();
  }
  if (!find("#board-message").hidden) sayOverBoard();
});
app.addEventListener("target", () => {
  stage.show(null);
  demoGames.clear();
  charts.restart();
});
app.addEventListener("shape", ({ detail }) => detail && stage.setShape(detail));
app.addEventListener("history", () => charts.update());
app.addEventListener("thinking", ({ detail }) => {
  stage.setThinking(detail);
  keep(KEPT_THINKING, detail ? "on" : "off");
});

async function openLog() {
  const text = await api.log(app.target.name);
  const dialog = find("#log-panel");
  dialog.replaceChildren(
    panelHead(dialog, "log-title", `Log of ${app.target.name}`),
    make("div", { class: "panel-body", tabindex: 0, role: "region", "aria-label": "Log" },
      make("pre", {}, (typeof text === "string" ? text : text?.log) || "The log is empty.")));
  dialog.showModal();
}

const exportName = () => `tetrarium-${app.charted}`;

async function exportTable() {
  const columns = await api.progress(app.charted, ALL_ROWS);
  download(new Blob([csvOf(columns, COLUMNS)], { type: "text/csv" }), `${exportName()}.csv`);
  say(`Saved as ${exportName()}.csv.`);
}

async function exportPicture() {
  download(await charts.picture(app.charted), `${exportName()}.png`);
  say(`Saved as ${exportName()}.png.`);
}

const withCurves = (work) => () => app.charted ? work() : say("Choose a run first.");
const withRun = (run) => () => app.target?.kind === "run" ? run() : say("Choose a run first.");

joinMenu(find("#export"), find("#export-menu"));
find("#export-png").addEventListener("click", () => act(null, null, withCurves(exportPicture)));
find("#export-csv").addEventListener("click", () => act(null, null, withCurves(exportTable)));
find("#new-run").addEventListener("click", () => newRun.open());
find("#demo").addEventListener("click", () => demo.open());

const KEYS = [
  [" ", "pause or resume", () => controls.togglePause()],
  ["s", "stop", () => controls.stop()],
  ["c", "save a checkpoint", () => controls.saveCheckpoint()],
  ["1", "headless", () => withRun(() => controls.setMode("headless"))()],
  ["2", "live", () => withRun(() => controls.setMode("live"))()],
  ["3", "every move", () => withRun(() => controls.setMode("every-move"))()],
  ["+", "faster", () => controls.changeSpeed(1)],
  ["-", "slower", () => controls.changeSpeed(-1)],
  ["t", "show what it thinks", () => app.setThinking(!app.thinks)],
  ["n", "new run", () => newRun.open()],
  ["d", "demo", () => demo.open()],
  ["r", "choose what is watched", () => picker.open()],
  ["l", "logarithmic axis", () => charts.toggleLog()],
];
beginPage({ keys: KEYS, numbers: [...NUMBERS, ...SPECS.map(({ title, help }) => [title, help])], others: [ON_THE_CHART] });

if (recall(KEPT_THINKING) === "on") app.setThinking(true);
if (location.hash === "#new") newRun.open();
stage.show(null);
showStatus(app);
app.refresh();
