// @ts-check
// List of the latest saved games.

import { find, make } from "../common/dom.js";
import { formatAge, formatClock, formatCount } from "../common/format.js";
import { readMeta } from "../common/meta.js";
import { api } from "./api.js";

const N_SHOWN = 6;
/** @type {Record<string, string>} */
const MODES = { sprint: "Sprint", marathon: "Marathon", free: "Free" };

export async function showSavedGames() {
  const [games, { human_game_modes: modes }] = await Promise.all([api.savedGames(N_SHOWN), readMeta()]);
  const sprintLines = modes.find(({ name }) => name === "sprint")?.lines ?? Infinity;
  find("#saved-games-empty").hidden = games.length > 0;
  find("#saved-games-list").replaceChildren(...games.map((game) => makeRow(game, sprintLines)));
}

/**
 * @param {import("./api.js").SavedGame} game
 * @param {number} sprintLines lines of a completed sprint, whose result is its time
 */
function makeRow(game, sprintLines) {
  const { name, mode, ended } = game;
  const title = `Save the replay. To watch it in a terminal: tetrarium watch ${name}`;
  return make(
    "li",
    {},
    make("a", { href: api.replayUrl(name), download: name, title }, MODES[mode] ?? "Game"),
    make("span", {}, resultOf(game, sprintLines)),
    make("span", { class: "fine" }, formatAge(ended)),
  );
}

/**
 * @param {import("./api.js").SavedGame} game
 * @param {number} sprintLines
 */
function resultOf({ mode, terminated, lines, score, seconds }, sprintLines) {
  if (mode === "sprint" && !terminated && lines >= sprintLines) return formatClock(seconds, 3);
  return `${formatCount(score)} points · ${formatCount(lines)} ${lines === 1 ? "line" : "lines"}`;
}
