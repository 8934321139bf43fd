// @ts-check
// The trash: what was deleted, which can be restored or deleted permanently.

import { confirm } from "./confirm.js";
import { find, make, setText } from "./dom.js";
import { formatCount, formatDate } from "./format.js";
import { runAction, runOnEach, showToast } from "./toast.js";

/**
 * Kind of things in a trash.
 *
 * @template Entry
 * @typedef {object} TrashKind
 * @property {() => Promise<Entry[]>} list
 * @property {(entry: Entry) => Promise<unknown>} restore
 * @property {() => Promise<unknown[]>} empty deletes everything permanently; returns what was deleted
 * @property {(entry: Entry) => string} nameOf
 * @property {(entry: Entry) => (HTMLElement | null)[]} cells of its row, between the time of deletion and the button
 * @property {[one: string, several: string]} noun
 * @property {string} kept what stays when the trash is emptied, as a sentence
 */

/** @template {{ trashed_s: number | null }} Entry */
export class Trash {
  #root;
  #kind;
  #onChange;

  /**
   * @param {HTMLElement} root the page's main element
   * @param {TrashKind<Entry>} kind
   * @param {() => Promise<void>} onChange
   */
  constructor(root, kind, onChange) {
    this.#root = root;
    this.#kind = kind;
    this.#onChange = onChange;
    find("#empty-trash", this.#root).addEventListener("click", () => this.#empty());
  }

  async load() {
    let entries;
    try {
      entries = await this.#kind.list();
    } catch {
      return; // the page's list shows the error
    }
    const isEmpty = entries.length === 0;
    find("#trash", this.#root).hidden = isEmpty;
    find("#trash-empty", this.#root).hidden = !isEmpty;
    find("#empty-trash", this.#root).hidden = isEmpty;
    find("#trash tbody", this.#root).replaceChildren(...entries.map((entry) => this.#makeRow(entry)));
    setText(find("#trash-link", this.#root), isEmpty ? "Trash" : `Trash (${formatCount(entries.length)})`);
  }

  /** @param {Entry} entry */
  #makeRow(entry) {
    const name = this.#kind.nameOf(entry);
    const button = make("button", { type: "button", class: "small", "aria-label": `Restore ${name}` }, "Restore");
    const restore = async () => {
      await this.#kind.restore(entry);
      showToast(`${name} restored.`);
      await this.#onChange();
    };
    button.addEventListener("click", () => runAction(button, "Restoring…", restore));
    return make(
      "tr",
      {},
      make("th", { scope: "row", class: "text" }, name),
      make("td", {}, entry.trashed_s === null ? "–" : formatDate(entry.trashed_s)),
      this.#kind.cells(entry),
      make("td", { class: "column-actions" }, button),
    );
  }

  async #empty() {
    const { kept, noun } = this.#kind;
    const text = `This cannot be undone. ${kept}`;
    if (!(await confirm("Delete everything in the trash permanently?", text, "Delete permanently"))) return;
    await runAction(find("#empty-trash", this.#root), "Deleting…", async () => {
      const n = (await this.#kind.empty()).length;
      showToast(`${n === 1 ? `1 ${noun[0]}` : `${formatCount(n)} ${noun[1]}`} deleted permanently.`);
      await this.#onChange();
    });
  }
}

/**
 * Moves things to the trash and shows one message, with a button that restores them.
 *
 * @template Item, Result
 * @param {Item[]} items
 * @param {object} actions
 * @param {(item: Item) => Promise<Result>} actions.remove
 * @param {(result: Result) => Promise<unknown>} actions.restore
 * @param {(results: Result[]) => string} actions.describe names what was moved
 * @param {() => unknown} actions.onChange
 * @returns {Promise<Item[]>} those that were moved
 */
export async function trashEach(items, { remove, restore, describe, onChange }) {
  const undo = async (/** @type {Result[]} */ results) => {
    await runOnEach(results, restore, () => `${describe(results)} restored.`);
    await onChange();
  };
  const moved = await runOnEach(
    items,
    remove,
    (results) => `${describe(results)} moved to the trash.`,
    (results) => ({ label: "Undo", run: () => runAction(null, null, () => undo(results)) }),
  );
  if (moved.length) await onChange();
  return moved;
}
