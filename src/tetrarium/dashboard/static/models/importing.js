// Importing files, by a button or by dropping them anywhere on the page; one after the other, each refusal with its reason.

import { api } from "./api.js";
import { find } from "../common/dom.js";
import { act, say } from "../common/toast.js";

const SUFFIX = ".tetris";
const holdsFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");

export class Importing {
  #page;
  #waiting = []; // files to come
  #depth = 0; // of elements that a drag has entered and not left

  constructor(page) {
    this.#page = page;
    const input = find("#import-file");
    find("#import").addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      this.take([...input.files]);
      input.value = "";
    });
    window.addEventListener("dragenter", (event) => this.#drag(event, 1));
    window.addEventListener("dragleave", (event) => this.#drag(event, -1));
    window.addEventListener("dragover", (event) => holdsFiles(event) && event.preventDefault());
    window.addEventListener("drop", (event) => this.#drop(event));
  }

  #drag(event, by) {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    this.#depth = Math.max(0, this.#depth + by);
    find("#drop").hidden = this.#depth === 0;
  }

  #drop(event) {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    this.#depth = 0;
    find("#drop").hidden = true;
    this.take([...event.dataTransfer.files]);
  }

  /** Imports files one after the other; those that come meanwhile are the next ones. */
  take(files) {
    this.#waiting.push(...files);
    return act(find("#import"), "Importing…", async () => {
      while (this.#waiting.length) await this.#take(this.#waiting.shift());
    });
  }

  async #take(file) {
    if (!file.name.endsWith(SUFFIX)) {
      say(`What is imported here ends in ${SUFFIX}; got ${file.name}. A model.zip is taken by: tetrarium models import`, { isError: true });
      return;
    }
    try {
      const ended = await this.#page.jobs.run(() => api.importFile(file));
      say(ended.message);
    } catch (error) {
      say(`${file.name} was refused. ${error.message}`, { isError: true });
    }
  }
}
