// What the pages of studies ask of the server.

import { part, request } from "../common/api.js";

export const api = {
  tuning: () => request("GET", "/tuning"),
  presets: () => request("GET", "/presets"),
  settings: () => request("GET", "/settings"),
  studies: () => request("GET", "/studies"),
  study: (name) => request("GET", `/studies/${part(name)}`),
  begin: (body) => request("POST", "/studies", body),
  command: (name, command) => request("POST", `/studies/${part(name)}/commands`, { command }),
  resume: (name, body = {}) => request("POST", `/studies/${part(name)}/resume`, body),
};
