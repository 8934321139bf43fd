// @ts-check
// Smoothing of curves by an exponential moving average.

/**
 * Returns the moving average of values; its first values are not drawn towards 0.
 *
 * @param {(number | null | undefined)[]} values gaps stay gaps
 * @param {number} weight of the values before, from 0 to less than 1
 * @returns {(number | null | undefined)[]}
 */
export function smoothed(values, weight) {
  let sum = 0;
  let total = 0;
  return values.map((value) => {
    if (typeof value !== "number") return value;
    sum = sum * weight + value * (1 - weight);
    total = total * weight + (1 - weight);
    return sum / total;
  });
}
