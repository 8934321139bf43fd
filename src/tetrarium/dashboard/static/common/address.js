// What the address says of a page.

/** The last part of the path: the name of what the page shows. */
export function nameInPath() {
  const part = location.pathname.split("/").at(-1);
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
