// @ts-check
// List of the latest saved games.

import { find, make } from "../common/dom.js";
import { formatAge, formatClock, formatCount } from "../common/format.js";
import { api } from "./api.js";

const N_SHOWN = 6;
const SPRINT_LINES = 40;
/** @type {Record<string, string>} */
const MODES = { sprint: "Sprint", marathon: "Marathon", free: "Free" };

export async function showSavedGames() {
  const games = await api.savedGames(N_SHOWN);
  find("#saved-games-empty").hidden = games.length > 0;
  find("#saved-games-list").replaceChildren(...games.map(makeRow));
}

/** @param {import("./api.js").SavedGame} game */
function makeRow(game) {
  const { name, mode, ended } = game;
  const title = `Save the replay. To watch it in a terminal: tetrarium watch ${name}`;
  return make(
    "li",
    {},
    make("a", { href: api.replayUrl(name), download: name, title }, MODES[mode] ?? "Game"),
    make("span", {}, resultOf(game)),
    make("span", { class: "fine" }, formatAge(ended)),
  );
}

/** @param {import("./api.js").SavedGame} game */
function resultOf({ mode, over, lines, score, seconds }) {
  if (mode === "sprint" && !over && lines >= SPRINT_LINES) return formatClock(seconds, 3);
  return `${formatCount(score)} points · ${formatCount(lines)} ${lines === 1 ? "line" : "lines"}`;
}
