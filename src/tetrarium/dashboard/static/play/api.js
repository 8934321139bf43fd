// What the page of play asks of the server.

import { part, request } from "../common/api.js";

export const api = {
  policies: () => request("GET", "/policies"),
  hands: () => request("GET", "/hands"),
  begin: (wishes) => request("POST", "/hands", wishes),
  command: (id, command, values) =>
    request("POST", `/hands/${part(id)}/commands`, values === undefined ? { command } : { command, values }),
  games: (limit) => request("GET", `/games?limit=${limit}`),
  gameAddress: (name) => `/api/games/${part(name)}`,
};
