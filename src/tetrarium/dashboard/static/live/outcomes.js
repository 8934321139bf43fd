// Waiting until what was asked of a worker has happened, as its events tell.

const PATIENCE_MS = 60_000;
const ENDED = ["stopped", "finished", "failed", "dead"];

const isState = (event, ...states) => event.kind === "state-changed" && states.includes(event.state);

/** The events that tell that a command has been carried out, or cannot be any more. */
const TOLD_BY = {
  pause: (event) => isState(event, "paused", ...ENDED),
  resume: (event) => isState(event, "running", ...ENDED),
  stop: (event) => isState(event, ...ENDED),
  checkpoint: (event) => event.kind === "checkpoint-saved" || isState(event, ...ENDED),
};

/** Whether a run or demo in this state goes on no more. */
export const hasEnded = (state) => ENDED.includes(state);

/**
 * Begins to wait for the outcome of a command, among the events that `app` tells as "told". Gives {promise, forget}:
 * the promise has the event, or null where no event tells, another thing is watched by then, or it takes too long.
 */
export function awaitOutcome(app, command) {
  const isOutcome = TOLD_BY[command];
  if (!isOutcome) return { promise: Promise.resolve(null), forget() {} };
  const { target } = app;
  let take = null;
  let timer = 0;
  const promise = new Promise((resolve) => {
    take = ({ detail }) => {
      if (target !== app.target) resolve(null);
      else if (isOutcome(detail)) resolve(detail);
    };
    timer = setTimeout(() => resolve(null), PATIENCE_MS);
    app.addEventListener("told", take);
  });
  const forget = () => {
    clearTimeout(timer);
    app.removeEventListener("told", take);
  };
  return { promise, forget };
}
