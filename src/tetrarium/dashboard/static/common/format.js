// @ts-check
// Numbers, times and states as text: thousands separators, units, and only significant digits.

/** @typedef {number | null | undefined} Maybe a number, or nothing where there is none yet */

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const NONE = "–";

/**
 * @param {unknown} value
 * @returns {value is number}
 */
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

/**
 * @param {number} value
 * @param {number} digits significant ones
 * @param {boolean} [keepsZeros] whether trailing zeros stay
 */
function significant(value, digits, keepsZeros = false) {
  if (value === 0) return "0";
  const isTiny = Math.abs(value) < 1e-4;
  const text = isTiny ? value.toExponential(Math.max(0, digits - 1)) : value.toPrecision(digits);
  return (isTiny || (keepsZeros && !text.includes("e")) ? text : String(Number(text))).replaceAll("-", "−");
}

/**
 * Formats a whole number: 41,200.
 *
 * @param {Maybe} value
 */
export const formatCount = (value) => (isNumber(value) ? whole.format(value) : NONE);

/**
 * Formats a difference with its sign: +41,200.
 *
 * @param {number} value
 */
export const formatSigned = (value) =>
  value > 0 ? `+${formatCount(value)}` : value < 0 ? `−${formatCount(-value)}` : "0";

/**
 * Formats lines of a game: whole from 10 on, below that with two significant digits.
 *
 * @param {Maybe} value
 */
export const formatLines = (value) =>
  !isNumber(value) ? NONE : Math.abs(value) >= 9.95 ? whole.format(value) : significant(value, 2);

/**
 * Formats a number that is mostly small, always with three significant digits so that its width stays.
 *
 * @param {Maybe} value
 */
export const formatNumber = (value) =>
  !isNumber(value) ? NONE : Math.abs(value) >= 999.5 ? whole.format(value) : significant(value, 3, true);

/**
 * Formats a share as a percentage: 12 %. A share below 1 is at most 99 %.
 *
 * @param {Maybe} share
 */
export const formatPercent = (share) =>
  isNumber(share) ? `${significant(share < 1 ? Math.min(share * 100, 99) : share * 100, 2)} %` : NONE;

/**
 * Formats a size: 940 kB, 9.4 MB.
 *
 * @param {Maybe} n_bytes
 */
export function formatBytes(n_bytes) {
  if (!isNumber(n_bytes)) return NONE;
  if (n_bytes < 1000) return `${formatCount(n_bytes)} bytes`;
  if (n_bytes < 999_500) return `${significant(n_bytes / 1e3, 3)} kB`;
  return n_bytes < 999_500_000 ? `${significant(n_bytes / 1e6, 3)} MB` : `${significant(n_bytes / 1e9, 3)} GB`;
}

/**
 * Formats a duration by its two largest units: 2 h 5 min.
 *
 * @param {Maybe} seconds
 */
export function formatDuration(seconds) {
  if (!isNumber(seconds)) return NONE;
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

/**
 * Formats the total time of a run and its parts: 43 s (trained 41 s, evaluated 2 s).
 *
 * @param {Maybe} trained_s
 * @param {Maybe} evaluated_s
 */
export function formatDurations(trained_s, evaluated_s) {
  if (!isNumber(trained_s) || !isNumber(evaluated_s) || Math.round(evaluated_s) === 0) return formatDuration(trained_s);
  const parts = `trained ${formatDuration(trained_s)}, evaluated ${formatDuration(evaluated_s)}`;
  return `${formatDuration(trained_s + evaluated_s)} (${parts})`;
}

/**
 * Formats estimated lines per game with their interval: 135 (108 to 170).
 *
 * @param {Maybe} lines
 * @param {Maybe} low
 * @param {Maybe} high
 */
export function formatEstimate(lines, low, high) {
  if (!isNumber(low)) return NONE;
  return isNumber(lines) ? `${formatLines(lines)} (${formatLines(low)} to ${formatLines(high)})` : "no game lost";
}

/**
 * Formats the step since which no game has been lost, if there is one.
 *
 * @param {number | null} step 0 if none was lost at all
 */
export const formatSafe = (step) =>
  step === null ? "" : step === 0 ? "no game lost yet" : `no game lost since step ${formatCount(step)}`;

/**
 * Formats a training mean with its sample: 1,204 (84 ended, 16 running).
 *
 * @param {{ training_mean: Maybe, training_n_ended?: Maybe, training_n_running?: Maybe }} run
 */
export function formatTrainingMean({ training_mean, training_n_ended, training_n_running }) {
  const sample = `${formatCount(training_n_ended)} ended, ${formatCount(training_n_running)} running`;
  return formatLines(training_mean) + (isNumber(training_n_running) ? ` (${sample})` : "");
}

/**
 * Formats an estimate of the remaining time, no finer than the estimate is: 35 min left.
 *
 * @param {Maybe} seconds
 */
export function formatTimeLeft(seconds) {
  if (!isNumber(seconds)) return "";
  const isMinutes = seconds >= 60 && seconds < 3600;
  return `${isMinutes ? `${Math.round(seconds / 60)} min` : formatDuration(seconds)} left`;
}

/**
 * Formats a time on a stopwatch: 1:02.5.
 *
 * @param {number} seconds
 * @param {number} [digits] of the fraction
 */
export function formatClock(seconds, digits = 1) {
  const scale = 10 ** digits;
  const total = Math.floor(seconds * scale + 1e-6);
  const minutes = Math.floor(total / (60 * scale));
  const rest = ((total % (60 * scale)) / scale).toFixed(digits);
  return `${minutes}:${rest.padStart(3 + digits, "0")}`;
}

/**
 * Formats the age of an instant: 5 min ago.
 *
 * @param {string | null | undefined} iso
 */
export function formatAge(iso) {
  const seconds = (Date.now() - Date.parse(iso ?? "")) / 1000;
  if (!isNumber(seconds)) return NONE;
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

const dates = new Intl.DateTimeFormat("en-CA", { dateStyle: "short", timeStyle: "short", hourCycle: "h23" });

/**
 * Formats an instant: 2026-05-03 00:05.
 *
 * @param {number} unix_s seconds since 1970
 */
export const formatDate = (unix_s) => dates.format(new Date(1000 * unix_s)).replace(",", "");

/**
 * Formats a tick of an axis in little room: 1,200 or 40k or 1.2M.
 *
 * @param {number} value
 */
export function formatTick(value) {
  const size = Math.abs(value);
  if (size >= 9.995e8) return `${significant(value / 1e9, 3)}G`;
  if (size >= 999_500) return `${significant(value / 1e6, 3)}M`;
  if (size >= 1e4) return `${significant(value / 1e3, 3)}k`;
  if (size > 0 && size < 1e-3) return value.toExponential(0).replaceAll("-", "−");
  return size >= 999.5 ? whole.format(value) : significant(value, 3);
}

/**
 * Formats all ticks of an axis, in thousands if one of them needs it: 0, 5k, 10k.
 *
 * @param {number[]} values
 */
export function formatTicks(values) {
  const isLarge = values.some((value) => Math.abs(value) >= 1e4);
  const isThousands = (/** @type {number} */ value) => isLarge && Math.abs(value) >= 1e3 && Math.abs(value) < 1e4;
  return values.map((value) => (isThousands(value) ? `${significant(value / 1e3, 3)}k` : formatTick(value)));
}

/** @type {Record<string, string>} */
const STATES = {
  starting: "Starting",
  running: "Running",
  paused: "Paused",
  stopping: "Stopping",
  stopped: "Stopped",
  finished: "Finished",
  failed: "Failed",
  crashed: "Crashed",
  damaged: "Damaged",
};

/**
 * Returns the label of a run's state.
 *
 * @param {string} state
 */
export const stateLabel = (state) => STATES[state] ?? "Unknown";
