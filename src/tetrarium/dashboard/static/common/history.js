// What the charts show of a run: columns of its progress, from the table on disk and from what is told live.

export const COLUMNS = [
  "step", "seconds", "steps_per_second", "games_ended", "mean_lines_game", "lines_low", "lines_high",
  "best_lines_game", "mean_reward_placement", "loss", "mean_q", "exploration_rate",
];
export const MAX_POINTS = 600;
const RECENT = 100; // of the latest rows none is dropped
const ROW = 2_000; // placements between two rows of the table

export class History {
  #isPassing = false; // whether the last row makes room for the next one

  constructor() {
    this.clear();
  }

  clear() {
    this.#isPassing = false;
    this.columns = Object.fromEntries(COLUMNS.map((name) => [name, []]));
    this.evaluations = { x: [], lines_evaluation: [] };
  }

  /** Takes the columns that the server read from the table; what was told live and is later stays. */
  load(columns) {
    const told = this.columns;
    this.clear();
    for (const name of COLUMNS) this.columns[name] = [...(columns[name] ?? [])];
    const n = this.columns.step.length;
    for (const name of COLUMNS) while (this.columns[name].length < n) this.columns[name].push(null);
    told.step.forEach((step, k) => this.append(Object.fromEntries(COLUMNS.map((name) => [name, told[name][k]]))));
  }

  loadEvaluations(rows) {
    this.evaluations = { x: rows.map(({ step }) => step), lines_evaluation: rows.map(({ lines }) => lines) };
  }

  /**
   * Takes what the run tells live; what is not later than the last row is known already. The curve's end moves with it,
   * and rows stay no closer than in the table, so that a curve looks the same while it comes and when it is read again.
   */
  append(progress) {
    const { step } = this.columns;
    if (typeof progress.step !== "number" || progress.step <= (step.at(-1) ?? -1)) return;
    if (this.#isPassing) for (const name of COLUMNS) this.columns[name].pop();
    this.#isPassing = progress.step - (step.at(-1) ?? 0) < Math.min(ROW, progress.step / 20);
    for (const name of COLUMNS) this.columns[name].push(progress[name] ?? null);
    if (step.length > 2 * MAX_POINTS) this.#thin();
  }

  appendEvaluation({ step, lines_evaluation }) {
    const { x, lines_evaluation: values } = this.evaluations;
    if (step <= (x.at(-1) ?? -1)) return;
    x.push(step);
    values.push(lines_evaluation);
  }

  /** The columns under the name that charts use for the time axis. */
  get data() {
    return { x: this.columns.step, ...this.columns };
  }

  get lastStep() {
    return Math.max(this.columns.step.at(-1) ?? 0, this.evaluations.x.at(-1) ?? 0);
  }

  /** Keeps rows that lie evenly over the whole course, and all of the latest ones. */
  #thin() {
    const { step } = this.columns;
    const recent = step.length - RECENT;
    const farthest = (2 * (step[recent] - step[0])) / MAX_POINTS; // at which two rows that stay may lie
    let latest = step[0];
    const isKept = step.map((value, k) => {
      if (k > 0 && k < recent && step[k + 1] - latest <= farthest) return false;
      latest = value;
      return true;
    });
    for (const name of COLUMNS) this.columns[name] = this.columns[name].filter((_, k) => isKept[k]);
  }
}
