// The trash: what was deleted, with the way back; and removing it for ever, which asks first.

import { api } from "./api.js";
import { confirm } from "../common/confirm.js";
import { find, make, setText } from "../common/dom.js";
import { act, say } from "../common/toast.js";
import { count, dateText } from "../common/words.js";

export class Trash {
  #page;

  constructor(page) {
    this.#page = page;
    find("#empty-trash").addEventListener("click", () => this.#ask());
  }

  async load() {
    let found;
    try {
      found = await api.trash();
    } catch {
      return; // the leaderboard says what is wrong
    }
    find("#trash").hidden = found.length === 0;
    find("#trash-empty").hidden = found.length > 0;
    find("#empty-trash").hidden = found.length === 0;
    find("#trash tbody").replaceChildren(...found.map((version) => this.#makeRow(version)));
    setText(find('.views a[href="#trash"]'), found.length ? `Trash (${count(found.length)})` : "Trash");
  }

  #makeRow({ spec, trashed_s: trashed, step, note }) {
    const restore = make("button", { type: "button", class: "small", "aria-label": `Restore ${spec}` }, "Restore");
    restore.addEventListener("click", () => act(restore, "Restoring…", async () => {
      await api.restore(spec);
      say(`${spec} is back.`);
      await this.#page.changed();
    }));
    return make("tr", {}, make("th", { scope: "row", class: "text" }, spec), make("td", {}, dateText(trashed)),
      make("td", {}, count(step)), make("td", { class: "text" }, note.split("\n")[0]), make("td", { class: "column-do" }, restore));
  }

  async #ask() {
    const isSure = await confirm("Remove all that lies in the trash?", "There is no way back. Scores that were measured stay.", "Remove for ever");
    if (!isSure) return;
    await act(find("#empty-trash"), "Removing…", async () => {
      const removed = await api.emptyTrash();
      say(`${removed.length === 1 ? "1 version" : `${count(removed.length)} versions`} removed for ever.`);
      await this.#page.changed();
    });
  }
}
