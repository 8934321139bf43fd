// @ts-check
// Addresses of pages. All are below the address of this server, which may have a prefix behind a reverse proxy.

/** Path of the live page, with a slash at its end. */
export const ROOT = new URL("../../", import.meta.url).pathname;

/**
 * Returns the address of a page.
 *
 * @param {string} [page] such as "runs"; the live page by default
 * @param {string} [name] of the run, model or study that it shows
 */
export const pageUrl = (page = "", name = "") => `${ROOT}${page}${name ? `/${encodeURIComponent(name)}` : ""}`;

/** Returns the last segment of the path: the name of the run, model or study that the page shows. */
export function nameInPath() {
  const segment = location.pathname.split("/").at(-1) ?? "";
  return decode(segment) ?? segment;
}

/**
 * Returns what the hash of an address has after a prefix, decoded: of #run/one, "one" for "run/".
 *
 * @param {string} prefix
 * @param {string} [hash]
 * @returns {string | null} null if the hash has another prefix, nothing after it, or is malformed
 */
export function valueInHash(prefix, hash = location.hash) {
  return hash.startsWith(`#${prefix}`) ? decode(hash.slice(prefix.length + 1)) || null : null;
}

/**
 * @param {string} text
 * @returns {string | null} null if it is malformed
 */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
