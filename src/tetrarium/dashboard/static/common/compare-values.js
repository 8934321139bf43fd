// @ts-check
// Order of the values in a table's column.

/**
 * Compares two values of one column: numbers by value, text with the numbers in it by value, lists element by element.
 *
 * @param {unknown} one
 * @param {unknown} other
 * @returns {number} negative if `one` comes first
 */
export function compareValues(one, other) {
  if (one === other) return 0; // two infinities have no difference
  if (typeof one === "number" && typeof other === "number") return one - other;
  if (!Array.isArray(one) || !Array.isArray(other)) {
    return String(one).localeCompare(String(other), "en", { numeric: true });
  }
  const index = one.findIndex((value, k) => k >= other.length || compareValues(value, other[k]) !== 0);
  if (index < 0) return one.length - other.length;
  return index < other.length ? compareValues(one[index], other[index]) : 1;
}
