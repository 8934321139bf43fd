// @ts-check
// Metrics of a run over its steps: columns from progress.csv, extended by live events.

/** @typedef {Record<string, (number | null)[]>} Columns columns of one length, by name */
/** @typedef {Record<string, number | null>} EvaluationRow a row of evaluations.csv */

export const MAX_POINTS = 600;
const N_RECENT = 100; // latest rows, which are always kept
const ROW_STEPS = 2_000; // steps between two rows of progress.csv

export class MetricHistory {
  #isLastProvisional = false; // whether the next row replaces the last one
  /** @type {Columns} */
  columns = { step: [] };
  /** @type {EvaluationRow[]} by step */
  evaluations = [];

  constructor() {
    this.clear();
  }

  clear() {
    this.#isLastProvisional = false;
    this.columns = { step: [] };
    this.evaluations = [];
  }

  /**
   * Loads columns from the server; later rows from live events stay.
   *
   * @param {Columns} columns
   */
  load(columns) {
    const { columns: live, evaluations } = this;
    this.clear();
    this.evaluations = evaluations;
    const n = columns.step?.length ?? 0;
    for (const [name, values] of Object.entries(columns)) {
      this.columns[name] = Array.from({ length: n }, (_, k) => values[k] ?? null);
    }
    for (let k = 0; k < live.step.length; k += 1) {
      this.append(Object.fromEntries(Object.entries(live).map(([name, values]) => [name, values[k]])));
    }
  }

  /**
   * Loads evaluations from the server; later ones from live events stay, because a result is recorded later.
   *
   * @param {EvaluationRow[]} rows
   */
  loadEvaluations(rows) {
    const live = this.evaluations;
    this.evaluations = [...rows];
    for (const row of live) this.appendEvaluation(row);
  }

  /**
   * Appends a row if it is later than the last one. Rows come no closer than in progress.csv: until then the last row
   * is replaced, so that a live curve looks like one that is loaded.
   *
   * @param {object} row a progress event, or values by column
   */
  append(row) {
    const values = /** @type {Record<string, number | null | undefined>} */ (row);
    const { step: steps } = this.columns;
    const { step } = values;
    if (typeof step !== "number" || step <= (steps.at(-1) ?? -1)) return;
    if (this.#isLastProvisional) for (const column of Object.values(this.columns)) column.pop();
    this.#isLastProvisional = step - (steps.at(-1) ?? 0) < Math.min(ROW_STEPS, step / 20);
    const n = steps.length;
    for (const name of Object.keys(values)) {
      if (typeof values[name] === "number") this.columns[name] ??= Array(n).fill(null);
    }
    for (const [name, column] of Object.entries(this.columns)) column.push(values[name] ?? null);
    if (steps.length > 2 * MAX_POINTS) this.#thin();
  }

  /** @param {EvaluationRow | AgentEvaluated} row which is ignored unless it is later than the last one */
  appendEvaluation(row) {
    const { step } = row;
    if (Number(step) <= Number(this.evaluations.at(-1)?.step ?? -1)) return;
    this.evaluations.push({ .../** @type {EvaluationRow} */ (row), is_best: Number(row.is_best) });
  }

  /**
   * Returns a series of evaluations.
   *
   * @param {string} name
   */
  evaluated(name) {
    return this.evaluations.map((row) => row[name] ?? null);
  }

  /** Step since which no game has been lost: 0 if none was lost at all, null if games have been lost lately. */
  get safeSince() {
    const losses = this.column("losses_per_10000_pieces").findLast((value) => value !== null);
    if (losses !== 0) return null;
    return this.column("last_loss_step").findLast((value) => value !== null) ?? 0;
  }

  /**
   * Returns the values of a column, or none if it has no values yet.
   *
   * @param {string} name
   */
  column(name) {
    return this.columns[name] ?? [];
  }

  get lastStep() {
    return Math.max(this.columns.step.at(-1) ?? 0, this.evaluations.at(-1)?.step ?? 0);
  }

  /** Drops rows so that the others lie evenly over all steps; the latest ones stay. */
  #thin() {
    const steps = /** @type {number[]} */ (this.columns.step);
    const firstRecent = steps.length - N_RECENT;
    const largestGap = (2 * (steps[firstRecent] - steps[0])) / MAX_POINTS;
    let latest = steps[0];
    const isKept = steps.map((step, k) => {
      if (k > 0 && k < firstRecent && steps[k + 1] - latest <= largestGap) return false;
      latest = step;
      return true;
    });
    for (const name of Object.keys(this.columns)) this.columns[name] = this.columns[name].filter((_, k) => isKept[k]);
  }
}
