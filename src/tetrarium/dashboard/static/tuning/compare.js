// @ts-check
// Comparison of studies: the best value so far over their trials, and the settings in which their best trials differ.

import { find, make, setText } from "../common/dom.js";
import { formatCount, formatPercent } from "../common/format.js";
import { makeSwatch, separateStyles } from "../common/run-styles.js";
import { api } from "./api.js";
import { nameText, runPath, settingText, studyPath, unitOf, valueText } from "./format.js";
import { drawRecords } from "./study-plots.js";

/** @typedef {import("./api.js").StudyDetails} StudyDetails */

export class StudyComparison {
  #root;
  #shown = "";

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
  }

  /**
   * Shows a comparison; an earlier one stays until the new one is there.
   *
   * @param {import("./api.js").Study[]} studies fewer than two hide it
   */
  async show(studies) {
    const asked = JSON.stringify(studies);
    if (asked === this.#shown) return;
    this.#shown = asked;
    if (studies.length < 2) {
      this.#root.hidden = true;
      return;
    }
    try {
      const found = await Promise.all(studies.map(({ name }) => api.study(name)));
      if (this.#shown !== asked) return;
      setText(find("#compare-error", this.#root), "");
      this.#draw(found);
    } catch (error) {
      if (this.#shown !== asked) return;
      this.#shown = "";
      setText(find("#compare-error", this.#root), /** @type {Error} */ (error).message);
    }
    this.#root.hidden = false;
  }

  /** @param {StudyDetails[]} studies */
  #draw(studies) {
    separateStyles(studies.map(({ name }) => name));
    const objectives = [...new Set(studies.map(({ objective }) => objective))];
    const plots = objectives.map((objective) => {
      const title = `Best so far: ${unitOf(objective).toLowerCase()}`;
      const plot = drawRecords(studies.filter((study) => study.objective === objective));
      return make("figure", { class: "study-plot" }, make("figcaption", {}, title), plot);
    });
    find("#compare-plots", this.#root).replaceChildren(...plots);
    find("#compare-table", this.#root).replaceChildren(makeTable(studies));
  }
}

/** @param {StudyDetails} study */
const bestOf = ({ trials, best }) => trials.find(({ number }) => number === best);

/** @param {StudyDetails[]} studies */
function makeTable(studies) {
  const heads = studies.map(({ name }) =>
    make("th", { scope: "col" }, makeSwatch(name), " ", make("a", { href: studyPath(name) }, name)),
  );
  const names = [...new Set(studies.flatMap(({ ranges }) => Object.keys(ranges)))];
  const differing = names.filter((name) => new Set(studies.map((study) => bestText(study, name))).size > 1);
  const rows = [
    makeRow("Best trial", studies.map(makeBest)),
    makeRow(
      "Trials",
      studies.map((study) => formatCount(study.n_done + study.n_pruned + study.n_failed + study.n_deleted)),
    ),
    ...differing.map((name) =>
      makeRow(
        nameText(name),
        studies.map((study) => makeSetting(study, name)),
      ),
    ),
  ];
  const same = names.filter((name) => !differing.includes(name)).map((name) => nameText(name));
  const caption = same.length ? `The best trials have the same ${same.join(", ")}.` : "";
  return make(
    "table",
    {},
    make("caption", { class: "fine" }, caption),
    make("thead", {}, make("tr", {}, make("th", { scope: "col", class: "text" }, "What differs"), heads)),
    make("tbody", {}, rows),
  );
}

/**
 * @param {string} title
 * @param {(string | HTMLElement)[]} cells
 */
const makeRow = (title, cells) =>
  make(
    "tr",
    {},
    make("th", { scope: "row", class: "text" }, title),
    cells.map((cell) => make("td", {}, cell)),
  );

/** @param {StudyDetails} study */
function makeBest(study) {
  const best = bestOf(study);
  if (!best) return "–";
  const run = best.has_run ? make("a", { href: runPath(best.run) }, best.run) : best.run;
  return make("span", {}, valueText(best, study.objective), " ", make("span", { class: "fine" }, run));
}

/**
 * @param {StudyDetails} study
 * @param {string} name of a setting
 */
function bestText(study, name) {
  if (!(name in study.ranges)) return "not varied";
  const best = bestOf(study);
  return best ? settingText(best.params[name]) : "–";
}

/**
 * Makes the value of a setting in the best trial, with the importance of the setting where that is known.
 *
 * @param {StudyDetails} study
 * @param {string} name of the setting
 */
function makeSetting(study, name) {
  const share = study.importances.find((one) => one.name === name)?.share;
  const importance = share === undefined ? "" : ` ${formatPercent(Math.round(share * 100) / 100)} important`;
  return make("span", {}, bestText(study, name), make("span", { class: "fine" }, importance));
}
