// The page of play: joins keys, game and stage.

import { find, setAttribute, setText } from "../common/dom.js";
import { beginPage } from "../common/frame.js";
import { act, announce, say } from "../common/toast.js";
import { count } from "../common/words.js";
import { api } from "./api.js";
import { Game } from "./game.js";
import { showKept } from "./kept.js";
import { Keyboard, areKeysForTheGame } from "./keyboard.js";
import { Options } from "./options.js";
import { SettingsPanel } from "./panel.js";
import { Settings, keyName, readLayout } from "./settings.js";
import { PlayStage } from "./stage.js";
import { clock } from "./words.js";

const WORDS = {
  none: "No game", starting: "Starting", preparing: "Getting ready", ready: "Ready", playing: "Playing", paused: "Paused",
  over: "Game over", finished: "Done", lost: "Connection lost", failed: "Failed", dead: "Died", stopped: "Ended",
};
const SETTLE_MS = 120; // a slider that is dragged tells its last place
const STATES = { playing: "running", over: "stopped", ready: "paused", preparing: "starting" };

const settings = new Settings();
const game = new Game(settings);
const stage = new PlayStage();
const panel = new SettingsPanel(settings);
const options = new Options(settings, changeGame);
const keyboard = new Keyboard(settings, { press, act: obey });

const announced = { game: 0, pieces: 0, phase: "", refused: "" };

function press(key, isDown, at) {
  if (game.id && ["ready", "playing"].includes(game.phase)) {
    const number = game.press(key, isDown, at);
    if (isDown) find("#field").dispatchEvent(new CustomEvent("pressed", { detail: { number, at } }));
  } else if (isDown && game.phase === "none" && key === "hard drop") begin();
}

function obey(action) {
  if (action === "again") act(null, null, () => begin());
  else if (game.isPlaying) act(null, null, () => game.pause());
  else if (game.phase === "paused") act(null, null, () => game.resume());
}

/** A new game, or the first one; the keys play then. */
function begin(changes) {
  find("#field").focus({ preventScroll: true });
  if (matchMedia("(max-width: 699px)").matches) find("#content").scrollIntoView({ block: "start" });
  keyboard.letGo();
  return act(null, null, async () => {
    await game.again(changes);
    options.note("");
  });
}

/** What was changed in the form: at once where that goes, else with the next game. */
function changeGame(isForNext) {
  if (!game.id || game.phase === "none") return;
  if (!isForNext) {
    const { pace, advice } = settings.game;
    changeSoon({ pace, advice });
  } else if (game.shown?.pieces_game === 0 && game.phase === "ready") {
    act(null, null, () => game.again());
  } else {
    options.note(`It counts from the next game on: ${keyName(settings.keys.again[0])}, or the button.`);
  }
}

let settle = 0;
let untold = {};

/** Tells the game under way what has changed, once nothing more does. */
function changeSoon(changes) {
  Object.assign(untold, changes);
  clearTimeout(settle);
  settle = setTimeout(() => {
    const values = untold;
    untold = {};
    act(null, null, () => game.change(values));
  }, SETTLE_MS);
}

const lineOfKeys = () => {
  const names = [["left", "left"], ["right", "right"], ["clockwise", "turn"], ["soft drop", "soft drop"], ["hard drop", "drop"], ["hold", "hold"]];
  return names.map(([action, word]) => `${keyName(settings.keys[action][0])} ${word}`).join(" · ");
};

/** Words over the board for each phase. */
function sayOverBoard() {
  const { phase, shown } = game;
  const again = keyName(settings.keys.again[0]);
  const pause = keyName(settings.keys.pause[0]);
  if (phase === "none") stage.say("Play", game.error || "Sprint, marathon or free, by the guideline’s rules.", { action: "Play" });
  else if (phase === "starting") stage.say("Starting", "The game comes up.");
  else if (phase === "preparing") stage.say("Getting ready", shown.message);
  else if (phase === "ready") stage.say("Ready", "Your first key begins the game.");
  else if (phase === "paused") stage.say("Paused", `${pause} or Escape goes on, ${again} begins anew.`, { action: "Go on" });
  else if (phase === "over" || phase === "finished") sayEnd(shown);
  else if (phase === "lost") stage.say("Connection lost", "It comes back by itself. Your game waits.");
  else if (phase === "failed") stage.say("Failed", game.error, { action: "Play" });
  else if (phase === "stopped" || phase === "dead") stage.say("Ended", "Nobody was here for a while. What you played is kept.", { action: "Play" });
  else stage.say("");
  stage.setPlaying(phase === "playing");
  stage.setStale(!["playing", "ready", "none", "starting"].includes(phase));
}

function sayEnd(shown) {
  const isSprint = shown.mode === "sprint" && shown.phase === "finished";
  const title = isSprint ? clock(shown.seconds, 3) : shown.phase === "finished" ? `${count(shown.goal_lines)} lines` : "Game over";
  const rate = shown.seconds > 0 ? (shown.pieces_game / shown.seconds).toFixed(2) : "0";
  const figures = [
    ["Score", count(shown.score_game)], ["Lines", count(shown.lines_game)], ["Level", count(shown.level)],
    ["Pieces", count(shown.pieces_game)], ["Pieces/s", rate], ["Time", clock(shown.seconds, 3)],
  ];
  stage.say(title, shown.message || winner(shown), {
    action: `Again (${keyName(settings.keys.again[0])})`, figures, file: shown.kept ? api.gameAddress(shown.kept) : null,
  });
}

function winner({ opponent, phase, lines_game }) {
  if (opponent?.state !== "ready") return "";
  if (phase === "finished") return opponent.finished ? `${opponent.what} was there first.` : `${opponent.what} has ${count(opponent.lines)} lines.`;
  const ahead = lines_game - opponent.lines;
  if (ahead === 0) return `As many lines as ${opponent.what}.`;
  const lines = `${count(Math.abs(ahead))} ${Math.abs(ahead) === 1 ? "line" : "lines"}`;
  return `${lines} ${ahead > 0 ? "ahead of" : "behind"} ${opponent.what}.`;
}

function showStatus() {
  const { phase, shown } = game;
  setAttribute(find("#status"), "data-state", STATES[phase] ?? phase);
  setText(find("#status-word"), WORDS[phase] ?? "");
  const isGame = shown && !["none", "starting"].includes(phase);
  setText(find("#status-text"), isGame ? `${shown.mode} · seed ${shown.seed}` : "");
  find("#again").disabled = phase === "starting" || phase === "preparing" || phase === "lost";
  const button = find("#pause");
  button.disabled = !["playing", "paused"].includes(phase);
  setText(button, phase === "paused" ? "Go on" : "Pause");
  options.showSeed(isGame ? shown.seed : undefined);
}

/** Says what happened to those who hear the page: scores and ends, not frames. */
function tellListeners(shown) {
  if (shown.game !== announced.game || shown.said_pieces !== announced.pieces) {
    Object.assign(announced, { game: shown.game, pieces: shown.said_pieces });
    if (shown.said.length) announce(shown.said.join(", "));
  }
  if (shown.phase !== announced.phase) {
    announced.phase = shown.phase;
    const end = `${count(shown.score_game)} points, ${count(shown.lines_game)} lines, ${clock(shown.seconds)}.`;
    const words = { ready: "Ready. Your first key begins the game.", paused: "Paused.", playing: "", preparing: "", over: `Game over. ${end}`, finished: `Done. ${end}` };
    if (words[shown.phase]) announce(words[shown.phase]);
    if (["over", "finished"].includes(shown.phase)) keyboard.letGo();
  }
  const refused = [shown.opponent, shown.advice].filter((part) => part?.state === "refused").map(({ message }) => message).join(" ");
  if (refused && refused !== announced.refused) say(refused, { isError: true });
  announced.refused = refused;
}

let seenPhase = "";
let seenKept = "";
function showAll() {
  showStatus();
  sayOverBoard();
  const { phase, shown } = game;
  seenPhase = phase;
  if (shown && shown.kept !== seenKept) {
    seenKept = shown.kept;
    if (seenKept) showKept().catch((error) => say(error.message, { isError: true }));
  }
}

game.addEventListener("change", showAll);
game.addEventListener("shown", () => {
  const { shown } = game;
  stage.show(shown);
  tellListeners(shown);
  if (game.phase !== seenPhase || shown.kept !== seenKept || game.phase === "preparing") showAll();
  else options.showSeed(shown.seed);
});
game.addEventListener("rival", ({ detail }) => stage.showRival(detail));
game.addEventListener("refused", ({ detail }) => say(detail, { isError: true }));
settings.addEventListener("change", ({ detail }) => {
  if (detail === "handling") changeSoon({ handling: settings.handling });
  if (detail === "keys") showKeys();
});

function showKeys() {
  setText(find("#field-keys"), `${lineOfKeys()}.`);
  sayOverBoard();
}

/** A game whose keys cannot reach it waits. */
function leave() {
  keyboard.letGo();
  if (game.isPlaying) game.pause().catch(() => {}); // without a connection it waits by itself
}

window.addEventListener("blur", leave);
document.addEventListener("visibilitychange", () => document.hidden && leave());
document.addEventListener("focusin", ({ target }) => {
  if (game.isPlaying && !areKeysForTheGame() && !target.closest("#touch")) leave();
});

find("#go").addEventListener("click", () => {
  if (game.phase === "paused") {
    find("#field").focus({ preventScroll: true });
    obey("pause");
  } else begin();
});
find("#again").addEventListener("click", () => begin());
find("#same").addEventListener("click", () => begin({ seed: game.shown.seed }));
find("#pause").addEventListener("click", () => {
  const isPaused = game.phase === "paused";
  obey("pause");
  if (isPaused) find("#field").focus({ preventScroll: true });
});
find("#touch-pause").addEventListener("click", () => obey("pause"));
find("#settings").addEventListener("click", () => panel.open(() => find("#field").focus({ preventScroll: true })));
find("#field").addEventListener("pointerdown", () => find("#field").focus({ preventScroll: true }));

beginPage({
  keys: [["k", "keys and repeats", () => panel.open(() => find("#field").focus({ preventScroll: true }))]],
  others: [["← → ↑ ↓", "play, and whatever you have set under Keys"], ["P Esc", "pause and go on"], ["R", "a new game"]],
  numbers: [
    ["Back-to-back", "A Tetris or a T-spin right after another one, with no plain line in between, is worth half as much again."],
    ["Combo", "Placements that clear lines one after the other; each adds 50 points more than the one before."],
    ["Perfect clear", "Nothing is left on the board."],
    ["Advice", "Where the one you chose would place this piece, drawn with a broken line; the number is its own value of it."],
  ],
});
readLayout().then(showKeys);
showAll();
options.readPolicies().catch((error) => say(error.message, { isError: true }));
showKept().catch((error) => say(error.message, { isError: true }));
game.find().catch((error) => say(error.message, { isError: true }));
