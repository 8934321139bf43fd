// Work under way on the server: asked for again and again while there is some, and shown with its progress.

import { api, pictureOf } from "./api.js";
import { find, make, setText } from "../common/dom.js";
import { act, say } from "../common/toast.js";
import { count } from "../common/words.js";

const LOOK_EVERY_MS = 500;
const TITLES = {
  measure: ({ what, protocol }) => `Evaluating ${what} under ${protocol}`,
  compare: ({ one, other }) => `Comparing ${one} with ${other}`,
  record: ({ what }) => `Recording ${what}`,
  save: ({ what, name }) => `Saving ${what} as ${name}`,
  import: ({ name }) => `Importing ${name}`,
};

export class Jobs extends EventTarget {
  all = []; // the latest first
  #timer = 0;
  #waiting = new Map(); // id to those who wait for its end
  #mine = new Set(); // begun or seen under way by this page: their ends are told
  #listed = new Set(); // what the server has ever told: a list may be older than a job that was just begun

  constructor() {
    super();
    this.look();
  }

  get alive() {
    return this.all.filter(({ is_alive: isAlive }) => isAlive);
  }

  /** Begins a job by a call that returns it, and returns it as it is at its end. Throws what it failed of. */
  async run(begin) {
    const job = await begin();
    this.#mine.add(job.id);
    const ended = new Promise((resolve) => this.#waiting.set(job.id, resolve));
    this.look();
    const view = await ended;
    if (view.state === "failed" || view.state === "dead") throw new Error(view.error || view.message);
    return view;
  }

  /** Asks how everything stands, and again as long as something goes on. */
  async look() {
    clearTimeout(this.#timer);
    try {
      const all = await api.jobs();
      this.all = all;
    } catch {
      this.#timer = setTimeout(() => this.look(), 4 * LOOK_EVERY_MS);
      return;
    }
    for (const job of this.all) this.#note(job);
    for (const [id, resolve] of this.#waiting) {
      if (!this.#listed.has(id) || this.all.some((job) => job.id === id)) continue;
      this.#waiting.delete(id);
      resolve({ id, state: "cancelled", message: "Cancelled. Nothing was changed." });
    }
    this.dispatchEvent(new Event("change"));
    clearTimeout(this.#timer);
    if (this.alive.length || this.#waiting.size) this.#timer = setTimeout(() => this.look(), LOOK_EVERY_MS);
  }

  #note(job) {
    this.#listed.add(job.id);
    if (job.is_alive) {
      this.#mine.add(job.id);
      return;
    }
    const resolve = this.#waiting.get(job.id);
    this.#waiting.delete(job.id);
    resolve?.(job);
    if (this.#mine.delete(job.id)) this.dispatchEvent(new CustomEvent("ended", { detail: { job, isAwaited: Boolean(resolve) } }));
  }

  async cancel(job) {
    await api.endJob(job.id);
    await this.look();
  }
}

/** Shows the jobs under way as a list in `host`. */
export class JobList {
  #jobs;
  #host;
  #rows = new Map();

  constructor(jobs, host) {
    this.#jobs = jobs;
    this.#host = host;
    jobs.addEventListener("change", () => this.#show());
  }

  #show() {
    const { alive } = this.#jobs;
    this.#host.hidden = alive.length === 0;
    for (const job of alive) {
      let row = this.#rows.get(job.id);
      if (!row) {
        row = this.#make(job);
        this.#rows.set(job.id, row);
        this.#host.append(row);
      }
      setText(find(".job-message", row), progressText(job));
      const bar = find("progress", row);
      if (job.share_done === null) bar.removeAttribute("value");
      else bar.value = job.share_done;
    }
    for (const [id, row] of this.#rows) {
      if (alive.some((job) => job.id === id)) continue;
      row.remove();
      this.#rows.delete(id);
    }
  }

  #make(job) {
    const title = titleOf(job);
    const cancel = make("button", { type: "button", class: "small", "aria-label": `Cancel: ${title}` }, "Cancel");
    cancel.addEventListener("click", () => act(cancel, "Cancelling…", () => this.#jobs.cancel(job)));
    return make("li", { class: "job" },
      make("span", { class: "job-title" }, title),
      make("progress", { max: 1, "aria-label": title }),
      make("span", { class: "job-message fine" }), cancel);
  }
}

const titleOf = ({ kind, values }) => (TITLES[kind] ?? (() => kind))(values);

function progressText({ message, games_done: games, n_games: all, pieces_total: pieces }) {
  if (pieces === null) return message;
  const parts = all === null ? [] : [`${count(games)} of ${count(all)} games`];
  return [message, ...parts, `${count(pieces)} pieces`].join(" · ").replace(". ·", " ·");
}

/** Says how a job ended; a picture can be fetched at once. */
export function tellEnd(job) {
  if (job.state === "cancelled") say(`${titleOf(job)}: cancelled.`);
  else if (job.state !== "finished") say(`${titleOf(job)}: ${job.error || job.message}`, { isError: true });
  else say(job.message, job.has_file ? { action: { label: "Download", run: () => fetchFile(pictureOf(job.id)) } } : {});
}

/** Lets the browser fetch a file that the server gives a name. */
function fetchFile(address) {
  const link = make("a", { href: address, download: "" });
  document.body.append(link);
  link.click();
  link.remove();
}

