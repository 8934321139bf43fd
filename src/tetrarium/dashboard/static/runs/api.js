// What the pages of runs ask of the server.

import { part, request } from "../common/api.js";

const query = (values) => {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return new URLSearchParams(given.flatMap(([name, value]) => [value].flat().map((one) => [name, one]))).toString();
};
const at = (name, rest = "") => `/runs/${part(name)}${rest}`;

export const api = {
  history: (wanted) => request("GET", `/history?${query(wanted)}`),
  run: (name) => request("GET", at(name)),
  progress: (name, points) => request("GET", at(name, `/progress?max_points=${points}`)),
  episodes: (name, points) => request("GET", at(name, `/episodes?max_points=${points}`)),
  evaluations: (name) => request("GET", at(name, "/evaluations")),
  checkpoints: (name) => request("GET", at(name, "/checkpoints")),
  log: (name) => request("GET", at(name, "/log")),
  presets: () => request("GET", "/presets"),
  settings: () => request("GET", "/settings"),
  command: (name, command) => request("POST", at(name, "/commands"), { command }),
  resume: (name) => request("POST", at(name, "/resume")),
  branch: (name, body) => request("POST", at(name, "/branch"), body),
  remove: (name) => request("DELETE", at(name)),
  prunable: (names, keep) => request("GET", `/prunable?${query({ name: names, keep })}`),
  prune: (names, keep) => request("POST", "/prune", { names: names.length ? names : null, keep }),
  replays: (name) => request("GET", at(name, "/replays")),
  boards: (name, replay, first, n) => request("GET", at(name, `/replays/${replay}/boards?first=${first}&n_boards=${n}`)),
  replayPath: (name, replay, rest) => `/api${at(name, `/replays/${replay}/${rest}`)}`,
};
