// Numbers as people read them: thousands separators, units, and no more digits than count.

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const NONE = "–";

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

function significant(value, digits, keepsZeros = false) {
  if (value === 0) return "0";
  const isTiny = Math.abs(value) < 1e-4;
  const text = isTiny ? value.toExponential(Math.max(0, digits - 1)) : value.toPrecision(digits);
  return (isTiny || (keepsZeros && !text.includes("e")) ? text : String(Number(text))).replaceAll("-", "−");
}

/** Whole numbers with separators: 41,200. */
export const count = (value) => (isNumber(value) ? whole.format(value) : NONE);

/** Lines of a game: whole from 10 on, below that two digits that count. */
export const lines = (value) =>
  !isNumber(value) ? NONE : Math.abs(value) >= 9.95 ? whole.format(value) : significant(value, 2);

/** Three digits that count, for what is mostly small; always three, so that nothing wobbles. */
export const small = (value) =>
  !isNumber(value) ? NONE : Math.abs(value) >= 999.5 ? whole.format(value) : significant(value, 3, true);

/** A share as percents. */
export const percent = (share) => (isNumber(share) ? `${significant(share * 100, 2)} %` : NONE);

/** Sizes: 940 kB, 9.4 MB. */
export function bytes(n) {
  if (!isNumber(n)) return NONE;
  if (n < 999_500) return n < 1000 ? `${count(n)} bytes` : `${significant(n / 1e3, 3)} kB`;
  return n < 999_500_000 ? `${significant(n / 1e6, 3)} MB` : `${significant(n / 1e9, 3)} GB`;
}

/** The two largest units of a number of seconds. */
export function duration(seconds) {
  if (!isNumber(seconds)) return NONE;
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

/** How long it will take, no finer than such a guess is: 35 min left. */
export function left(seconds) {
  if (!isNumber(seconds)) return "";
  return `${seconds >= 60 && seconds < 3600 ? `${Math.round(seconds / 60)} min` : duration(seconds)} left`;
}

/** How long ago an instant is, given as ISO text. */
export function ago(iso) {
  const seconds = (Date.now() - Date.parse(iso)) / 1000;
  if (!isNumber(seconds)) return NONE;
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

/** An instant, given as seconds since 1970: 2026-05-03 00:05. */
export const dateText = (seconds) =>
  new Intl.DateTimeFormat("en-CA", { dateStyle: "short", timeStyle: "short", hourCycle: "h23" }).format(new Date(1000 * seconds)).replace(",", "");

/** Ticks of an axis: 1,200 or 40k or 1.2M, so that they fit. */
export function short(value) {
  const size = Math.abs(value);
  if (size >= 9.995e8) return `${significant(value / 1e9, 3)}G`;
  if (size >= 999_500) return `${significant(value / 1e6, 3)}M`;
  if (size >= 1e4) return `${significant(value / 1e3, 3)}k`;
  if (size > 0 && size < 1e-3) return value.toExponential(0).replaceAll("-", "−");
  return size >= 999.5 ? whole.format(value) : significant(value, 3);
}

/** Ticks of one axis, in one unit where they are large: 0, 5k, 10k. */
export function ticksText(values) {
  const isLarge = values.some((value) => Math.abs(value) >= 1e4);
  return values.map((value) => (isLarge && Math.abs(value) >= 1e3 && Math.abs(value) < 1e4 ? `${significant(value / 1e3, 3)}k` : short(value)));
}

const STATES = {
  starting: "Starting", running: "Running", paused: "Paused", stopping: "Stopping", stopped: "Stopped",
  finished: "Finished", failed: "Failed", dead: "Died",
};

/** A run's state as one word. */
export const stateWord = (state) => STATES[state] ?? "Unknown";
