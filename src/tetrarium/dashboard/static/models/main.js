// @ts-check
// The page of models: connects its views, which the address names: #leaderboard, #side, #wall, #trash.

import { find, findAll, findDialog, findInput, make, setAttribute } from "../common/dom.js";
import { formatCount } from "../common/format.js";
import { initPage } from "../common/frame.js";
import { Suggestions } from "../common/list-filter.js";
import { LiveSocket } from "../common/live-socket.js";
import { readMeta } from "../common/meta.js";
import { CHAMPION, PreviewBoard } from "../common/preview.js";
import { showToast } from "../common/toast.js";
import { Trash } from "../common/trash.js";
import { api } from "./api.js";
import { FileImport } from "./file-import.js";
import { Jobs, showActiveJobs, showJobEnds } from "./jobs.js";
import { Leaderboard } from "./leaderboard.js";
import { SavePanel } from "./save-panel.js";
import { SideBySide } from "./side-by-side.js";
import { Wall } from "./wall.js";

/** @typedef {"leaderboard" | "side" | "wall" | "trash"} ViewName */

/**
 * @typedef {object} ModelsPage
 * @property {Jobs} jobs
 * @property {() => Promise<void>} onChange called after models have changed
 * @property {(view: "side" | "wall", agents: string[]) => void} open opens a view with these agents
 */

/** @type {ViewName[]} */
const VIEWS = ["leaderboard", "side", "wall", "trash"];
const CHANGING_JOBS = ["evaluate", "save", "import"];

const socket = new LiveSocket();
const jobs = new Jobs();
showActiveJobs(jobs, find("#jobs"));
const content = find("#content");
const leaderboard = new Leaderboard(content, { jobs, onChange: reload, open: openWith });
const side = new SideBySide(content, socket, jobs);
const wall = new Wall(content, socket);
const trash = new Trash(
  content,
  {
    list: api.trash,
    restore: ({ spec }) => api.restore(spec),
    empty: api.emptyTrash,
    nameOf: ({ spec }) => spec,
    cells: ({ step, note }) => [make("td", {}, formatCount(step)), make("td", { class: "text" }, note.split("\n")[0])],
    noun: ["version", "versions"],
    kept: "Evaluation scores are kept.",
  },
  reload,
);
const savePanel = new SavePanel(findDialog("#save-panel"), jobs);
const namingAgents = ["#side-agent", "#side-other-agent", "#wall-add"];
const suggestions = new Suggestions(
  find("#agents"),
  namingAgents.map((id) => findInput(id)),
);
const preview = new PreviewBoard(find("#models-preview"));
new FileImport(content, jobs);

/** @type {ViewName} */
let current = "leaderboard";
let hasOptions = false;
let isStale = false; // after a failed request or a lost connection

/** Loads everything that depends on models. */
async function reload() {
  await Promise.all([leaderboard.load(), trash.load(), loadAgents()]);
  showPreview();
}

function showPreview() {
  const isShown = current === "leaderboard" && !find("#no-models").hidden;
  preview.show(isShown ? { agent: CHAMPION } : null);
}

/** @param {ViewName} view */
function open(view) {
  location.hash = view;
  showView();
}

/**
 * @param {"side" | "wall"} view
 * @param {string[]} agents
 */
function openWith(view, agents) {
  open(view);
  (view === "side" ? side : wall).showAgents(agents);
}

function showView() {
  const named = location.hash.slice(1);
  current = VIEWS.find((view) => view === named) ?? "leaderboard";
  for (const view of VIEWS) find(`#view-${view}`).hidden = view !== current;
  for (const link of findAll(".views a")) {
    setAttribute(link, "aria-current", link.getAttribute("href") === `#${current}` ? "page" : null);
  }
  if (current !== "side") side.setVisible(false);
  if (current !== "wall") wall.setVisible(false);
  if (current === "side") side.setVisible(true);
  if (current === "wall") wall.setVisible(true);
  showPreview();
}

async function loadAgents() {
  const agents = await api.agents().catch(() => []);
  suggestions.show(agents);
}

async function load() {
  try {
    if (!hasOptions) {
      const [protocols, { limits }] = await Promise.all([api.protocols(), readMeta()]);
      hasOptions = true;
      leaderboard.setOptions(protocols, limits);
      side.setProtocols(protocols);
      wall.setOptions(protocols, limits);
    }
  } catch (error) {
    isStale = true;
    leaderboard.showError(error);
    return;
  }
  isStale = false;
  await reload();
}

socket.on("state", (state) => {
  if (state === "open" && isStale) load();
  isStale ||= state === "lost";
});
socket.on("refused", (message) => showToast(message, { isError: true }));
jobs.on("ended", ({ jobs: ended, others }) => {
  showJobEnds(others);
  if (ended.some(({ kind }) => CHANGING_JOBS.includes(kind))) reload();
});
window.addEventListener("hashchange", showView);
find("#save").addEventListener("click", () => savePanel.open());

const controls = () => (current === "side" ? side.controls : current === "wall" ? wall.controls : null);
const search = () => {
  open("leaderboard");
  find("#search").focus();
};
initPage({
  keys: [
    ["1", "leaderboard", () => open("leaderboard")],
    ["2", "side by side", () => open("side")],
    ["3", "wall", () => open("wall")],
    ["4", "trash", () => open("trash")],
    ["s", "save from a run", () => savePanel.open()],
    ["i", "import a file", () => find("#import").click()],
    ["/", "find a model", search],
    [" ", "pause or resume the demo", () => controls()?.togglePause()],
    ["g", "new game", () => controls()?.startNewGame()],
    ["+", "faster", () => controls()?.changeSpeed(1)],
    ["-", "slower", () => controls()?.changeSpeed(-1)],
  ],
  numbers: [
    [
      "Estimated lines per game",
      "All cleared rows divided by the games that ended, with the 95 % interval of the true mean.",
    ],
    ["Lost none", "No game was lost, so there is no estimate; such agents share the first place."],
    ["Truncated", "Share of games that reached the protocol's piece limit."],
    ["Median", "Half of the games have at most so many lines, truncated ones as played."],
    ["Pieces per second", "Speed during the evaluation, on the machine that ran it."],
  ],
});

showView();
load().then(() => {
  const query = new URLSearchParams(location.search);
  if (query.has("save")) savePanel.open(query.get("save"));
});
