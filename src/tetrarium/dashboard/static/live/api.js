// What the live page asks of the server.

import { part, request } from "../common/api.js";

export const api = {
  presets: () => request("GET", "/presets"),
  settings: () => request("GET", "/settings"),
  policies: () => request("GET", "/policies"),
  runs: () => request("GET", "/runs"),
  studies: () => request("GET", "/studies"),
  players: () => request("GET", "/players"),
  run: (name) => request("GET", `/runs/${part(name)}`),
  progress: (name, points) => request("GET", `/runs/${part(name)}/progress?max_points=${points}`),
  evaluations: (name) => request("GET", `/runs/${part(name)}/evaluations`),
  log: (name) => request("GET", `/runs/${part(name)}/log`),
  startRun: (body) => request("POST", "/runs", body),
  resumeRun: (name) => request("POST", `/runs/${part(name)}/resume`),
  startPlayer: (body) => request("POST", "/players", body),
  stopPlayer: (id) => request("DELETE", `/players/${part(id)}`),
  command: ({ kind, name }, command, values = {}) =>
    request("POST", `/${kind}s/${part(name)}/commands`, { command, values }),
};
