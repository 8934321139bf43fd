// @ts-check
// Requests of the pages of runs.

import { apiUrl, request } from "../common/api.js";

/** @typedef {NonNullable<ApiOptions<"get", "/history">["query"]>} HistoryQuery */
/** @typedef {ApiResponse<"get", "/history">["runs"][number]} Run */
/** @typedef {ApiResponse<"get", "/history">["rows"][number]} Row a run, or a group of them */
/** @typedef {NonNullable<Row["group"]>} Group */
/** @typedef {ApiResponse<"get", "/curves">[number]} GroupCurve */
/** @typedef {ApiResponse<"get", "/runs/{name}">} RunDetail */
/** @typedef {ApiResponse<"get", "/runs/{name}/checkpoints">} Checkpoints */
/** @typedef {ApiResponse<"get", "/runs/{name}/replays">[number]} Replay */
/** @typedef {ApiResponse<"get", "/runs/{name}/replays/{replay}/boards">} ReplayBoards */

export const api = {
  history: (/** @type {HistoryQuery} */ query) => request("get", "/history", { query }),
  run: (/** @type {string} */ name) => request("get", "/runs/{name}", { params: { name } }),
  progress: (/** @type {string} */ name, /** @type {number} */ max_points) =>
    request("get", "/runs/{name}/progress", { params: { name }, query: { max_points } }),
  episodes: (/** @type {string} */ name, /** @type {number} */ max_points) =>
    request("get", "/runs/{name}/episodes", { params: { name }, query: { max_points } }),
  evaluations: (/** @type {string} */ name) => request("get", "/runs/{name}/evaluations", { params: { name } }),
  groups: () => request("get", "/groups"),
  curves: (/** @type {NonNullable<ApiOptions<"get", "/curves">["query"]>} */ query) =>
    request("get", "/curves", { query }),
  differences: (/** @type {string[]} */ compared) => request("get", "/differences", { query: { compared } }),
  label: (/** @type {ApiBody<"patch", "/runs">} */ body) => request("patch", "/runs", { body }),
  rename: (/** @type {string} */ name, /** @type {string} */ newName) =>
    request("post", "/runs/{name}/rename", { params: { name }, body: { name: newName } }),
  checkpoints: (/** @type {string} */ name) => request("get", "/runs/{name}/checkpoints", { params: { name } }),
  log: (/** @type {string} */ name) => request("get", "/runs/{name}/log", { params: { name } }),
  presets: () => request("get", "/presets"),
  settings: () => request("get", "/settings"),
  command: (/** @type {string} */ name, /** @type {"pause" | "resume" | "stop"} */ command) =>
    request("post", "/runs/{name}/commands", { params: { name }, body: /** @type {any} */ ({ command }) }),
  resume: (/** @type {string} */ name, /** @type {ApiBody<"post", "/runs/{name}/resume">} */ body = {}) =>
    request("post", "/runs/{name}/resume", { params: { name }, body }),
  branch: (/** @type {string} */ name, /** @type {ApiBody<"post", "/runs/{name}/branch">} */ body) =>
    request("post", "/runs/{name}/branch", { params: { name }, body }),
  remove: (/** @type {string} */ name) => request("delete", "/runs/{name}", { params: { name } }),
  trash: () => request("get", "/trash/runs"),
  restore: (/** @type {string} */ run) => request("post", "/trash/runs/restore", { body: { run } }),
  emptyTrash: () => request("delete", "/trash/runs"),
  prunable: (/** @type {string[]} */ name, /** @type {number} */ keep) =>
    request("get", "/checkpoints/prunable", { query: { name, keep } }),
  prune: (/** @type {string[]} */ names, /** @type {number} */ keep) =>
    request("post", "/checkpoints/prune", { body: { names: names.length ? names : null, keep } }),
  replays: (/** @type {string} */ name) => request("get", "/runs/{name}/replays", { params: { name } }),
  boards: (
    /** @type {string} */ name,
    /** @type {string} */ replay,
    /** @type {number} */ first,
    /** @type {number} */ n_boards,
  ) => request("get", "/runs/{name}/replays/{replay}/boards", { params: { name, replay }, query: { first, n_boards } }),
  /**
   * @param {string} name
   * @param {string} replay
   * @param {"json" | "tetris-replay"} kind
   */
  replayUrl: (name, replay, kind) => apiUrl("/runs/{name}/replays/{replay}/file", { name, replay }, { kind }),
  /**
   * @param {string} name
   * @param {string} replay
   * @param {{ first: number, n_pieces: number, speed: number }} query
   */
  gifUrl: (name, replay, query) => apiUrl("/runs/{name}/replays/{replay}/gif", { name, replay }, query),
};
