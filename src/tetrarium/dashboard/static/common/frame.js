// @ts-check
// The frame of every page: theme, keyboard shortcuts, and the help panel.

import { find, setText } from "./dom.js";
import { acceptDroppedGames } from "./game-drop.js";
import { Shortcuts } from "./shortcuts.js";
import { refreshActivity } from "./status-line.js";
import { showToast } from "./toast.js";

/** @typedef {import("./shortcuts.js").Shortcut} Shortcut */
/** @typedef {import("./shortcuts.js").HelpEntry} HelpEntry */

/** @type {HelpEntry} */
export const CHART_KEYS = ["← → + − 0", "on the large chart: move the cursor, zoom in and out, show everything"];

/**
 * Starts a page.
 *
 * @param {{ keys?: Shortcut[], numbers?: HelpEntry[], others?: HelpEntry[] }} [help] as `Shortcuts` takes it
 */
export function initPage({ keys = [], numbers = [], others = [] } = {}) {
  const name = find("#theme-name");
  const nextTheme = () => {
    setText(name, `Theme: ${window.tetrariumTheme.next()}`);
    showToast(`Theme: ${window.tetrariumTheme.chosen}`);
  };
  setText(name, `Theme: ${window.tetrariumTheme.chosen}`);
  find("#theme").addEventListener("click", nextTheme);
  find(".skip").addEventListener("click", (event) => {
    event.preventDefault(); // the hash of the address names what the page shows
    find("#content").focus();
  });
  refreshActivity();
  acceptDroppedGames();
  return new Shortcuts([...keys, ["m", "theme: auto, dark, light", nextTheme]], { numbers, others });
}
