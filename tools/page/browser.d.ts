// What TypeScript's own description of browsers leaves out.

interface Window {
  /** The theme switch of common/theme.js, a classic script that runs before anything is painted. */
  tetrariumTheme: { readonly chosen: string; next(): string };
}

interface Navigator {
  /** The Keyboard API, in browsers that have it. */
  readonly keyboard?: { getLayoutMap?(): Promise<ReadonlyMap<string, string>> };
}
