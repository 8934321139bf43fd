// The page of models: joins its views, which the address names: #leaderboard, #side, #wall, #trash.

import { api } from "./api.js";
import { find, findAll, make, setAttribute, setText } from "../common/dom.js";
import { beginPage } from "../common/frame.js";
import { Importing } from "./importing.js";
import { JobList, Jobs, tellEnd } from "./jobs.js";
import { Leaderboard } from "./leaderboard.js";
import { LiveLink } from "../common/link.js";
import { SavePanel } from "./saving.js";
import { Side } from "./side.js";
import { say } from "../common/toast.js";
import { Trash } from "./trash.js";
import { Wall } from "./wall.js";

const VIEWS = ["leaderboard", "side", "wall", "trash"];
const link = new LiveLink();
const jobs = new Jobs();
new JobList(jobs, find("#jobs"));

const page = { jobs, link, changed, go, view: "leaderboard" };
let areProtocolsKnown = false;
let isStale = false; // whether something could not be read, or the connection was lost since
const leaderboard = new Leaderboard(page);
const side = new Side(page);
const wall = new Wall(page);
const trash = new Trash(page);
const saving = new SavePanel(page);
new Importing(page);
const views = { leaderboard, side, wall, trash };

/** Shows everything anew after models have changed. */
async function changed() {
  await Promise.all([leaderboard.load(), trash.load(), loadPlayers()]);
}

/** Shows a view; `players` are taken over into it. */
function go(view, players = null) {
  if (players) views[view].take(players);
  location.hash = view;
  showView();
}

function showView() {
  const named = location.hash.slice(1);
  page.view = VIEWS.includes(named) ? named : "leaderboard";
  for (const view of VIEWS) find(`#view-${view}`).hidden = view !== page.view;
  for (const anchor of findAll(".views a")) setAttribute(anchor, "aria-current", anchor.hash === `#${page.view}` ? "page" : null);
  for (const view of [side, wall]) view.isShown = false;
  if (views[page.view].isShown === false) views[page.view].isShown = true;
}

async function loadPlayers() {
  const policies = await api.policies().catch(() => []);
  find("#players").replaceChildren(...policies.map(({ name }) => make("option", { value: name })));
}

async function load() {
  try {
    if (!areProtocolsKnown) takeProtocols(await api.protocols());
  } catch (error) {
    isStale = true;
    leaderboard.fail(error);
    return;
  }
  isStale = false;
  await changed();
}

function takeProtocols(protocols) {
  areProtocolsKnown = true;
  for (const view of [leaderboard, side, wall]) view.takeProtocols(protocols);
}

async function begin() {
  const status = find("#status");
  link.addEventListener("link", ({ detail }) => {
    const isLost = detail === "lost";
    setAttribute(status, "data-state", isLost ? "lost" : "none");
    setText(find("#status-word"), isLost ? "Connection lost" : "");
    setText(find("#status-text"), isLost ? "coming back by itself" : "");
    if (detail === "open" && isStale) load();
    isStale ||= isLost;
  });
  link.addEventListener("refused", ({ detail }) => say(detail, { isError: true }));
  jobs.addEventListener("ended", ({ detail: { job, isAwaited } }) => {
    if (!isAwaited) tellEnd(job);
    if (["measure", "save", "import"].includes(job.kind)) changed();
  });
  window.addEventListener("hashchange", showView);
  showView();
  await load();
  const asked = new URLSearchParams(location.search);
  if (asked.has("save")) saving.open(asked.get("save"));
}

find("#save").addEventListener("click", () => saving.open());
const playing = () => ({ side, wall })[page.view]?.controls;
beginPage({
  keys: [
    ["1", "the leaderboard", () => go("leaderboard")],
    ["2", "side by side", () => go("side")],
    ["3", "the wall", () => go("wall")],
    ["4", "the trash", () => go("trash")],
    ["s", "save from a run", () => saving.open()],
    ["i", "import a file", () => find("#import").click()],
    ["/", "find a model", () => { go("leaderboard"); find("#search").focus(); }],
    [" ", "pause, resume what plays", () => playing()?.togglePause()],
    ["g", "new game", () => playing()?.beginAnew()],
    ["+", "faster", () => playing()?.changeSpeed(1)],
    ["-", "slower", () => playing()?.changeSpeed(-1)],
  ],
  numbers: [
    ["Lines a game", "All cleared rows by the games that ended, with the interval in which the true mean lies with 95 %."],
    ["At least", "Too few games ended to tell the mean: it lies above this with 95 %."],
    ["Cut off", "Share of games that were still running at the protocol's cut."],
    ["Median", "Half of the games have at most so many lines, as played up to the cut."],
    ["Pieces a second", "How quickly it played while it was measured, on the machine that measured it."],
  ],
});
begin();
