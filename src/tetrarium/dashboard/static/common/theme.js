// @ts-check
// Sets the theme before anything is painted: "dark", "light", or "auto", which follows the system.
(() => {
  const THEMES = ["auto", "dark", "light"];
  const STORAGE_KEY = "tetrarium-theme";
  const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
  let chosen = "auto";
  try {
    const stored = localStorage.getItem(STORAGE_KEY);
    if (stored && THEMES.includes(stored)) chosen = stored;
  } catch {
    // storage is blocked
  }

  function apply() {
    document.documentElement.dataset.theme = chosen === "auto" ? (systemIsDark.matches ? "dark" : "light") : chosen;
    document.dispatchEvent(new CustomEvent("themechange"));
  }

  systemIsDark.addEventListener("change", apply);
  window.tetrariumTheme = {
    get chosen() {
      return chosen;
    },
    next() {
      chosen = THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length];
      try {
        localStorage.setItem(STORAGE_KEY, chosen);
      } catch {
        // storage is blocked: the choice lasts as long as the page
      }
      apply();
      return chosen;
    },
  };
  apply();
})();
