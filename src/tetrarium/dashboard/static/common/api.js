// @ts-check
// REST client: JSON in, JSON out. The types of requests and answers come from the server's OpenAPI document.

import { ROOT } from "./address.js";

const TIMEOUT_MS = 15_000;

/** A request that failed, with a message for the user. */
export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {number} status HTTP status; 0 if the server did not answer
   * @param {{ code?: string | null, field?: string | null }} [cause] `field` names the setting at fault, if any
   */
  constructor(message, status = 0, { code = null, field = null } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.field = field;
  }
}

/**
 * Encodes a name as one segment of a path.
 *
 * @param {string} name
 */
export const pathSegment = (name) => encodeURIComponent(name);

/**
 * Returns the address of a path of the API.
 *
 * @param {string} path with placeholders such as "{name}"
 * @param {Record<string, string | number>} [params] values of the placeholders
 * @param {Record<string, unknown>} [query] null, undefined and "" are left out; arrays are repeated
 */
export function apiUrl(path, params = {}, query = {}) {
  const filled = path.replace(/\{(\w+)\}/g, (_, name) => pathSegment(String(params[name])));
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const item of [value].flat()) {
      if (item !== undefined && item !== null && item !== "") search.append(name, String(item));
    }
  }
  return `${ROOT}api${filled}${search.size ? `?${search}` : ""}`;
}

/**
 * Sends a request and returns the parsed answer.
 *
 * @template {ApiMethod} Method
 * @template {ApiPath<Method>} Path
 * @param {Method} method
 * @param {Path} path
 * @param {ApiOptions<Method, Path>} [options]
 * @returns {Promise<ApiResponse<Method, Path>>}
 * @throws {ApiError}
 */
export async function request(method, path, { params, query, body } = {}) {
  const url = apiUrl(path, params, query);
  const headers = body === undefined ? undefined : { "Content-Type": "application/json" };
  const sent = body === undefined ? undefined : JSON.stringify(body);
  return send(url, { method: method.toUpperCase(), headers, body: sent, signal: AbortSignal.timeout(TIMEOUT_MS) });
}

/**
 * Sends any request to the API; `request` is the typed way.
 *
 * @param {string} url
 * @param {RequestInit} init
 * @param {string} [unreachable] message if the server does not answer
 * @returns {Promise<any>} parsed JSON, or text
 */
export async function send(
  url,
  init,
  unreachable = "The server does not answer. If it was stopped, start it again with: tetrarium serve",
) {
  let response;
  try {
    response = await fetch(url, init);
  } catch {
    throw new ApiError(unreachable);
  }
  const isJson = (response.headers.get("Content-Type") ?? "").includes("json");
  const answer = isJson ? await response.json().catch(() => null) : await response.text();
  if (!response.ok) {
    const message = answer?.error ?? `The server answered ${response.status} to ${init.method} ${url}.`;
    throw new ApiError(message, response.status, answer ?? {});
  }
  return answer;
}
