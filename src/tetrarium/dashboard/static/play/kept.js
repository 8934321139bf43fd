// The list of games that were played and are kept.

import { find, make } from "../common/dom.js";
import { ago, count } from "../common/words.js";
import { api } from "./api.js";
import { clock } from "./words.js";

const SHOWN = 6;
const MODES = { sprint: "Sprint", marathon: "Marathon", free: "Free" };

/** Reads and shows the latest games. */
export async function showKept() {
  const games = await api.games(SHOWN);
  find("#kept-empty").hidden = games.length > 0;
  find("#kept-list").replaceChildren(...games.map((game) =>
    make("li", {},
      make("a", { href: api.gameAddress(game.name), download: game.name, title: `Save the replay: tetrarium watch ${game.name}` }, MODES[game.mode] ?? "Game"),
      make("span", {}, resultOf(game)),
      make("span", { class: "fine" }, ago(game.ended)))));
}

function resultOf({ mode, over, lines, score, seconds }) {
  const lineWord = lines === 1 ? "line" : "lines";
  return mode === "sprint" && !over && lines >= 40 ? clock(seconds, 3) : `${count(score)} points · ${count(lines)} ${lineWord}`;
}
