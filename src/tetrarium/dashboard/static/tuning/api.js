// @ts-check
// Requests of the pages of studies.

import { request } from "../common/api.js";

/** @typedef {ApiResponse<"get", "/studies">[number]} Study */
/** @typedef {ApiResponse<"get", "/studies/{name}">} StudyDetails */
/** @typedef {StudyDetails["trials"][number]} Trial */
/** @typedef {ApiResponse<"get", "/studies/options">} StudyOptions */
/** @typedef {NonNullable<ApiBody<"post", "/studies">>} StartStudyBody */

export const api = {
  options: () => request("get", "/studies/options"),
  presets: () => request("get", "/presets"),
  settings: () => request("get", "/settings"),
  studies: () => request("get", "/studies"),
  study: (/** @type {string} */ name) => request("get", "/studies/{name}", { params: { name } }),
  start: (/** @type {StartStudyBody} */ body) => request("post", "/studies", { body }),
  command: (/** @type {string} */ name, /** @type {any} */ command) =>
    request("post", "/studies/{name}/commands", { params: { name }, body: { command } }),
  removeTrial: (/** @type {string} */ name, /** @type {number} */ number, /** @type {boolean} */ runs) =>
    request("delete", "/studies/{name}/trials/{number}", { params: { name, number }, query: { runs } }),
  remove: (/** @type {string} */ name, /** @type {boolean} */ runs) =>
    request("delete", "/studies/{name}", { params: { name }, query: { runs } }),
  /**
   * @param {string} name
   * @param {ApiBody<"post", "/studies/{name}/resume">} [body]
   */
  resume: (name, body = {}) => request("post", "/studies/{name}/resume", { params: { name }, body }),
};
