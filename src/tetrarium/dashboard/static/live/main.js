// @ts-check
// The live page: connects its parts.

import { valueInHash } from "../common/address.js";
import { find, findDialog, setText } from "../common/dom.js";
import { downloadBlob, toCsv } from "../common/download.js";
import { stateLabel } from "../common/format.js";
import { CHART_KEYS, initPage } from "../common/frame.js";
import { LiveSocket } from "../common/live-socket.js";
import { attachMenu } from "../common/menus.js";
import { readMeta } from "../common/meta.js";
import { openLogPanel } from "../common/panels.js";
import { CHAMPION, CONTROLLER, Preview } from "../common/preview.js";
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
const LATE_MS = 1_000; // after which a run that starts is replaced on the board
const ACTIVE = ["starting", "running", "paused", "stopping"];
const BROKEN = ["failed", "crashed"];
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
const focusGame = () => find("#game").focus(); // the button that opened a panel would take the space bar
const gamePanel = new GamePanel(find("#game"));
const charts = new RunCharts(find("#charts"), app);
const newRun = new NewRunPanel(findDialog("#new-run-panel"), app, focusGame);
const demo = new DemoPanel(findDialog("#demo-panel"), app, focusGame);
const controls = new Controls(find("#content"), app, {
  newRun: () => newRun.open(),
  demo: () => demo.open(),
  log: openLog,
});
const picker = new RunPicker(find("#content"), app);
const demoGames = new DemoGames(find("#demo-games"));

let isLate = false; // whether what is watched has been so for a while
let lateTimer = 0;
/** @type {{ agent: string, preview: Preview, hasBoard: boolean } | null} */
let substitute = null; // plays on the board of a run that shows none

/**
 * Lets an agent play in place of a run; null ends that.
 *
 * @param {string | null} agent
 */
function setSubstitute(agent) {
  if (agent === (substitute?.agent ?? null)) return;
  substitute?.preview.close();
  substitute = null;
  gamePanel.show(app.board);
  if (agent === null) return;
  const started = { agent, preview: new Preview({ agent }), hasBoard: false };
  substitute = started;
  started.preview.on("board", (board) => {
    if (substitute !== started) return;
    gamePanel.show(board);
    if (started.hasBoard) return;
    started.hasBoard = true;
    showBoardMessage();
  });
}

/** Returns the agent that plays while the watched run shows no board of its own, or null. */
function findSubstitute() {
  const { view, control, board, run, isCompiling } = app;
  if (view?.kind !== "run") return null;
  const isSound = !BROKEN.includes(view.state); // otherwise its checkpoint may be the reason
  const trained = isSound && run?.checkpoints.length ? run.name : CHAMPION;
  const isDue = isLate && !(view.state === "finished" && board); // one that finishes now plays on as a demo
  if (!ACTIVE.includes(view.state)) return isDue ? trained : null;
  if ((view.place || control.mode === "no-display") && !isCompiling && view.state !== "starting") return trained;
  return !board && isLate ? CONTROLLER : null;
}

/** Shows a message over the board where there is none, or one that is not the watched one or out of date. */
function showBoardMessage() {
  const { view, control, board, isCompiling, connection } = app;
  setSubstitute(findSubstitute());
  const isActive = view !== null && ACTIVE.includes(view.state);
  const isAside = substitute?.hasBoard ?? false;
  const meanwhile = isAside ? ` ${playerName(substitute?.agent)} plays meanwhile.` : "";
  gamePanel.setStale(connection === "lost" || !(isAside || (board && isActive && !substitute)));
  if (connection === "lost") {
    gamePanel.showMessage("Connection lost", "Reconnecting. An active run continues meanwhile.");
  } else if (!view) {
    gamePanel.showMessage(app.runs ? "No run yet" : "Loading…", app.runs ? "The game appears here." : "");
  } else if (isCompiling) {
    const text = `The first start on this machine compiles the engine, which takes some seconds.${meanwhile}`;
    gamePanel.showMessage("Preparing", text, null, isAside);
  } else if (view.state !== "starting" && isActive && view.place) {
    const text = `Its curves and checkpoints appear after each piece of training.${meanwhile}`;
    gamePanel.showMessage(`${view.state === "paused" ? "Paused" : "Training"} on ${view.place}`, text, null, isAside);
  } else if (view.state !== "starting" && isActive && view.kind === "run" && control.mode === "no-display") {
    const action = { label: "Show it live", run: () => controls.setMode("live") };
    const does = view.state === "paused" ? "is paused" : "trains at full speed";
    gamePanel.showMessage("No display", `The run ${does}.${meanwhile}`, action, isAside);
  } else if (view.state === "starting" || (isActive && !board)) {
    const title = view.state === "starting" ? "Starting…" : "Loading…";
    gamePanel.showMessage(title, meanwhile.trim(), null, isAside);
  } else if (!isActive && (!board || isAside)) {
    const next = view.kind === "run" ? NEXT_ACTIONS[view.state] : "Start a new demo.";
    gamePanel.showMessage(stateLabel(view.state), `${next}${meanwhile}`, null, isAside);
  } else {
    gamePanel.showMessage("");
  }
}

/** @param {string | undefined} agent */
function playerName(agent) {
  if (agent === CHAMPION) return "The built-in champion";
  return agent === CONTROLLER ? "Dellacherie's controller" : "Its latest checkpoint";
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
  if (!substitute) gamePanel.show(app.board);
  if (app.board && app.view?.kind === "demo") {
    demoGames.follow(app.board);
    showTotals();
  }
  if (!find("#board-message").hidden) showBoardMessage();
});
app.on("target", () => {
  isLate = false;
  clearTimeout(lateTimer);
  lateTimer = setTimeout(() => {
    isLate = true;
    showBoardMessage();
  }, LATE_MS);
  setSubstitute(null);
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
  ["1", "no display", () => setMode("no-display")],
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
showAll();
app.refresh();
