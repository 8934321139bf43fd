// What every page does: its theme, its keys, and words of what they mean.

import { find, setText } from "./dom.js";
import { Shortcuts } from "./shortcuts.js";
import { say } from "./toast.js";

export const ON_THE_CHART = ["← → + − 0", "on the large chart: move the cursor, zoom in and out, whole run"];

/** Begins a page: `keys`, `numbers` and `others` as Shortcuts takes them. */
export function beginPage({ keys = [], numbers = [], others = [] } = {}) {
  const name = find("#theme-name");
  const nextTheme = () => {
    setText(name, `Theme: ${window.tetrariumTheme.next()}`);
    say(`Theme: ${window.tetrariumTheme.chosen}`);
  };
  setText(name, `Theme: ${window.tetrariumTheme.chosen}`);
  find("#theme").addEventListener("click", nextTheme);
  find(".skip").addEventListener("click", (event) => {
    event.preventDefault(); // the hash says what a page shows
    find("#content").focus();
  });
  return new Shortcuts([...keys, ["m", "theme: auto, dark, light", nextTheme]], { numbers, others });
}
