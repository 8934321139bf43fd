// @ts-check
// The analysis board of one game. The hash of the address names the position, the advisor, and a fumen if it is one.

import { nameInPath, pageUrl } from "../common/address.js";
import { agentOptions } from "../common/agent-options.js";
import { BoardCanvas, ROWS_ABOVE } from "../common/board.js";
import { find, findAll, findButton, findCanvas, findInput, findSelect, setAttribute, setText } from "../common/dom.js";
import { downloadBlob } from "../common/download.js";
import { formatClock, formatCount, formatPercent } from "../common/format.js";
import { initPage } from "../common/frame.js";
import { makeFilter } from "../common/list-filter.js";
import { attachMenu } from "../common/menus.js";
import { PieceQueue } from "../common/piece-queue.js";
import { pieceLetter } from "../common/pieces.js";
import { CHAMPION } from "../common/preview.js";
import { readStorage, writeStorage } from "../common/storage.js";
import { runAction, showToast } from "../common/toast.js";
import { Analysis } from "./analysis.js";
import { api } from "./api.js";
import { BestList, showVerdict } from "./best-list.js";
import { GameBoards } from "./boards.js";
import { Editor } from "./editor.js";
import { EvaluationGraph, mistakesText } from "./graph.js";
import { OpponentBoard } from "./opponent.js";
import { boardAfter } from "./place.js";

const MODES = new Map([
  ["sprint", "Sprint"],
  ["marathon", "Marathon"],
  ["free", "Free game"],
  ["position", "Position"],
]);
const POSITION_PAGE = "position"; // shows the fumen of the hash, or an empty board
const STORAGE_KEY = "tetrarium-advisor";
const LARGE_STEP = 10;
const PLAYED_ON = 200; // pieces
const JOB_POLL_MS = 250;
const MAX_FRAME_MS = 250; // a longer frame does not skip pieces
const GAME_OVER = "The game ended here; nobody can play on.";
const ADDRESS_MS = 250; // browsers refuse more frequent changes of the address

const game = nameInPath();
const isPosition = game === POSITION_PAGE;
const hash = new URLSearchParams(location.hash.slice(1));
const fumen = isPosition ? (hash.get("f") ?? "") : "";
let position = Math.max(0, Math.trunc(Number(hash.get("p")) || 0));
let advisor = hash.get("advisor") ?? readStorage(STORAGE_KEY) ?? CHAMPION;
let end = 0;
let isLost = false;
/** @type {number[]} */
let seconds = [];
/** @type {import("./api.js").Candidate | null} */
let followed = null; // the placement whose continuation is shown
let analysis = new Analysis();
/** @type {OpponentBoard | null} */
let opponent = null;
let playing = { frame: 0, at_ms: 0, exact: 0 };
let addressTimer = 0;
let writtenAt_ms = -Infinity;

const board = new BoardCanvas(findCanvas("#board"), { flashes: false });
const next = new PieceQueue(findCanvas("#next"), { slots: 5, label: "Next", none: "not shown" });
const hold = new PieceQueue(findCanvas("#hold"), { slots: 1, label: "Hold", none: "empty" });
const scrub = findInput("#scrub");
const graph = new EvaluationGraph(findCanvas("#graph"), seek);
const best = new BestList(find("#best"), (candidate) => {
  followed = candidate;
  show();
});
const editor = new Editor(/** @type {HTMLFormElement} */ (find("#editor")), findCanvas("#board"), {
  onChange: show,
  onAsk: openSetUp,
  onPlay: ({ fumen: made, game: id }) => location.assign(playUrl(made ?? id ?? "", 0)),
});
const boards = makeBoards();

function makeBoards() {
  return new GameBoards(isPosition ? { fumen } : { game }, (error) => {
    if (error) showFailure(error.message);
    else {
      find("#game-error").hidden = true;
      if (isPosition) setEnd(boards.end);
      show();
    }
  });
}

/** @param {string} message */
function showFailure(message) {
  setText(find("#game-error"), message);
  find("#game-error").hidden = false;
}

/** @param {number} last number of the last position */
function setEnd(last) {
  end = last;
  scrub.max = String(end);
  scrub.disabled = end === 0;
  setAttribute(find("#game-body"), "data-single", end === 0);
  if (position > end) position = end;
}

/** @param {number} to */
function seek(to) {
  const target = Math.round(Math.min(end, Math.max(0, to)));
  if (target === position) return;
  position = target;
  followed = null;
  best.reset();
  show();
}

/** @param {number} by pieces */
function step(by) {
  pause();
  seek(position + by);
}

function pause() {
  cancelAnimationFrame(playing.frame);
  playing.frame = 0;
  setText(find("#play"), "Play");
}

function toggle() {
  if (playing.frame) {
    pause();
    return;
  }
  if (position >= end) seek(0);
  setText(find("#play"), "Pause");
  playing = { frame: requestAnimationFrame(advance), at_ms: performance.now(), exact: position };
}

/** @param {number} now_ms */
function advance(now_ms) {
  const elapsed_s = Math.min(MAX_FRAME_MS, now_ms - playing.at_ms) / 1000;
  playing.at_ms = now_ms;
  if (boards.at(position)) playing.exact += elapsed_s * Number(findSelect("#speed").value);
  if (Math.floor(playing.exact) !== position) seek(Math.floor(playing.exact));
  if (position >= end) pause();
  else playing.frame = requestAnimationFrame(advance);
}

/** @param {1 | -1} direction */
function stepToMistake(direction) {
  pause();
  const ahead = (analysis.state?.graph.mistakes ?? []).filter((k) => (k - position) * direction > 0);
  if (ahead.length) seek(direction > 0 ? Math.min(...ahead) : Math.max(...ahead));
}

/** Shows the position with everything that is known of it; what is not loaded yet follows by itself. */
function show() {
  const shown = boards.at(position);
  const analyzed = editor.isOpen ? null : analysis.at(position);
  if (shown) showBoard(shown, analyzed);
  else if (editor.isOpen) showBoard({ ...EMPTY_BOARD }, null);
  if (Number(scrub.value) !== position) scrub.value = String(position);
  setAttribute(scrub, "aria-valuetext", `piece ${formatCount(position)} of ${formatCount(end)}`);
  setText(find("#piece-number"), `${formatCount(position)} of ${formatCount(end)}`);
  find("#time-part").hidden = !seconds.length;
  if (seconds.length) setText(find("#time"), formatClock(position ? (seconds[position - 1] ?? 0) : 0));
  showPlayHere();
  opponent?.show(position);
  graph.show(analysis.state, position);
  best.show(analyzed, shown?.width ?? 10);
  find("#best-empty").hidden = Boolean(analyzed);
  const isOver = position >= (analysis.state?.n_positions || Infinity);
  setText(find("#best-empty"), isOver ? "The game ended here." : "Not analyzed yet.");
  showVerdict(find("#verdict"), analyzed, shown?.width ?? 10);
  const mistakes = analysis.state?.graph.mistakes ?? [];
  findButton("#previous-mistake").disabled = !mistakes.some((k) => k < position);
  findButton("#next-mistake").disabled = !mistakes.some((k) => k > position);
  addressTimer ||= setTimeout(writeHash, Math.max(0, writtenAt_ms + ADDRESS_MS - performance.now()));
}

/**
 * Returns the address at which a person plays on from a position.
 *
 * @param {string} of id of a game, or a fumen
 * @param {number} number of the position
 */
const playUrl = (of, number) => `${pageUrl("play")}#continue/${encodeURIComponent(`${of}:${number}`)}`;

/** Leads to a person's game from the position, or says why there is none. */
function showPlayHere() {
  const link = find("#play-here");
  const isOver = isLost && position === end;
  link.hidden = editor.isOpen;
  setAttribute(link, "href", isOver ? null : playUrl(isPosition ? fumen : game, position));
  setAttribute(link, "role", isOver ? "link" : null);
  setAttribute(link, "aria-disabled", isOver ? "true" : null);
  setAttribute(link, "title", isOver ? GAME_OVER : "Play yourself from this position, under its rules");
}

const EMPTY_BOARD = { width: 10, height: 20, cells: "", queue: [], held: null, lines: 0, ghost: [], cleared: [] };

/**
 * @param {import("./boards.js").GameBoard} shown
 * @param {import("./api.js").PositionAnalysis | null} analyzed
 */
function showBoard(shown, analyzed) {
  const { width, height, queue, held } = shown;
  const player = find("#player");
  const size = editor.isOpen ? { width: editor.width, height: editor.height } : { width, height };
  player.style.setProperty("--columns", String(size.width));
  player.style.setProperty("--rows", String(size.height + ROWS_ABOVE));
  const common = { width, height, is_still: true, game: 1, step: position, pieces_game: position };
  if (editor.isOpen) {
    const cursor = editor.cursor.length ? { cells: editor.cursor } : null;
    board.show({ ...common, ...size, cells: editor.cells, queue: [], advice: cursor });
  } else if (followed) {
    const cells = boardAfter(shown.cells, width, [followed, ...followed.ahead]);
    board.show({ ...common, cells, queue: [] });
  } else {
    const advised = analyzed?.best[0];
    const isSame = advised && advised.cells.join() === [...shown.ghost].sort((a, b) => a - b).join();
    const advice = advised && !isSame ? { cells: advised.cells } : null;
    const piece = analyzed?.played?.piece;
    const current = piece === undefined ? queue : [piece, ...queue.slice(1)];
    board.show({ ...common, cells: shown.cells, queue: current, ghost: shown.ghost, advice });
  }
  next.show(queue.slice(1).map(pieceLetter));
  hold.show([pieceLetter(held)]);
  setText(find("#lines"), formatCount(shown.lines));
  setText(find("#board-note"), noteOf(shown, analyzed));
  setAttribute(findCanvas("#board"), "aria-label", `Board after ${formatCount(position)} pieces`);
  setAttribute(player, "data-shown", position);
}

/**
 * @param {import("./boards.js").GameBoard} shown
 * @param {import("./api.js").PositionAnalysis | null} analyzed
 */
function noteOf(shown, analyzed) {
  if (editor.isOpen) return "Paint the cells.";
  if (followed) return `${advisor} plays on: ${1 + followed.ahead.length} pieces later.`;
  if (isLost && position === end) return GAME_OVER;
  const parts = shown.ghost.length ? ["outline: played"] : [];
  if (analyzed?.best.length && analyzed.rank !== 1) parts.push(`broken line: best by ${advisor}`);
  return parts.join(" · ");
}

function writeHash() {
  clearTimeout(addressTimer);
  addressTimer = 0;
  writtenAt_ms = performance.now();
  const values = new URLSearchParams();
  if (fumen) values.set("f", fumen);
  if (position) values.set("p", String(position));
  values.set("advisor", advisor);
  history.replaceState(null, "", `#${values}`);
}

function analyze() {
  analysis.close();
  analysis = new Analysis();
  analysis.on("change", (state) => {
    showProgress(state);
    show();
  });
  analysis.on("positions", show);
  analysis.on("failed", (message) => {
    setText(find("#analysis-error"), message);
    setText(find("#progress"), "");
  });
  setText(find("#analysis-error"), "");
  setText(find("#summary"), "");
  setText(find("#progress"), "Starting …");
  analysis.start({ game: isPosition ? fumen : game, advisor, first: position });
  show();
}

/** @param {import("./api.js").AnalysisState} state */
function showProgress(state) {
  const { n_positions: n, n_valued: nValued, n_played: nPlayed, n_ahead: nAhead } = state;
  const { mistakes, drop } = state.graph;
  const isDone = state.state === "finished";
  const share = n && nValued < n ? `${formatPercent(nValued / n)} valued` : `${formatPercent(nAhead / n)} played on`;
  setText(find("#progress"), isDone ? "" : n ? share : "Starting …");
  const nBest = drop.filter((value) => value !== null && value <= 0).length;
  const summary = nPlayed ? `${formatPercent(nBest / nPlayed)} without loss · ${mistakesText(mistakes.length)}` : "";
  setText(find("#summary"), summary);
}

/** @param {import("./api.js").SetUp} made */
function openSetUp({ fumen: made, game: id }) {
  const values = new URLSearchParams(made ? { f: made, advisor } : { advisor });
  location.href = `${pageUrl("games", id ?? POSITION_PAGE)}#${values}`;
}

/**
 * @param {string} text
 * @param {string} what
 */
async function copy(text, what) {
  await navigator.clipboard.writeText(text);
  showToast(`${what} copied.`);
}

async function currentFumen() {
  return isPosition ? fumen : (await api.fumen(game, position)).fumen;
}

/**
 * @param {string} kind
 * @param {number} nPieces
 */
async function saveAnimation(kind, nPieces) {
  const first = Math.min(position, Math.max(0, end - 1));
  const speed = Math.max(1, Number(findSelect("#speed").value));
  const response = await fetch(api.animationUrl(game, { kind, first, n_pieces: nPieces, speed }));
  if (!response.ok) throw new Error((await response.json().catch(() => null))?.error ?? "It was not rendered.");
  const file = `${game.replace("~", "-")}.${kind}`;
  downloadBlob(await response.blob(), file);
  showToast(`Saved as ${file}: ${formatCount(Math.min(nPieces, end - first))} pieces from here.`);
}

/** Has the advisor play on from the position, and opens the new game there. */
async function playOn() {
  let job = await api.playOn(game, { agent: advisor, first: position, max_pieces: PLAYED_ON });
  while (!["finished", "failed", "crashed", "canceled"].includes(job.state)) {
    await new Promise((done) => setTimeout(done, JOB_POLL_MS));
    job = await api.job(job.id);
  }
  if (job.state !== "finished") throw new Error(job.message);
  const name = String(/** @type {any} */ (job.result)?.game);
  location.href = `${pageUrl("games", name)}#${new URLSearchParams({ p: String(position), advisor })}`;
}

/** @param {KeyboardEvent} event */
function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target instanceof Element && event.target.closest('select, input[type="text"], textarea')) return;
  const by = event.shiftKey ? LARGE_STEP : 1;
  /** @type {Record<string, () => void>} */
  const actions = {
    ArrowLeft: () => step(-by),
    ArrowRight: () => step(by),
    Home: () => step(-Infinity),
    End: () => step(Infinity),
  };
  if (!actions[event.key]) return;
  event.preventDefault();
  actions[event.key]();
}

async function loadAgents() {
  const select = findSelect("#advisor");
  const agents = (await api.agents()).filter(({ name }) => name !== "random");
  select.replaceChildren(...agentOptions(agents));
  find("#advisor-label").before(makeFilter("Find an advisor", select));
  if (!agents.some(({ name }) => name === advisor)) advisor = CHAMPION;
  select.value = advisor;
  select.addEventListener("change", () => {
    advisor = select.value;
    writeStorage(STORAGE_KEY, advisor);
    analyze();
  });
}

async function loadGame() {
  await loadAgents();
  if (isPosition) {
    setText(find("#game-title"), "Position");
    setText(find("#game-facts"), fumen ? "A fumen, analyzed under the guideline." : "Set up by hand.");
    for (const id of ["#play-on", "#animation"]) find(id).hidden = true;
    if (!fumen) {
      setEnd(0);
      editor.open(null);
      find("#copy-fumen").hidden = find("#edit").hidden = true;
      return;
    }
    show();
    analyze();
    return;
  }
  const facts = await api.facts(game);
  seconds = facts.seconds;
  const title = MODES.get(String(facts.about.mode)) ?? facts.title;
  setText(find("#game-title"), title);
  document.title = `${title} · tetrarium`;
  setText(find("#game-facts"), factsText(facts));
  setAttribute(find("#save-replay"), "href", api.replayUrl(game));
  setAttribute(find("#save-replay"), "download", `${game.replace("~", "-")}.tetris-replay`);
  find("#save-replay").hidden = false;
  isLost = facts.terminated && !facts.n_left_out;
  if (facts.about.opponent_game) opponent = new OpponentBoard(facts.about);
  setEnd(facts.pieces);
  show();
  analyze();
}

/** @param {import("./api.js").GameFacts} facts */
function factsText({ title, pieces, lines, terminated, by_keys: byKeys, n_left_out: nLeftOut, about, seconds: times }) {
  const parts = [`${formatCount(pieces)} pieces`, `${formatCount(lines)} lines`, ...(terminated ? ["lost"] : [])];
  parts.unshift(about.agent && !byKeys ? String(about.agent) : title);
  if (byKeys && times.length) parts.push(`${(pieces / times[times.length - 1]).toFixed(2)} pieces per second`);
  if (nLeftOut) parts.push(`the last ${formatCount(nLeftOut)} cannot be analyzed`);
  return parts.join(" · ");
}

find("#play").addEventListener("click", toggle);
find("#step-back").addEventListener("click", () => step(-1));
find("#step-forward").addEventListener("click", () => step(1));
find("#previous-mistake").addEventListener("click", () => stepToMistake(-1));
find("#next-mistake").addEventListener("click", () => stepToMistake(1));
scrub.addEventListener("input", () => {
  pause();
  seek(Number(scrub.value));
});
find("#copy-link").addEventListener("click", () => {
  writeHash();
  runAction(null, null, () => copy(location.href, "Link"));
});
find("#copy-fumen").addEventListener("click", () =>
  runAction(null, null, async () => copy(await currentFumen(), "Fumen")),
);
find("#edit").addEventListener("click", () => {
  pause();
  editor.open(boards.at(position));
});
attachMenu(find("#save-animation"), find("#animation-menu"));
for (const choice of findAll("#animation-menu button")) {
  choice.addEventListener("click", () =>
    runAction(find("#save-animation"), "Rendering…", () =>
      saveAnimation(choice.dataset.kind ?? "gif", Number(choice.dataset.pieces)),
    ),
  );
}
find("#play-on").addEventListener("click", ({ currentTarget }) =>
  runAction(/** @type {Element} */ (currentTarget), "Playing…", playOn),
);
document.addEventListener("keydown", press);
window.addEventListener("hashchange", ({ newURL }) => {
  writtenAt_ms = Infinity; // the address is that of what is shown next
  clearTimeout(addressTimer);
  history.replaceState(null, "", newURL);
  location.reload();
});
window.addEventListener("pagehide", () => analysis.close());
window.addEventListener("pageshow", ({ persisted }) => {
  if (persisted && (fumen || !isPosition)) analyze();
});

initPage({
  keys: [
    [" ", "play and pause", toggle],
    ["n", "next mistake", () => stepToMistake(1)],
    ["b", "previous mistake", () => stepToMistake(-1)],
  ],
  others: [["← → Home End", "step by one piece, with Shift by ten, and to both ends"]],
  numbers: [
    ["Value", "What the advisor expects of a placement, in its own unit; only differences between placements compare."],
    ["Lost", "Value of the best placement minus that of the played one."],
    ["Mistake", "A placement that loses at least a quarter of what usually lies between the best and the middle one."],
  ],
});
loadGame().catch((error) => {
  showFailure(error.message);
  if (isPosition) return;
  setText(find("#game-title"), "No game");
  find("#game-body").hidden = find(".page-head .buttons").hidden = true;
});
