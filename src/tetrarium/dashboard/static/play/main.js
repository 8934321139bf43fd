// @ts-check
// The page on which people play: connects keys, game, options and view.

import { valueInHash } from "../common/address.js";
import { find, findButton, findDialog, setText } from "../common/dom.js";
import { formatClock, formatCount } from "../common/format.js";
import { initPage } from "../common/frame.js";
import { CHAMPION, Preview } from "../common/preview.js";
import { showStatusLine } from "../common/status-line.js";
import { announce, runAction, showToast } from "../common/toast.js";
import { api } from "./api.js";
import { Game } from "./game.js";
import { GameView } from "./game-view.js";
import { isFocusOnGame, Keyboard } from "./keyboard.js";
import { KeysPanel } from "./keys-panel.js";
import { Options } from "./options.js";
import { resultOf } from "./result.js";
import { analysisUrl, showSavedGames } from "./saved-games.js";
import { keyName, readKeyboardLayout, Settings } from "./settings.js";

/** @typedef {import("./game.js").OptionChanges} OptionChanges */

/** @type {Record<string, string>} */
const PHASE_LABELS = {
  none: "No game",
  starting: "Starting",
  preparing: "Preparing",
  ready: "Ready",
  playing: "Playing",
  paused: "Paused",
  "game-over": "Game over",
  finished: "Finished",
  lost: "Connection lost",
  failed: "Failed",
  crashed: "Crashed",
  stopped: "Ended",
};
/** @type {Record<string, string>} */
const STATUS_OF_PHASE = { playing: "running", "game-over": "stopped", ready: "paused", preparing: "starting" };
const INTRODUCTION = "Sprint, marathon or free, by the guideline’s rules.";
const CONTINUED = /^(.+):(\d+)$/s; // in the address: a game or a fumen, and the number of the position
const SETTLE_MS = 120; // after which options count as at rest and are sent
const [PLAY, RESUME] = [{ action: "Play" }, { action: "Resume" }];

const settings = new Settings();
const game = new Game(settings);
const view = new GameView(find("#content"));
const panel = new KeysPanel(findDialog("#settings-panel"), settings);
const options = new Options(find("#content"), settings, acceptOptions);
const keyboard = new Keyboard(find("#content"), settings, { onKey: press, onAction: runKeyAction });

/** @type {Preview | null} */
let preview = null; // plays until there is a game
const announced = { game: 0, pieces: 0, phase: "", refused: "" };

/** @param {unknown} error */
const showError = (error) => showToast(/** @type {Error} */ (error).message, { isError: true });
const focusPlayfield = () => find("#playfield").focus({ preventScroll: true });
const openKeysPanel = () => panel.open(focusPlayfield);

/**
 * @param {string} key
 * @param {boolean} isDown
 * @param {number} at seconds since 1970
 */
function press(key, isDown, at) {
  if (game.id && (game.phase === "ready" || game.phase === "playing")) {
    const number = game.press(key, isDown, at);
    if (isDown) find("#playfield").dispatchEvent(new CustomEvent("pressed", { detail: { number, at } }));
  } else if (isDown && game.phase === "none" && key === "hard drop") startNew();
}

/** @param {import("./keyboard.js").PageAction} action */
function runKeyAction(action) {
  if (action === "again") startNew();
  else if (game.isPlaying) runAction(null, null, () => game.pause());
  else if (game.phase === "paused") runAction(null, null, () => game.resume());
}

/**
 * Starts a new game and gives it the keys.
 *
 * @param {OptionChanges} [changes] for this game alone
 */
function startNew(changes) {
  focusPlayfield();
  if (matchMedia("(max-width: 699px)").matches) find("#content").scrollIntoView({ block: "start" });
  keyboard.releaseAll();
  return runAction(null, null, async () => {
    await game.startNew(changes);
    options.showNote("");
  });
}

/**
 * Applies changed options: at once where possible, else to the next game.
 *
 * @param {boolean} isForNextGame
 */
function acceptOptions(isForNextGame) {
  if (!game.id || game.phase === "none") return;
  if (!isForNextGame) {
    const { pace, advice } = settings.game;
    changeSoon({ pace, advice });
  } else if (game.shown?.pieces_game === 0 && game.phase === "ready") {
    runAction(null, null, () => game.startNew());
  } else {
    const keys = view.hasTouchKeys ? "" : `${newGameKey()} or `;
    options.showNote(`Applies to the next game: press ${keys}New game.`);
  }
}

let changeTimer = 0;
/** @type {OptionChanges} */
let pendingChanges = {};

/**
 * Sends changes to the current game once the form is at rest.
 *
 * @param {OptionChanges} changes
 */
function changeSoon(changes) {
  Object.assign(pendingChanges, changes);
  clearTimeout(changeTimer);
  changeTimer = setTimeout(() => {
    const values = pendingChanges;
    pendingChanges = {};
    runAction(null, null, () => game.change(values));
  }, SETTLE_MS);
}

/** Shows the message over the board for each phase. */
function showBoardMessage() {
  const { phase, shown } = game;
  if (phase === "game-over" || phase === "finished") {
    if (shown) showEnd(shown);
  } else {
    view.showMessage(...messageOf(phase));
  }
  view.setPlaying(phase === "playing");
  view.setStale(!["playing", "ready", "none"].includes(phase));
}

/**
 * @param {string} phase
 * @returns {[title: string, text?: string, options?: import("./game-view.js").MessageOptions]}
 */
function messageOf(phase) {
  switch (phase) {
    case "none":
      return ["Play", game.error || INTRODUCTION, PLAY];
    case "starting":
      return ["Starting…", "The game is being started."];
    case "preparing":
      return ["Preparing", game.shown?.message];
    case "ready":
      return ["Ready", readyText()];
    case "paused":
      return ["Paused", pausedText(), RESUME];
    case "lost":
      return ["Connection lost", "Reconnecting. Your game waits."];
    case "failed":
      return ["Failed", game.error, PLAY];
    case "stopped":
    case "crashed":
      return ["Ended", "The game was not used for a while. Your finished games are saved.", PLAY];
    default:
      return [""];
  }
}

const readyText = () =>
  view.hasTouchKeys ? "Your first key or a button below starts the game." : "Your first key starts the game.";

const pausedText = () =>
  view.hasTouchKeys
    ? "Nothing is lost. New game starts another one."
    : `${keyName(settings.keys.pause[0])} or Esc resumes, ${newGameKey()} starts a new game.`;

const newGameKey = () => keyName(settings.keys.again[0]);

/** @param {HumanGameShown} shown */
function showEnd(shown) {
  const isFinished = shown.phase === "finished";
  const isSprint = shown.mode === "sprint" && isFinished;
  const pace = shown.seconds > 0 ? (shown.pieces_game / shown.seconds).toFixed(2) : "0";
  /** @type {[string, string][]} */
  const figures = [
    ["Score", formatCount(shown.score_game)],
    ["Lines", formatCount(shown.lines_game)],
    ["Level", formatCount(shown.level)],
    ["Pieces", formatCount(shown.pieces_game)],
    ["Pieces/s", pace],
    ["Time", formatClock(shown.seconds, 3)],
  ];
  const goal = isSprint ? formatClock(shown.seconds, 3) : `${formatCount(shown.goal_lines)} lines`;
  const [title, reason] = resultOf(shown) ?? [isFinished ? goal : "Game over", ""];
  view.showMessage(title, shown.message || reason, {
    action: view.hasTouchKeys ? "New game" : `New game (${newGameKey()})`,
    figures,
    file: shown.saved_as ? api.replayUrl(shown.saved_as) : null,
    analysis: shown.saved_as ? analysisUrl(shown.saved_as) : null,
  });
}

function showStatus() {
  const { phase, shown } = game;
  const isGame = shown !== null && phase !== "none" && phase !== "starting";
  const text = isGame ? `${shown.mode} · seed ${shown.seed}` : "";
  showStatusLine(STATUS_OF_PHASE[phase] ?? phase, PHASE_LABELS[phase] ?? "", text);
  findButton("#new-game").disabled = phase === "starting" || phase === "preparing" || phase === "game-over";
  const pause = findButton("#pause");
  pause.disabled = phase !== "playing" && phase !== "paused";
  setText(pause, phase === "paused" ? "Resume" : "Pause");
  options.showSeed(isGame ? shown.seed : undefined);
}

/**
 * Announces scores and phases to screen readers, and shows refused agents.
 *
 * @param {HumanGameShown} shown
 */
function announceChanges(shown) {
  if (shown.game !== announced.game || shown.clear_label_pieces !== announced.pieces) {
    Object.assign(announced, { game: shown.game, pieces: shown.clear_label_pieces });
    if (shown.clear_label.length) announce(shown.clear_label.join(", "));
  }
  if (shown.phase !== announced.phase) {
    announced.phase = shown.phase;
    announcePhase(shown);
  }
  const refused = [shown.opponent, shown.advice].flatMap((part) => (part?.state === "refused" ? [part.message] : []));
  const message = refused.join(" ");
  if (message && message !== announced.refused) showToast(message, { isError: true });
  announced.refused = message;
}

/** @param {HumanGameShown} shown */
function announcePhase(shown) {
  const { phase, score_game, lines_game, seconds } = shown;
  if (phase === "ready") announce(`Ready. ${readyText()}`);
  if (phase === "paused") announce("Paused.");
  if (phase !== "game-over" && phase !== "finished") return;
  const figures = `${formatCount(score_game)} points, ${formatCount(lines_game)} lines, ${formatClock(seconds)}.`;
  const result = resultOf(shown)?.join(". ") ?? `${PHASE_LABELS[phase]}.`;
  announce(`${result} ${figures}`);
  keyboard.releaseAll();
}

let shownPhase = "";
let shownReplay = "";

function showAll() {
  const { phase, shown } = game;
  showStatus();
  showBoardMessage();
  if (phase !== "none") preview?.close();
  shownPhase = phase;
  if (!shown || shown.saved_as === shownReplay) return;
  shownReplay = shown.saved_as;
  if (shownReplay) showSavedGames().catch(showError);
}

function showKeys() {
  /** @type {[action: string, label: string][]} */
  const listed = [
    ["left", "left"],
    ["right", "right"],
    ["clockwise", "rotate"],
    ["soft drop", "soft drop"],
    ["hard drop", "hard drop"],
    ["hold", "hold"],
  ];
  const texts = listed.map(([action, label]) => `${keyName(settings.keys[action][0])} ${label}`);
  setText(find("#playfield-keys"), `${texts.join(" · ")}.`);
  showBoardMessage();
}

/** Pauses a game that keys no longer reach. */
function leaveGame() {
  keyboard.releaseAll();
  if (game.isPlaying) game.pause().catch(() => {}); // without a connection the server pauses it
}

game.on("change", showAll);
game.on("shown", (shown) => {
  view.show(shown);
  announceChanges(shown);
  if (game.phase !== shownPhase || shown.saved_as !== shownReplay || game.phase === "preparing") showAll();
  else showStatus();
});
game.on("opponent", (board) => view.showOpponent(board));
game.on("refused", (message) => showToast(message, { isError: true }));
settings.on("change", (part) => {
  if (part === "handling") changeSoon({ handling: { ...settings.handling } });
  if (part === "keys") showKeys();
});
window.addEventListener("blur", leaveGame);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) leaveGame();
});
document.addEventListener("focusin", ({ target }) => {
  const isTouch = target instanceof Element && target.closest("#touch");
  if (game.isPlaying && !isFocusOnGame() && !isTouch) leaveGame();
});

find("#message-action").addEventListener("click", () => {
  if (game.phase === "paused") {
    focusPlayfield();
    runKeyAction("pause");
  } else startNew();
});
find("#new-game").addEventListener("click", () => startNew());
find("#replay-seed").addEventListener("click", () => startNew({ seed: game.shown?.seed }));
find("#pause").addEventListener("click", () => {
  const isPaused = game.phase === "paused";
  runKeyAction("pause");
  if (isPaused) focusPlayfield();
});
find("#touch-pause").addEventListener("click", () => runKeyAction("pause"));
find("#settings").addEventListener("click", openKeysPanel);
find("#playfield").addEventListener("pointerdown", focusPlayfield);

initPage({
  keys: [["k", "keys and repeats", openKeysPanel]],
  others: [
    ["← → ↑ ↓", "play; all keys can be set under Keys"],
    ["P Esc", "pause and resume"],
    ["R", "new game"],
  ],
  numbers: [
    ["Back-to-back", "A Tetris or T-spin right after another one, with no other line clear in between, scores 1.5×."],
    ["Combo", "Placements that clear lines one after the other; each adds 50 points more than the one before."],
    ["Perfect clear", "A line clear that leaves the board empty."],
    ["Advice", "The advisor's placement of this piece, drawn with a broken line; the number is its action value."],
  ],
});
readKeyboardLayout().then(showKeys);
showAll();
options.loadAgents().catch(showError);
showSavedGames().catch(showError);
game
  .restore()
  .catch(showError)
  .then(() => {
    const [, start, pieces] = CONTINUED.exec(valueInHash("continue/") ?? "") ?? [];
    if (start) {
      history.replaceState(null, "", location.pathname);
      startNew({ start, start_pieces: Number(pieces) || 0 });
      return;
    }
    if (game.phase !== "none") return;
    preview = new Preview({ agent: CHAMPION });
    preview.on("board", (board) => {
      if (game.phase === "none") view.showPreview(board);
    });
  });
