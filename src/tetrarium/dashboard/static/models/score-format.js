// @ts-check
// Scores as text and as drawn intervals; all intervals of a table share one logarithmic axis.

import { make } from "../common/dom.js";
import { formatCount, formatLines, formatPercent, formatTicks } from "../common/format.js";

/** @typedef {import("./api.js").Score} Score */
/** @typedef {import("./api.js").Protocol} Protocol */

const MAX_SKEW = 1.5; // of an interval that is written as ± its longer side; others by both ends

/**
 * Formats a mean with its interval: "1,204 ± 60", "1,204 (1,100 to 1,430)" or "lost none of 100".
 *
 * @param {Pick<Score, "mean_lines" | "low" | "high" | "n_games">} score
 */
export function intervalText({ mean_lines: mean, low, high, n_games: nGames }) {
  if (mean === null || high === null) return `lost none of ${formatCount(nGames)}`;
  const [below, above] = [mean - low, high - mean];
  if (Math.max(below, above) > MAX_SKEW * Math.min(below, above)) {
    return `${formatLines(mean)} (${formatLines(low)} to ${formatLines(high)})`;
  }
  return `${formatLines(mean)} ± ${formatLines(Math.max(below, above))}`;
}

/**
 * Formats the median of the games; if half of them were truncated, the true one is higher.
 *
 * @param {Score} score
 */
export const medianText = ({ median_lines: median, n_truncated: nTruncated, n_games: n }) =>
  2 * nTruncated >= n ? `at least ${formatLines(median)}` : formatLines(median);

/**
 * Formats the share of truncated games; only all games are 100 %.
 *
 * @param {Score} score
 */
export const truncatedText = ({ n_truncated: nTruncated, n_games: n }) =>
  nTruncated === 0
    ? "none"
    : nTruncated === n
      ? "all"
      : formatPercent(Math.floor((100 * nTruncated) / n) / 100 || 0.01);

/** @param {Score} score */
export const paceText = ({ pieces_per_second: pace }) => formatCount(pace);

/**
 * Returns the end of the axis: a power of ten above all scores.
 *
 * @param {Score[]} scores
 */
export function axisEnd(scores) {
  const most = Math.max(1, ...scores.map(({ high, low }) => high ?? low));
  return 10 ** Math.ceil(Math.log10(most + 1) - 1e-9);
}

/**
 * @param {number} end
 * @param {number} value
 */
const shareOf = (end, value) => String(Math.min(1, Math.log10(1 + Math.max(0, value)) / Math.log10(1 + end)));

/**
 * Makes ticks at the powers of ten.
 *
 * @param {number} end
 */
export function axisTicks(end) {
  const values = Array.from({ length: Math.round(Math.log10(end)) }, (_, k) => 10 ** k);
  const texts = formatTicks(values);
  return values.map((value, k) => {
    const tick = make("span", {}, texts[k]);
    tick.style.setProperty("--at", shareOf(end, value));
    return tick;
  });
}

/**
 * Draws a score's interval with its mean; without an upper end it is open to the right.
 *
 * @param {Score} score
 * @param {number} end
 */
export function drawInterval({ mean_lines: mean, low, high }, end) {
  const bar = make("span", { class: high === null ? "interval open" : "interval", "aria-hidden": "true" });
  bar.style.setProperty("--from", shareOf(end, low));
  bar.style.setProperty("--to", high === null ? "1" : shareOf(end, high));
  if (mean !== null) bar.style.setProperty("--at", shareOf(end, mean));
  return bar;
}

/**
 * Formats the game of a protocol: "10 × 20, 7-bag".
 *
 * @param {Partial<Pick<Protocol, "width" | "height" | "randomizer">>} protocol
 */
export const gameText = ({ width, height, randomizer }) => `${width ?? "?"} × ${height ?? "?"}, ${randomizer ?? "?"}`;
