// @ts-check
// Replays and fumens that are dropped on any page open on the analysis board.

import { pageUrl } from "./address.js";
import { apiUrl, send } from "./api.js";
import { formatBytes } from "./format.js";
import { runAction } from "./toast.js";

const SUFFIX = ".tetris-replay";
const TETR_IO = /\.ttrm?$/i;
const FUMEN = /[vmd]115@[A-Za-z0-9+/?]+/;
const MAX_BYTES = 2 ** 20; // of a request

/**
 * Imports a replay file and opens it.
 *
 * @param {File} file
 */
export async function openReplay(file) {
  if (TETR_IO.test(file.name)) {
    const files = `${SUFFIX} files and replays in JSON open here, as do fumens`;
    throw new Error(
      `${file.name} is a replay of TETR.IO, whose format is not published, so it cannot be read; ${files}.`,
    );
  }
  if (file.size > MAX_BYTES) {
    throw new Error(`A replay has at most ${formatBytes(MAX_BYTES)}; ${file.name} has ${formatBytes(file.size)}.`);
  }
  const headers = { "Content-Type": "application/octet-stream" };
  const { name } = await send(apiUrl("/games"), { method: "POST", headers, body: file });
  location.href = pageUrl("games", name);
}

/** Accepts replays and fumens that are dropped on the page. */
export function acceptDroppedGames() {
  window.addEventListener("dragover", (event) => {
    if (event.dataTransfer?.types.some((type) => type === "Files" || type === "text/plain")) event.preventDefault();
  });
  window.addEventListener(
    "drop",
    (event) => {
      const file = [...(event.dataTransfer?.files ?? [])].find(
        ({ name }) => name.endsWith(SUFFIX) || TETR_IO.test(name),
      );
      const [fumen] = event.dataTransfer?.getData("text/plain").match(FUMEN) ?? [];
      const isInField = event.target instanceof Element && event.target.closest("input, textarea");
      if (!file && (!fumen || isInField)) return;
      event.preventDefault();
      event.stopImmediatePropagation(); // the page's own import would refuse it
      if (file) runAction(null, null, () => openReplay(file));
      else location.href = `${pageUrl("games", "position")}#${new URLSearchParams({ f: fumen ?? "" })}`;
    },
    { capture: true },
  );
}
