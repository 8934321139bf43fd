// The columns of the list of runs: their headings, what they show, and by what they are sorted.

import { swatchOf } from "../common/colours.js";
import { make } from "../common/dom.js";
import { ago, count, lines, stateWord } from "../common/words.js";

export const pathOf = (name) => `/runs/${encodeURIComponent(name)}`;

/** A state as a sign of a shape of its own, and its word. */
export const stateSign = (state) =>
  make("span", { class: "state", "data-state": state }, make("span", { class: "dot", "aria-hidden": "true" }), make("span", {}, stateWord(state)));

const share = ({ step, total_steps: total }) => (total ? Math.min(1, step / total) : 0);

function stepCell(run) {
  const bar = make("span", { class: "bar", "aria-hidden": "true" });
  bar.style.setProperty("--share", share(run).toFixed(3));
  return [make("span", {}, `${count(run.step)} of ${count(run.total_steps)}`), bar];
}

const speed = (run) => (run.is_alive && run.steps_per_second ? `${count(run.steps_per_second)}/s` : "–");
const how = (run) => [run.preset, run.algorithm].filter(Boolean).join(" · ");

const nameCell = (run) => [swatchOf(run.name), make("a", { href: pathOf(run.name), class: "run-link" }, run.name)];

/** On a phone the other columns stand here as words. */
const meanCell = (run) => [
  make("span", { class: run.mean_lines_game === null ? "none" : null }, lines(run.mean_lines_game)),
  make("span", { class: "fine only-phone" }, `${run.mean_lines_game === null ? "" : " lines a game · "}step ${count(run.step)} of ${count(run.total_steps)} · ${how(run)} · ${ago(run.started)}`),
];

/** In the order of the table. `sort` is the server's name; numbers begin with the largest. */
export const COLUMNS = [
  { key: "name", title: "Run", sort: "name", isText: true, cell: nameCell },
  { key: "state", title: "State", sort: "state", isText: true, cell: (run) => stateSign(run.state) },
  { key: "step", title: "Step", sort: "step", help: "Placements learnt from so far, and how many were asked for.", cell: stepCell },
  { key: "mean", title: "Mean lines", sort: "mean_lines_game", help: "Lines a game, the mean of the latest games.", cell: meanCell },
  { key: "best", title: "Best game", sort: "best_lines_game", help: "Most lines in one game.", cell: (run) => count(run.best_lines_game) },
  { key: "speed", title: "Speed", sort: "steps_per_second", help: "Placements of all games together, a second.", cell: speed },
  { key: "started", title: "Started", sort: "started", cell: (run) => make("span", { title: run.started ?? "" }, ago(run.started)) },
  { key: "how", title: "Learns by", sort: "algorithm", isText: true, help: "Preset and algorithm.", cell: how },
  { key: "seed", title: "Seed", sort: "seed", cell: (run) => String(run.seed) },
];
