// What the pages of models ask of the server.

import { ApiError, part, request } from "../common/api.js";

const versionPath = (name, number) => `/models/${part(name)}/versions/${number}`;

export const api = {
  protocols: () => request("GET", "/protocols"),
  leaderboard: (protocol) => request("GET", `/leaderboard?protocol=${part(protocol)}`),
  policies: () => request("GET", "/policies"),
  runs: () => request("GET", "/runs"),
  model: (name) => request("GET", `/models/${part(name)}`),
  save: (body) => request("POST", "/models", body),
  change: (name, number, body) => request("PUT", versionPath(name, number), body),
  remove: (name, number = null) => request("DELETE", number === null ? `/models/${part(name)}` : versionPath(name, number)),
  trash: () => request("GET", "/trash"),
  restore: (spec) => request("POST", "/trash/restore", { spec }),
  emptyTrash: () => request("DELETE", "/trash"),
  jobs: () => request("GET", "/jobs"),
  startJob: (body) => request("POST", "/jobs", body),
  endJob: (id) => request("DELETE", `/jobs/${part(id)}`),
  startPlayer: (body) => request("POST", "/players", body),
  player: async (id) => (await request("GET", "/players")).find((player) => player.id === id) ?? null,
  command: (id, command, values = {}) => request("POST", `/players/${part(id)}/commands`, { command, values }),
  stopPlayer: (id) => request("DELETE", `/players/${part(id)}`),
  importFile,
};

/** Where a version can be fetched as a file. */
export const fileOf = (name, number) => `/api${versionPath(name, number)}/file`;

/** Where the picture of a job can be fetched. */
export const pictureOf = (job) => `/api/jobs/${part(job)}/file`;

/** Sends a file as it is; returns the job that goes on with it. */
async function importFile(file, name = null) {
  let response;
  try {
    response = await fetch(`/api/imports${name ? `?name=${part(name)}` : ""}`, {
      method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: file,
    });
  } catch {
    throw new ApiError(`${file.name} was not taken: the connection broke off. It may be too large, or the server was stopped.`);
  }
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw new ApiError(answer?.error ?? `The server answered ${response.status}.`, response.status);
  return answer;
}
