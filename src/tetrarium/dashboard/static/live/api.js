// @ts-check
// Requests of the live page.

import { request } from "../common/api.js";

/** @typedef {ApiResponse<"get", "/runs">[number]} Run */
/** @typedef {ApiResponse<"get", "/demos">[number]} Demo */
/** @typedef {ApiBody<"post", "/runs">} StartRunBody */
/** @typedef {{ kind: "run" | "demo", name: string }} Target a run by its name, or a demo by its id */
/** @typedef {"pause" | "resume" | "stop" | "checkpoint" | "new-game" | "mode" | "speed"} CommandName */

export const api = {
  presets: () => request("get", "/presets"),
  settings: () => request("get", "/settings"),
  agents: () => request("get", "/agents"),
  runs: () => request("get", "/runs"),
  studies: () => request("get", "/studies"),
  demos: () => request("get", "/demos"),
  run: (/** @type {string} */ name) => request("get", "/runs/{name}", { params: { name } }),
  progress: (/** @type {string} */ name, /** @type {number} */ max_points) =>
    request("get", "/runs/{name}/progress", { params: { name }, query: { max_points } }),
  evaluations: (/** @type {string} */ name) => request("get", "/runs/{name}/evaluations", { params: { name } }),
  log: (/** @type {string} */ name) => request("get", "/runs/{name}/log", { params: { name } }),
  startRun: (/** @type {StartRunBody} */ body) => request("post", "/runs", { body }),
  startJob: (/** @type {ApiBody<"post", "/jobs">} */ body) => request("post", "/jobs", { body }),
  job: (/** @type {string} */ job_id) => request("get", "/jobs/{job_id}", { params: { job_id } }),
  resumeRun: (/** @type {string} */ name, /** @type {ApiBody<"post", "/runs/{name}/resume">} */ body = {}) =>
    request("post", "/runs/{name}/resume", { params: { name }, body }),
  startDemo: (/** @type {ApiBody<"post", "/demos">} */ body) => request("post", "/demos", { body }),
  stopDemo: (/** @type {string} */ demo_id) => request("delete", "/demos/{demo_id}", { params: { demo_id } }),
  /**
   * @param {Target} target
   * @param {CommandName} command
   * @param {object} values
   */
  command({ kind, name }, command, values) {
    const body = /** @type {any} */ ({ command, values });
    if (kind === "run") return request("post", "/runs/{name}/commands", { params: { name }, body });
    return request("post", "/demos/{demo_id}/commands", { params: { demo_id: name }, body });
  },
};
