// What the browser remembers: of all pages, or of this tab alone. One that keeps nothing forgets with the page.

/** Keeps a text, or with null forgets it. */
export function keep(key, text, { isOfTab = false } = {}) {
  try {
    const storage = isOfTab ? sessionStorage : localStorage;
    if (text === null) storage.removeItem(key);
    else storage.setItem(key, text);
  } catch {
    // kept until the page is left
  }
}

/** Gives what was kept, or null. */
export function recall(key, { isOfTab = false } = {}) {
  try {
    return (isOfTab ? sessionStorage : localStorage).getItem(key);
  } catch {
    return null;
  }
}
