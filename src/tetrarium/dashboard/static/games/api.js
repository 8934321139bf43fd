// @ts-check
// Requests of the pages of games.

import { apiUrl, request } from "../common/api.js";

/** @typedef {ApiResponse<"get", "/games">[number]} SavedGame */
/** @typedef {ApiResponse<"get", "/games/{game_id}/facts">} GameFacts */
/** @typedef {ApiResponse<"get", "/games/{game_id}/boards">} Boards */
/** @typedef {ApiResponse<"get", "/analyses/{analysis_id}">} AnalysisProgress */
/** @typedef {AnalysisProgress & { graph: NonNullable<AnalysisProgress["graph"]> }} AnalysisState */
/** @typedef {ApiResponse<"get", "/analyses/{analysis_id}/positions">[number]} PositionAnalysis */
/** @typedef {ApiResponse<"post", "/positions">} SetUp */
/** @typedef {PositionAnalysis["best"][number]} Candidate */

export const api = {
  agents: () => request("get", "/agents"),
  savedGames: (/** @type {number} */ limit) => request("get", "/games", { query: { limit } }),
  facts: (/** @type {string} */ game_id) => request("get", "/games/{game_id}/facts", { params: { game_id } }),
  /**
   * @param {string} game_id
   * @param {number} first
   * @param {number} n_boards
   */
  boards: (game_id, first, n_boards) =>
    request("get", "/games/{game_id}/boards", { params: { game_id }, query: { first, n_boards } }),
  fumenBoards: (/** @type {string} */ fumen) => request("post", "/fumens", { body: { fumen } }),
  fumen: (/** @type {string} */ game_id, /** @type {number} */ first) =>
    request("get", "/games/{game_id}/fumen", { params: { game_id }, query: { first, n_pages: 1 } }),
  /** @param {{ width: number, height: number, cells: string, queue: string, held: string | null }} body */
  setUp: (body) => request("post", "/positions", { body }),
  /** @param {{ game: string, advisor: string, first: number }} body */
  analyze: (body) => request("post", "/analyses", { body }),
  analysis: (/** @type {string} */ analysis_id, /** @type {number} */ known) =>
    request("get", "/analyses/{analysis_id}", { params: { analysis_id }, query: { known } }),
  /**
   * @param {string} analysis_id
   * @param {number} first
   * @param {number} n_positions
   */
  positions: (analysis_id, first, n_positions) =>
    request("get", "/analyses/{analysis_id}/positions", { params: { analysis_id }, query: { first, n_positions } }),
  /**
   * @param {string} game_id
   * @param {{ agent: string, first: number, max_pieces: number }} body
   */
  playOn: (game_id, body) => request("post", "/games/{game_id}/continuations", { params: { game_id }, body }),
  job: (/** @type {string} */ job_id) => request("get", "/jobs/{job_id}", { params: { job_id } }),
  deleteJob: (/** @type {string} */ job_id) => request("delete", "/jobs/{job_id}", { params: { job_id } }),
  /** @param {string} game_id */
  replayUrl: (game_id) => {
    const [run, replay] = game_id.split("~");
    return replay
      ? apiUrl("/runs/{name}/replays/{replay}/file", { name: run, replay }, { kind: "tetris-replay" })
      : apiUrl("/games/{name}", { name: `${game_id}.tetris-replay` });
  },
  /**
   * @param {string} game_id
   * @param {{ kind: string, first: number, n_pieces: number, speed: number }} query
   */
  animationUrl: (game_id, query) => apiUrl("/games/{game_id}/animation", { game_id }, query),
};
