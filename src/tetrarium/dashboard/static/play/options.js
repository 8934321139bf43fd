// The form of the game: mode, level, seed, opponent and advice. What it says counts for the next game, but for pace and
// advice, which change at once.

import { find, findAll, make, setAttribute, setText } from "../common/dom.js";
import { api } from "./api.js";

const HELP = {
  sprint: "40 lines against the clock.",
  marathon: "150 lines; every ten lines pieces fall faster.",
  free: "As long as you last.",
};
const GROUPS = [
  ["Controllers", ["controller"]], ["Models", ["champion", "model"]], ["Runs, the best of each", ["best"]],
  ["Runs, the latest of each", ["run"]],
];
const LEVELS = 20;
const SLOWEST = 0.2; // pieces a second, at the left end
const FASTEST = 10;
const LAST_SEED = 2 ** 32 - 1;

const paceAt = (place) => Number((SLOWEST * (FASTEST / SLOWEST) ** (place / 100)).toPrecision(2));
const placeOf = (pace) => Math.round(100 * Math.log(pace / SLOWEST) / Math.log(FASTEST / SLOWEST));

export class Options {
  #settings;
  #changed;

  /** `changed(isForNext)` is called after each change: for the next game, or for the one under way. */
  constructor(settings, changed) {
    this.#settings = settings;
    this.#changed = changed;
    find("#first-level").append(...Array.from({ length: LEVELS }, (_, k) => make("option", { value: k + 1 }, String(k + 1))));
    this.#fill();
    find("#options").addEventListener("submit", (event) => event.preventDefault());
    for (const radio of findAll('input[name="mode"]')) radio.addEventListener("change", () => this.#set({ mode: radio.value }, true));
    find("#first-level").addEventListener("change", ({ target }) => this.#set({ level: Number(target.value) }, true));
    find("#seed").addEventListener("change", () => this.#readSeed());
    find("#opponent").addEventListener("change", ({ target }) => this.#set({ opponent: target.value || null }, true));
    find("#advice").addEventListener("change", ({ target }) => this.#set({ advice: target.value || null }, false));
    find("#pace").addEventListener("input", () => this.#readPace());
    find("#as-fast").addEventListener("change", () => this.#readPace());
  }

  /** Fills in who can play; a choice that is gone falls back to nobody. */
  async readPolicies() {
    const policies = await api.policies();
    for (const [id, nobody] of [["opponent", "nobody"], ["advice", "off"]]) {
      const select = find(`#${id}`);
      const names = id === "advice" ? policies.filter(({ name }) => name !== "random") : policies;
      const groups = GROUPS.map(([label, kinds]) => [label, names.filter(({ kind }) => kinds.includes(kind))]);
      select.replaceChildren(make("option", { value: "" }, nobody), ...groups.filter(([, members]) => members.length).map(([label, members]) =>
        make("optgroup", { label }, members.map(({ name }) => make("option", { value: name }, name)))));
      if (!names.some(({ name }) => name === this.#settings.game[id])) this.#settings.setGame({ [id]: null });
      select.value = this.#settings.game[id] ?? "";
    }
    this.#fill();
  }

  /** Says which pieces there are now. */
  showSeed(seed) {
    setText(find("#seed-now"), seed === undefined ? "The same seed brings the same pieces." : `This game: seed ${seed}.`);
    find("#same").disabled = seed === undefined;
  }

  /** Says that the next game differs from the one under way. */
  note(text) {
    setText(find("#options-note"), text);
  }

  #fill() {
    const { mode, level, seed, opponent, pace } = this.#settings.game;
    const radio = find(`input[name="mode"][value="${mode}"]`) ?? find('input[name="mode"]');
    radio.checked = true;
    setText(find("#mode-help"), HELP[radio.value]);
    find("#first-level").value = String(level);
    find("#seed").value = seed === null ? "" : String(seed);
    find("#pace-part").hidden = !opponent;
    find("#as-fast").checked = pace === null;
    find("#pace").disabled = pace === null;
    if (pace !== null) find("#pace").value = String(placeOf(pace));
    this.#showPace();
  }

  #showPace() {
    const { pace } = this.#settings.game;
    setText(find("#pace-value"), pace === null ? "yours" : String(pace));
    setAttribute(find("#pace"), "aria-valuetext", pace === null ? "as fast as you" : `${pace} pieces a second`);
  }

  #set(changes, isForNext) {
    this.#settings.setGame(changes);
    this.#fill();
    this.#changed(isForNext);
  }

  #readPace() {
    const isAsFast = find("#as-fast").checked;
    this.#settings.setGame({ pace: isAsFast ? null : paceAt(Number(find("#pace").value)) });
    find("#pace").disabled = isAsFast;
    this.#showPace();
    this.#changed(false);
  }

  #readSeed() {
    const text = find("#seed").value.trim();
    const seed = text === "" ? null : Number(text);
    const isGood = seed === null || (/^\d+$/.test(text) && seed <= LAST_SEED);
    setAttribute(find("#seed"), "aria-invalid", isGood ? null : "true");
    setText(find("#seed-error"), isGood ? "" : `A seed is a whole number from 0 to ${LAST_SEED.toLocaleString("en-US")}.`);
    if (isGood) this.#set({ seed }, true);
  }
}
