// @ts-check
// List of the latest saved games.

import { pageUrl } from "../common/address.js";
import { find, make } from "../common/dom.js";
import { formatAge, formatClock, formatCount } from "../common/format.js";
import { readMeta } from "../common/meta.js";
import { api } from "./api.js";

const N_SHOWN = 6;
/** @type {Record<string, string>} */
const MODES = { sprint: "Sprint", marathon: "Marathon", free: "Free" };

/** @param {string} name of the file of a saved game */
export const analysisUrl = (name) => pageUrl("games", name.replace(/\.tetris-replay$/, ""));

export async function showSavedGames() {
  const [games, records, { human_game_modes: modes }] = await Promise.all([
    api.savedGames(N_SHOWN),
    api.records(),
    readMeta(),
  ]);
  const sprintLines = modes.find(({ name }) => name === "sprint")?.lines ?? Infinity;
  find("#saved-games-empty").hidden = games.length > 0;
  find("#saved-games-list").replaceChildren(...games.map((game) => makeRow(game, sprintLines)));
  find("#records").hidden = records.length === 0;
  find("#records-list").replaceChildren(...records.map((game) => makeRow(game, sprintLines, true)));
}

/**
 * @param {import("./api.js").SavedGame} game
 * @param {number} sprintLines lines of a completed sprint, whose result is its time
 * @param {boolean} [isDetailed] whether its speed and finesse are shown
 */
function makeRow(game, sprintLines, isDetailed = false) {
  const { name, mode, ended } = game;
  return make(
    "li",
    {},
    make("a", { href: analysisUrl(name), title: "Analyze this game" }, MODES[mode] ?? "Game"),
    make("span", {}, resultOf(game, sprintLines)),
    make("span", { class: "fine" }, formatAge(ended)),
    isDetailed ? make("span", { class: "fine details" }, detailsOf(game)) : null,
  );
}

/** @param {import("./api.js").SavedGame} game */
function detailsOf({ pieces, seconds, keys, finesse_faults: faults }) {
  const parts = seconds ? [`${(pieces / seconds).toFixed(2)} pieces per second`] : [];
  if (typeof keys === "number" && pieces) parts.push(`${(keys / pieces).toFixed(2)} keys per piece`);
  if (typeof faults === "number") parts.push(`${formatCount(faults)} finesse ${faults === 1 ? "fault" : "faults"}`);
  return parts.join(" · ");
}

/**
 * @param {import("./api.js").SavedGame} game
 * @param {number} sprintLines
 */
function resultOf({ mode, terminated, lines, score, seconds }, sprintLines) {
  if (mode === "sprint" && !terminated && lines >= sprintLines) return formatClock(seconds, 3);
  return `${formatCount(score)} points · ${formatCount(lines)} ${lines === 1 ? "line" : "lines"}`;
}
