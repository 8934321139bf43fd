// @ts-check
// Scales from values to shares of an axis, and their ticks at round numbers.

/** @typedef {{ ticks: number[], position: (value: number) => number }} Scale `position` maps a value to 0…1 */

const STEPS = [1, 2, 5, 10];

/**
 * Returns about `n` round numbers from low to high.
 *
 * @param {number} low
 * @param {number} high
 * @param {number} n
 */
export function linearTicks(low, high, n) {
  const raw = (high - low) / Math.max(1, n);
  if (!(raw > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * (STEPS.find((factor) => factor * power >= raw * 0.999) ?? 10);
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k += 1) ticks.push(k * step);
  return ticks;
}

/**
 * Returns ticks, at least two where possible: a single one does not show the scale.
 *
 * @param {number} low
 * @param {number} high
 * @param {number} n
 */
export function ticksBetween(low, high, n) {
  const few = linearTicks(low, high, n);
  return few.length > 1 ? few : linearTicks(low, high, 2 * n);
}

/**
 * @param {number} low
 * @param {number} high
 * @param {number} n about how many ticks
 * @returns {Scale}
 */
export function linearScale(low, high, n) {
  const ticks = ticksBetween(low, high, n);
  const top = high > low ? high : low + 1;
  return { ticks, position: (value) => (value - low) / (top - low) };
}

/**
 * Returns a scale that is logarithmic in 1 + value, so that it begins at 0.
 *
 * @param {number} high
 * @param {number} n about how many ticks
 * @returns {Scale}
 */
export function logScale(high, n) {
  const top = Math.log1p(Math.max(high, 1));
  const decades = Math.floor(Math.log10(Math.max(high, 1)));
  const factors = decades < 1 ? [1, 2, 5] : decades < 2 ? [1, 3] : [1];
  const every = Math.max(1, Math.ceil((decades + 1) / n));
  const ticks = [0];
  for (let k = 0; k <= decades; k += every) ticks.push(...factors.map((factor) => factor * 10 ** k));
  return {
    ticks: ticks.filter((tick) => tick <= Math.max(high, 1)),
    position: (value) => Math.log1p(Math.max(0, value)) / top,
  };
}

/**
 * Moves labels apart: from the top of a plot downwards, and up again where the plot ends.
 *
 * @template {{ at: number }} Label
 * @param {Label[]} labels sorted and moved in place
 * @param {number} gap
 * @param {{ top: number, bottom: number }} plot
 */
export function spreadLabels(labels, gap, { top, bottom }) {
  labels.sort((a, b) => a.at - b.at);
  let next = top;
  for (const label of labels) {
    label.at = Math.max(label.at, next);
    next = label.at + gap;
  }
  let lowest = bottom;
  for (const label of labels.toReversed()) {
    label.at = Math.min(label.at, lowest);
    lowest = label.at - gap;
  }
  return labels;
}

/**
 * Returns the index of the entry nearest to a value; -1 without entries.
 *
 * @param {number[]} sorted
 * @param {number} value
 */
export function nearestIndex(sorted, value) {
  let low = 0;
  let high = sorted.length - 1;
  if (high < 0) return -1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle;
    else high = middle;
  }
  return value - sorted[low] <= sorted[high] - value ? low : high;
}
