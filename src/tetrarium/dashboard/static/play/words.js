// How the page of play writes times and differences.

import { count } from "../common/words.js";

/** Minutes, seconds and a tenth; to the thousandth where it counts. */
export function clock(seconds, digits = 1) {
  const scale = 10 ** digits;
  const whole = Math.floor(seconds * scale + 1e-6);
  const minutes = Math.floor(whole / (60 * scale));
  const rest = ((whole % (60 * scale)) / scale).toFixed(digits);
  return `${minutes}:${rest.padStart(3 + digits, "0")}`;
}

/** A difference with its sign. */
export const signed = (value) => (value > 0 ? `+${count(value)}` : value < 0 ? `−${count(-value)}` : "0");
