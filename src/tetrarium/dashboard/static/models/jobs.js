// @ts-check
// Jobs on the server: polled while one is active, and listed with their progress.

import { find, make, setText } from "../common/dom.js";
import { Emitter } from "../common/emitter.js";
import { formatCount, formatPercent } from "../common/format.js";
import { KeyedList } from "../common/keyed-list.js";
import { runAction, showOutcome } from "../common/toast.js";
import { api, jobFileUrl } from "./api.js";

/** @typedef {import("./api.js").Job} Job */
/** @typedef {Pick<Job, "id" | "state" | "message"> & Partial<Job>} EndedJob a canceled job has no further fields */

const POLL_MS = 500;
const POLL_AFTER_FAILURE_MS = 2_000;
/** @type {Record<string, (values: Record<string, any>) => string>} */
const TITLES = {
  evaluate: ({ agent, protocol }) => `Evaluating ${agent} under ${protocol}`,
  compare: ({ agent, other_agent: other }) => `Comparing ${agent} with ${other}`,
  record: ({ agent }) => `Recording ${agent}`,
  save: ({ agent, name }) => `Saving ${agent} as ${name}`,
  import: ({ name }) => `Importing ${name}`,
};

/** @extends {Emitter<{ change: null, ended: { jobs: Job[], others: Job[] } }>} */
export class Jobs extends Emitter {
  /** @type {Job[]} */
  all = []; // the latest first
  #timer = 0;
  /** @type {Map<string, (job: EndedJob) => void>} */
  #waiting = new Map(); // callbacks of awaited jobs, by id
  /** @type {Set<string>} */
  #followed = new Set(); // jobs started by this page or seen active, whose ends are announced
  /** @type {Set<string>} */
  #listed = new Set(); // all jobs that were ever listed; a list may be older than a job that was just started

  constructor() {
    super();
    this.refresh();
  }

  get active() {
    return this.all.filter(({ is_alive: isAlive }) => isAlive);
  }

  /**
   * Starts a job, whose end is announced.
   *
   * @param {() => Promise<Job>} start
   */
  async start(start) {
    this.#follow(await start());
  }

  /** @param {Job} job */
  #follow({ id }) {
    this.#followed.add(id);
    this.refresh();
  }

  /**
   * Starts a job and waits for its end, which the caller announces.
   *
   * @param {() => Promise<Job>} start
   * @returns {Promise<EndedJob>}
   * @throws {Error} if the job failed
   */
  async run(start) {
    const job = await start();
    /** @type {Promise<EndedJob>} */
    const ended = new Promise((resolve) => this.#waiting.set(job.id, resolve));
    this.#follow(job);
    const result = await ended;
    if (result.state === "failed" || result.state === "crashed") throw new Error(result.error || result.message);
    return result;
  }

  /** Lists all jobs, and again while one is active. */
  async refresh() {
    clearTimeout(this.#timer);
    try {
      this.all = (await api.jobs()).filter(({ kind }) => kind in TITLES); // not those on games
    } catch {
      this.#timer = setTimeout(() => this.refresh(), POLL_AFTER_FAILURE_MS);
      return;
    }
    const awaited = new Set(this.#waiting.keys());
    const jobs = this.all.filter((job) => this.#accept(job));
    if (jobs.length) this.emit("ended", { jobs, others: jobs.filter(({ id }) => !awaited.has(id)) });
    for (const [id, resolve] of this.#waiting) {
      if (!this.#listed.has(id) || this.all.some((job) => job.id === id)) continue;
      this.#waiting.delete(id);
      resolve({ id, state: "canceled", message: "Canceled. Nothing was changed." });
    }
    this.emit("change", null);
    clearTimeout(this.#timer);
    if (this.active.length || this.#waiting.size) this.#timer = setTimeout(() => this.refresh(), POLL_MS);
  }

  /**
   * @param {Job} job
   * @returns {boolean} whether it is followed and has ended
   */
  #accept(job) {
    this.#listed.add(job.id);
    if (job.is_alive) {
      this.#followed.add(job.id);
      return false;
    }
    this.#waiting.get(job.id)?.(job);
    this.#waiting.delete(job.id);
    return this.#followed.delete(job.id);
  }

  /** @param {Job} job */
  async cancel(job) {
    await api.cancelJob(job.id);
    await this.refresh();
  }
}

/**
 * Shows the active jobs as a list.
 *
 * @param {Jobs} jobs
 * @param {HTMLElement} host
 */
export function showActiveJobs(jobs, host) {
  /** @type {KeyedList<Job>} */
  const list = new KeyedList(host, { keyOf: ({ id }) => id, make: (job) => makeRow(job, jobs), update: updateRow });
  jobs.on("change", () => {
    host.hidden = jobs.active.length === 0;
    list.show(jobs.active.toReversed()); // the running ones before the queued ones
  });
}

/**
 * @param {Job} job
 * @param {Jobs} jobs
 */
function makeRow(job, jobs) {
  const title = titleOf(job);
  const cancel = make("button", { type: "button", class: "small", "aria-label": `Cancel: ${title}` }, "Cancel");
  cancel.addEventListener("click", () => runAction(cancel, "Canceling…", () => jobs.cancel(job)));
  return make(
    "li",
    { class: "job" },
    make("span", { class: "job-title" }, title),
    make("progress", { max: 1, "aria-label": title }),
    make("span", { class: "job-message fine" }),
    cancel,
  );
}

/**
 * @param {HTMLElement} row
 * @param {Job} job
 */
function updateRow(row, job) {
  setText(find(".job-message", row), progressText(job));
  const bar = find("progress", row);
  if (job.share_done === null) bar.removeAttribute("value");
  else bar.setAttribute("value", String(job.share_done));
}

/** @param {Job} job */
const titleOf = ({ kind, values }) => TITLES[kind]?.(values) ?? kind;

/** @param {Job} job */
function progressText({ message, share_done: share, games_done: done, n_games: nGames, pieces_total: pieces }) {
  if (pieces === null) return message;
  const games = nGames === null ? [] : [`${formatCount(done)} of ${formatCount(nGames)} games ended`];
  return [formatPercent(share), `${formatCount(pieces)} pieces`, ...games].join(" · ");
}

/**
 * Shows how jobs ended, with a button that downloads the file of the latest one that has one.
 *
 * @param {Job[]} jobs
 */
export function showJobEnds(jobs) {
  const done = [];
  const reasons = [];
  for (const job of jobs) {
    if (job.state === "finished") done.push(job.message);
    else if (job.state === "canceled") done.push(`${titleOf(job)}: canceled.`);
    else reasons.push(`${titleOf(job)}: ${job.error || job.message}`);
  }
  const file = jobs.find(({ has_file: hasFile }) => hasFile);
  const action = file ? { label: "Download", run: () => downloadFrom(jobFileUrl(file.id)) } : null;
  showOutcome(done.join(" "), reasons, action);
}

/**
 * Downloads a file under the name that the server gives it.
 *
 * @param {string} url
 */
function downloadFrom(url) {
  const link = make("a", { href: url, download: "" });
  document.body.append(link);
  link.click();
  link.remove();
}
