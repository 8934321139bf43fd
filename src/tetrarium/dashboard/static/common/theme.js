// Sets the theme before anything is painted: "dark", "light", or "auto", which follows the system.
(() => {
  const THEMES = ["auto", "dark", "light"];
  const KEY = "tetrarium-theme";
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let chosen = "auto";
  try {
    const kept = localStorage.getItem(KEY);
    if (THEMES.includes(kept)) chosen = kept;
  } catch { /* a browser that keeps nothing follows the system */ }

  function apply() {
    document.documentElement.dataset.theme = chosen === "auto" ? (dark.matches ? "dark" : "light") : chosen;
    document.dispatchEvent(new CustomEvent("themechange", { detail: chosen }));
  }

  dark.addEventListener("change", apply);
  window.tetrariumTheme = {
    get chosen() { return chosen; },
    next() {
      chosen = THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length];
      try { localStorage.setItem(KEY, chosen); } catch { /* kept until the page is left */ }
      apply();
      return chosen;
    },
  };
  apply();
})();
