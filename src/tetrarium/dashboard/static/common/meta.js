// @ts-check
// Name rules, limits and enumerations, which the server states once.

import { request } from "./api.js";

/** @typedef {ApiResponse<"get", "/meta">} Meta */
/** @typedef {Meta["names"][keyof Meta["names"]]} NameRule */

/** @type {Promise<Meta> | null} */
let meta = null;

/** Returns the facts of GET /api/meta; requested once per page. */
export function readMeta() {
  meta ??= request("get", "/meta").catch((error) => {
    meta = null;
    throw error;
  });
  return meta;
}

/**
 * Returns whether a name follows a rule of `meta.names`.
 *
 * @param {string} name
 * @param {NameRule} rule
 */
export const followsRule = (name, { pattern }) => new RegExp(`^(?:${pattern})$`).test(name);
