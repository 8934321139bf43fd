// @ts-check
// Import of bundles, by a button or by dropping them anywhere on the page, one after the other.

import { find, findInput } from "../common/dom.js";
import { formatCount } from "../common/format.js";
import { runAction, runOnEach } from "../common/toast.js";
import { api } from "./api.js";

/** @typedef {import("./jobs.js").Jobs} Jobs */

const SUFFIX = ".tetris";
const N_DESCRIBED = 2; // files whose own messages are shown

/** @param {DragEvent} event */
const hasFiles = (event) => event.dataTransfer?.types.includes("Files") ?? false;

export class FileImport {
  #root;
  #jobs;
  /** @type {File[]} */
  #queue = [];
  #dragDepth = 0; // elements that a drag has entered and not left

  /**
   * @param {HTMLElement} root the page's main element
   * @param {Jobs} jobs
   */
  constructor(root, jobs) {
    this.#root = root;
    this.#jobs = jobs;
    const input = findInput("#import-file", this.#root);
    find("#import", this.#root).addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      this.#importAll([...(input.files ?? [])]);
      input.value = "";
    });
    window.addEventListener("dragenter", (event) => this.#acceptDrag(event, 1));
    window.addEventListener("dragleave", (event) => this.#acceptDrag(event, -1));
    window.addEventListener("dragover", (event) => {
      if (hasFiles(event)) event.preventDefault();
    });
    window.addEventListener("drop", (event) => this.#acceptDrop(event));
  }

  /**
   * @param {DragEvent} event
   * @param {number} by
   */
  #acceptDrag(event, by) {
    if (!hasFiles(event)) return;
    event.preventDefault();
    this.#dragDepth = Math.max(0, this.#dragDepth + by);
    find("#drop", this.#root).hidden = this.#dragDepth === 0;
  }

  /** @param {DragEvent} event */
  #acceptDrop(event) {
    if (!hasFiles(event)) return;
    event.preventDefault();
    this.#dragDepth = 0;
    find("#drop", this.#root).hidden = true;
    this.#importAll([...(event.dataTransfer?.files ?? [])]);
  }

  /** @param {File[]} files */
  #importAll(files) {
    this.#queue.push(...files);
    const importEach = () => runOnEach(this.#takeQueued(), (file) => this.#import(file), describe);
    return runAction(find("#import", this.#root), "Importing…", importEach);
  }

  *#takeQueued() {
    try {
      for (let file = this.#queue.shift(); file; file = this.#queue.shift()) yield file;
    } finally {
      this.#queue.length = 0; // without an answer of the server the rest is dropped
    }
  }

  /**
   * @param {File} file
   * @returns {Promise<string>} what was done
   */
  async #import(file) {
    if (!file.name.endsWith(SUFFIX)) {
      const remedy = "Import a model.zip of SB3 by: tetrarium models import";
      throw new Error(`A bundle's name ends in ${SUFFIX}; got ${file.name}. ${remedy}`);
    }
    try {
      return (await this.#jobs.run(() => api.importFile(file))).message;
    } catch (error) {
      error.message = `${file.name} was not imported. ${error.message}`;
      throw error;
    }
  }
}

/** @param {string[]} messages */
const describe = (messages) =>
  messages.length <= N_DESCRIBED ? messages.join(" ") : `${formatCount(messages.length)} files imported.`;
