// @ts-check
// Waiting for the event that shows that a command has been carried out.

const TIMEOUT_MS = 60_000;
const ENDED = ["stopped", "finished", "failed", "crashed"];

/** @typedef {import("./app.js").App} App */

/**
 * @param {WorkerEvent} event
 * @param {string[]} states
 */
const isState = (event, states) => event.kind === "state-changed" && states.includes(event.state);

/** @type {Record<string, (event: WorkerEvent) => boolean>} whether an event ends the wait for a command */
const IS_OUTCOME = {
  pause: (event) => isState(event, ["paused", ...ENDED]),
  resume: (event) => isState(event, ["running", ...ENDED]),
  stop: (event) => isState(event, ENDED),
  checkpoint: (event) => event.kind === "checkpoint-saved" || isState(event, ENDED),
};

/**
 * Returns whether a run or demo in this state has ended.
 *
 * @param {string | undefined} state
 */
export const hasEnded = (state) => state !== undefined && ENDED.includes(state);

/**
 * Starts to wait for the outcome of a command among the events of what is watched.
 *
 * @param {App} app
 * @param {string} command
 * @returns {{ promise: Promise<WorkerEvent | null>, cancel: () => void }} the promise resolves with the event, or with
 *   null if no event reports this command, something else is watched meanwhile, or it takes too long
 */
export function awaitOutcome(app, command) {
  const isOutcome = IS_OUTCOME[command];
  if (!isOutcome) return { promise: Promise.resolve(null), cancel() {} };
  const { target } = app;
  const waiting = new AbortController();
  let timer = 0;
  const promise = new Promise((resolve) => {
    const receive = (/** @type {WorkerEvent} */ event) => {
      if (target !== app.target) resolve(null);
      else if (isOutcome(event)) resolve(event);
    };
    timer = setTimeout(() => resolve(null), TIMEOUT_MS);
    app.on("received", receive, { signal: waiting.signal });
  });
  const cancel = () => {
    clearTimeout(timer);
    waiting.abort();
  };
  return { promise, cancel };
}
