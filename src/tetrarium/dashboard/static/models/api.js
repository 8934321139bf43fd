// @ts-check
// Requests of the pages of models.

import { apiUrl, request, send } from "../common/api.js";

/** @typedef {ApiResponse<"get", "/leaderboard">["rows"][number]} LeaderboardRow */
/** @typedef {ApiResponse<"get", "/protocols">[number]} Protocol */
/** @typedef {ApiResponse<"get", "/models/{name}">} Model */
/** @typedef {ApiResponse<"get", "/trash">[number]} ModelVersion */
/** @typedef {NonNullable<LeaderboardRow["score"]>} Score */
/** @typedef {ApiResponse<"get", "/jobs">[number]} Job */
/** @typedef {NonNullable<ApiBody<"post", "/demos">>} StartDemoBody */
/** @typedef {NonNullable<ApiBody<"post", "/models">>} SaveModelBody */
/** @typedef {NonNullable<ApiBody<"patch", "/models/{name}/versions/{number}">>} VersionChanges */

export const api = {
  protocols: () => request("get", "/protocols"),
  leaderboard: (/** @type {string} */ protocol) => request("get", "/leaderboard", { query: { protocol } }),
  agents: () => request("get", "/agents"),
  checkAgent: (/** @type {string} */ agent) => request("get", "/agents/{agent}", { params: { agent } }),
  runs: () => request("get", "/runs"),
  model: (/** @type {string} */ name) => request("get", "/models/{name}", { params: { name } }),
  save: (/** @type {SaveModelBody} */ body) => request("post", "/models", { body }),
  change: (/** @type {string} */ name, /** @type {number} */ number, /** @type {VersionChanges} */ body) =>
    request("patch", "/models/{name}/versions/{number}", { params: { name, number }, body }),
  /**
   * @param {string} name
   * @param {number | null} [number] null for all versions
   */
  remove: (name, number = null) =>
    number === null
      ? request("delete", "/models/{name}", { params: { name } })
      : request("delete", "/models/{name}/versions/{number}", { params: { name, number } }),
  trash: () => request("get", "/trash"),
  restore: (/** @type {string} */ spec) => request("post", "/trash/restore", { body: { spec } }),
  emptyTrash: () => request("delete", "/trash"),
  jobs: () => request("get", "/jobs"),
  startJob: (/** @type {ApiBody<"post", "/jobs">} */ body) => request("post", "/jobs", { body }),
  cancelJob: (/** @type {string} */ job_id) => request("delete", "/jobs/{job_id}", { params: { job_id } }),
  startDemo: (/** @type {StartDemoBody} */ body) => request("post", "/demos", { body }),
  demo: async (/** @type {string} */ id) => (await request("get", "/demos")).find((demo) => demo.id === id) ?? null,
  command: (/** @type {string} */ demo_id, /** @type {string} */ command, /** @type {object} */ values = {}) =>
    request("post", "/demos/{demo_id}/commands", {
      params: { demo_id },
      body: /** @type {any} */ ({ command, values }),
    }),
  stopDemo: (/** @type {string} */ demo_id) => request("delete", "/demos/{demo_id}", { params: { demo_id } }),
  importFile,
};

/**
 * Returns the address of a version's bundle.
 *
 * @param {string} name
 * @param {number} number
 */
export const bundleUrl = (name, number) => apiUrl("/models/{name}/versions/{number}/file", { name, number });

/**
 * Returns the address of a job's animation.
 *
 * @param {string} job_id
 */
export const jobFileUrl = (job_id) => apiUrl("/jobs/{job_id}/file", { job_id });

/**
 * Uploads a bundle without a time limit.
 *
 * @param {File} file
 * @param {string | null} [name] of the model
 * @returns {Promise<Job>} the job that imports it
 */
function importFile(file, name = null) {
  const init = { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: file };
  const causes = "It may be too large, or the server was stopped.";
  const lost = `${file.name} was not imported: the connection was lost. ${causes}`;
  return send(apiUrl("/imports", {}, { name }), init, lost);
}
