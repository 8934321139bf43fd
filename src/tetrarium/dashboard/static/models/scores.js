// A score in words and as a drawn interval; all of a table share one logarithmic axis.

import { make } from "../common/dom.js";
import { count, lines, percent, ticksText } from "../common/words.js";

const LARGEST_SKEW = 1.5; // beyond it, an interval is written by its ends and not as ± its longer side

/** A mean with its interval, such as "1,204 ± 60", "1,204 (1,100 to 1,430)" or "at least 3,338". */
export function intervalText({ mean_lines: mean, low, high }) {
  if (mean === null || high === null) return `at least ${lines(low)}`;
  const [below, above] = [mean - low, high - mean];
  if (Math.max(below, above) > LARGEST_SKEW * Math.min(below, above)) return `${lines(mean)} (${lines(low)} to ${lines(high)})`;
  return `${lines(mean)} ± ${lines(Math.max(below, above))}`;
}

/** The median of games as played; where half of them were cut off, the true one lies above. */
export const medianText = ({ median_lines: median, n_cut_off: cut, n_games: n }) =>
  2 * cut >= n ? `at least ${lines(median)}` : lines(median);

/** The share of games that were cut off; 100 % is said of all games only. */
export const cutText = ({ n_cut_off: cut, n_games: n }) =>
  cut === 0 ? "none" : cut === n ? "all" : percent(Math.floor((100 * cut) / n) / 100 || 0.01);

export const paceText = ({ pieces_per_second: pace }) => count(pace);

/** The end of the axis: a power of ten above all scores. */
export function axisEnd(scores) {
  const most = Math.max(1, ...scores.map(({ high, low }) => high ?? low));
  return 10 ** Math.ceil(Math.log10(most + 1) - 1e-9);
}

const placeOn = (end, value) => Math.min(1, Math.log10(1 + Math.max(0, value)) / Math.log10(1 + end));

/** The powers of ten below the end, each at its place. */
export function axisTicks(end) {
  const values = Array.from({ length: Math.round(Math.log10(end)) }, (_, k) => 10 ** k);
  const texts = ticksText(values);
  return values.map((value, k) => {
    const tick = make("span", {}, texts[k]);
    tick.style.setProperty("--at", placeOn(end, value));
    return tick;
  });
}

/** Draws a score's interval with its mean; one without an upper end is open to the right. */
export function drawInterval({ mean_lines: mean, low, high }, end) {
  const bar = make("span", { class: high === null ? "interval open" : "interval", "aria-hidden": "true" });
  bar.style.setProperty("--from", placeOn(end, low));
  bar.style.setProperty("--to", high === null ? 1 : placeOn(end, high));
  if (mean !== null) bar.style.setProperty("--at", placeOn(end, mean));
  return bar;
}

/** What a game is, such as "10 × 20, 7-bag". */
export const gameText = ({ width, height, randomizer }) => `${width ?? "?"} × ${height ?? "?"}, ${randomizer ?? "?"}`;

