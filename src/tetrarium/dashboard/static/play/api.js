// @ts-check
// Requests of the page on which people play.

import { apiUrl, request } from "../common/api.js";

/** @typedef {NonNullable<ApiBody<"post", "/human-games">>} GameOptions */
/** @typedef {ApiResponse<"get", "/games">[number]} SavedGame */

export const api = {
  agents: () => request("get", "/agents"),
  humanGames: () => request("get", "/human-games"),
  start: (/** @type {GameOptions} */ body) => request("post", "/human-games", { body }),
  /**
   * @param {string} game_id
   * @param {"new-game" | "pause" | "resume" | "change"} command
   * @param {object} [values]
   */
  command: (game_id, command, values) =>
    request("post", "/human-games/{game_id}/commands", {
      params: { game_id },
      body: /** @type {any} */ (values === undefined ? { command } : { command, values }),
    }),
  savedGames: (/** @type {number} */ limit) => request("get", "/games", { query: { limit } }),
  records: () => request("get", "/records"),
  replayUrl: (/** @type {string} */ name) => apiUrl("/games/{name}", { name }),
};
