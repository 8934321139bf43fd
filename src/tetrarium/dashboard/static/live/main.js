// @ts-check
// The live page: connects its parts.

import { valueInHash } from "../common/address.js";
import { find, setText } from "../common/dom.js";
import { downloadBlob, toCsv } from "../common/download.js";
import { stateLabel } from "../common/format.js";
import { CHART_KEYS, initPage } from "../common/frame.js";
import { LiveSocket } from "../common/live-socket.js";
import { attachMenu } from "../common/menus.js";
import { readMeta } from "../common/meta.js";
import { openLogPanel } from "../common/panels.js";
import { CHART_SPECS, RunCharts } from "../common/run-charts.js";
import { readStorage, writeStorage } from "../common/storage.js";
import { runAction, showToast } from "../common/toast.js";
import { api } from "./api.js";
import { App } from "./app.js";
import { Controls } from "./controls.js";
import { DemoGames, DemoPanel } from "./demo.js";
import { GamePanel } from "./game-panel.js";
import { NewRunPanel } from "./new-run.js";
import { RunPicker } from "./run-picker.js";
import { showStatus } from "./status.js";

/** @typedef {import("../common/shortcuts.js").Shortcut} Shortcut */
/** @typedef {import("../common/shortcuts.js").HelpEntry} HelpEntry */

const ACTION_VALUES_KEY = "tetrarium-action-values";
const ACTIVE = ["starting", "running", "paused", "stopping"];
const LEARNING = ["starting", "running", "paused"];
/** @type {Record<string, string>} */
const NEXT_ACTIONS = {
  stopped: "Resume it to continue training.",
  finished: "Watch it play, without training.",
  failed: "Its checkpoints are safe.",
  crashed: "Its checkpoints are safe.",
};
/** @type {HelpEntry[]} */
const NUMBERS = [
  ["Step", "One placement of one piece. All games of a run count together."],
  ["Best game", "Most lines in one game of this run, running games included."],
  [
    "Action values",
    "Action values of the best placements. On the board, brighter cells are better; the outline is the chosen one.",
  ],
  ["No display", "No board is drawn, and the run trains at full speed."],
  ["Live", "Boards are sampled up to 60 times per second, and the run trains at full speed."],
  ["Every move", "Each placement is shown, at the speed of the slider. It never changes what is learned."],
];

const app = new App(new LiveSocket());
const gamePanel = new GamePanel(find("#game"));
const charts = new RunCharts(find("#charts"), app);
const newRun = new NewRunPanel(app);
const demo = new DemoPanel(app);
const controls = new Controls(app, { newRun: () => newRun.open(), demo: () => demo.open(), log: openLog });
const picker = new RunPicker(app);
const demoGames = new DemoGames(find("#demo-games"));

/** Shows a message over the board where there is none, or an old one. */
function showBoardMessage() {
  const { view, control, board, isCompiling, connection } = app;
  const isActive = view !== null && ACTIVE.includes(view.state);
  const isHeadless = isActive && view.kind === "run" && control.mode === "headless";
  gamePanel.setStale(connection === "lost" || isHeadless || (board !== null && view !== null && !isActive));
  if (connection === "lost") {
    gamePanel.showMessage("Connection lost", "Reconnecting. An active run continues meanwhile.");
  } else if (!view) {
    gamePanel.showMessage(app.runs ? "No run yet" : "", "The game appears here.");
  } else if (isCompiling) {
    gamePanel.showMessage(
      "Preparing",
      "The first start on this machine compiles the engine, which takes some seconds.",
    );
  } else if (view.state === "starting") {
    gamePanel.showMessage("Starting…", "");
  } else if (isHeadless) {
    const action = { label: "Show it live", run: () => controls.setMode("live") };
    gamePanel.showMessage("No display", "The run trains at full speed.", action);
  } else if (!isActive && !board) {
    gamePanel.showMessage(stateLabel(view.state), view.kind === "run" ? NEXT_ACTIONS[view.state] : "Start a new demo.");
  } else {
    gamePanel.showMessage("");
  }
}

function showTotals() {
  const { view, progress } = app;
  if (view?.kind === "demo") {
    gamePanel.showTotals(demoGames.totals);
    return;
  }
  gamePanel.showTotals({
    best: progress?.best_lines_game ?? view?.best_lines_game,
    games: progress?.games_ended ?? view?.games_ended,
  });
}

function showAll() {
  const { view } = app;
  const isDemo = view?.kind === "demo";
  showStatus(app);
  controls.show();
  picker.show();
  showBoardMessage();
  showTotals();
  find("#charts").hidden = isDemo && !app.charted;
  find("#small-charts").hidden = isDemo;
  find("#demo-games").hidden = !isDemo;
  const mayFollow = !isDemo && (!view || LEARNING.includes(view.state));
  setText(find(".chart-empty"), mayFollow ? "The curve starts after 2,000 steps." : "No curve was recorded.");
}

let frame = 0;
app.on("change", () => {
  if (frame) return;
  frame = requestAnimationFrame(() => {
    frame = 0;
    showAll();
  });
});
app.on("board", () => {
  gamePanel.show(app.board);
  if (app.board && app.view?.kind === "demo") {
    demoGames.follow(app.board);
    showTotals();
  }
  if (!find("#board-message").hidden) showBoardMessage();
});
app.on("target", () => {
  gamePanel.show(null);
  demoGames.clear();
  charts.reset();
});
app.on("shape", (shape) => {
  if (shape) gamePanel.setShape(shape);
});
app.on("history", () => charts.update());
app.on("action-values", (isOn) => {
  gamePanel.setActionValues(isOn);
  writeStorage(ACTION_VALUES_KEY, isOn ? "on" : "off");
});

async function openLog() {
  const { target } = app;
  if (target) openLogPanel(`Log of ${target.name}`, await api.log(target.name));
}

/** @param {string} run */
async function exportTable(run) {
  const { columns, limits } = await readMeta();
  const rows = await api.progress(run, limits.max_points);
  const names = columns.progress.map(({ name }) => name);
  downloadBlob(new Blob([toCsv(rows, names)], { type: "text/csv" }), `tetrarium-${run}.csv`);
  showToast(`Saved as tetrarium-${run}.csv.`);
}

/** @param {string} run */
async function exportPicture(run) {
  downloadBlob(await charts.picture(run), `tetrarium-${run}.png`);
  showToast(`Saved as tetrarium-${run}.png.`);
}

/** @param {(run: string) => unknown} action */
function withCurves(action) {
  const { charted } = app;
  if (charted) return action(charted);
  return showToast("Choose a run first.");
}

/** @param {string} mode */
function setMode(mode) {
  if (app.target?.kind === "run") controls.setMode(mode);
  else showToast("Choose a run first.");
}

attachMenu(find("#export"), find("#export-menu"));
find("#export-png").addEventListener("click", () => runAction(null, null, () => withCurves(exportPicture)));
find("#export-csv").addEventListener("click", () => runAction(null, null, () => withCurves(exportTable)));
find("#new-run").addEventListener("click", () => newRun.open());
find("#demo").addEventListener("click", () => demo.open());

/** @type {Shortcut[]} */
const KEYS = [
  [" ", "pause or resume", () => controls.togglePause()],
  ["s", "stop", () => controls.stop()],
  ["c", "save a checkpoint", () => controls.saveCheckpoint()],
  ["1", "no display", () => setMode("headless")],
  ["2", "live", () => setMode("live")],
  ["3", "every move", () => setMode("every-move")],
  ["+", "faster", () => controls.changeSpeed(1)],
  ["-", "slower", () => controls.changeSpeed(-1)],
  ["t", "show action values", () => app.setActionValues(!app.showsActionValues)],
  ["n", "new run", () => newRun.open()],
  ["d", "demo", () => demo.open()],
  ["r", "choose a run", () => picker.open()],
  ["l", "log scale", () => charts.toggleLog()],
];
/** @type {HelpEntry[]} */
const chartNumbers = CHART_SPECS.map(({ title, help }) => [title, help]);
initPage({ keys: KEYS, numbers: [...NUMBERS, ...chartNumbers], others: [CHART_KEYS] });

if (readStorage(ACTION_VALUES_KEY) === "on") app.setActionValues(true);
const again = valueInHash("again/");
if (location.hash === "#new" || again) newRun.open(again ?? undefined);
gamePanel.show(null);
showStatus(app);
app.refresh();
