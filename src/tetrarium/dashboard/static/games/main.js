// @ts-check
// The page of games: one's own, files and fumens.

import { pageUrl } from "../common/address.js";
import { find, findInput, make, setText } from "../common/dom.js";
import { formatAge, formatClock, formatCount } from "../common/format.js";
import { initPage } from "../common/frame.js";
import { openReplay } from "../common/game-drop.js";
import { readMeta } from "../common/meta.js";
import { runAction, showToast } from "../common/toast.js";
import { api } from "./api.js";

const N_SHOWN = 200;
const MODES = new Map([
  ["sprint", "Sprint"],
  ["marathon", "Marathon"],
  ["free", "Free"],
]);

async function showGames() {
  const [games, { human_game_modes: modes }] = await Promise.all([api.savedGames(N_SHOWN), readMeta()]);
  const sprintLines = modes.find(({ name }) => name === "sprint")?.lines ?? Infinity;
  find("#games-empty").hidden = games.length > 0;
  find("#games-list").replaceChildren(...games.map((game) => makeRow(game, sprintLines)));
}

/**
 * @param {import("./api.js").SavedGame} game
 * @param {number} sprintLines lines of a completed sprint
 */
function makeRow({ name, mode, lines, pieces, seconds, terminated, ended }, sprintLines) {
  const isComplete = mode === "sprint" && !terminated && lines >= sprintLines;
  const result = isComplete ? formatClock(seconds, 3) : `${formatCount(lines)} lines`;
  const rate = seconds ? `${(pieces / seconds).toFixed(2)} pieces per second` : "";
  return make(
    "li",
    {},
    make("a", { href: pageUrl("games", name.replace(/\.tetris-replay$/, "")) }, MODES.get(mode) ?? "Game"),
    make("span", {}, result),
    make("span", { class: "fine" }, `${formatCount(pieces)} pieces`),
    make("span", { class: "fine" }, rate),
    make("span", { class: "fine" }, formatAge(ended)),
  );
}

find("#fumen-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const fumen = findInput("#fumen").value.trim();
  try {
    await api.fumenBoards(fumen);
    location.href = `${pageUrl("games", "position")}#${new URLSearchParams({ f: fumen })}`;
  } catch (error) {
    setText(find("#fumen-error"), /** @type {Error} */ (error).message);
  }
});
const file = findInput("#game-file");
find("#open-file").addEventListener("click", () => file.click());
file.addEventListener("change", () => {
  const [chosen] = file.files ?? [];
  file.value = "";
  if (chosen) runAction(find("#open-file"), "Opening…", () => openReplay(chosen));
});
initPage();
showGames().catch((error) => showToast(error.message, { isError: true }));
