// @ts-check
// Texts that the browser stores: for all pages, or for this tab alone. Without storage they last as long as the page.

/**
 * @param {string} key
 * @param {string | null} text null removes it
 * @param {{ inTab?: boolean }} [scope]
 */
export function writeStorage(key, text, { inTab = false } = {}) {
  try {
    const storage = inTab ? sessionStorage : localStorage;
    if (text === null) storage.removeItem(key);
    else storage.setItem(key, text);
  } catch {
    // storage is blocked or full
  }
}

/**
 * Returns a stored text, or null.
 *
 * @param {string} key
 * @param {{ inTab?: boolean }} [scope]
 */
export function readStorage(key, { inTab = false } = {}) {
  try {
    return (inTab ? sessionStorage : localStorage).getItem(key);
  } catch {
    return null;
  }
}
