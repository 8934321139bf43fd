// @ts-check
// Panel that saves the agent of a run as a version of a model; an active run saves a checkpoint first.

import { pageUrl } from "../common/address.js";
import { find, findButton, findInput, findOptional, findSelect, make, setText } from "../common/dom.js";
import { formatCount } from "../common/format.js";
import { divideByGroup, makeCollapsedGroup, makeFilter } from "../common/list-filter.js";
import { readMeta } from "../common/meta.js";
import { panelHeader } from "../common/panels.js";
import { runAction, showToast } from "../common/toast.js";
import { api } from "./api.js";

/** @typedef {ApiResponse<"get", "/runs">[number]} Run */
/** @typedef {import("../common/meta.js").Meta} Meta */

const NOW = "now"; // option that saves a checkpoint first

export class SavePanel {
  #jobs;
  #dialog;
  /** @type {Run[]} */
  #runs = [];

  /**
   * @param {HTMLDialogElement} dialog the panel
   * @param {import("./jobs.js").Jobs} jobs
   */
  constructor(dialog, jobs) {
    this.#dialog = dialog;
    this.#jobs = jobs;
  }

  /** @param {string | null} [run] the one that is selected first */
  async open(run = null) {
    this.#dialog.replaceChildren(this.#makeForm(make("p", { class: "fine" }, "Loading the runs…")));
    if (!this.#dialog.open) this.#dialog.showModal();
    try {
      const [runs, meta] = await Promise.all([api.runs(), readMeta()]);
      this.#runs = runs.filter(({ is_alive: isAlive, checkpoints }) => isAlive || checkpoints.length);
      this.#dialog.replaceChildren(this.#makeForm(this.#makeFields(run, meta), this.#runs.length > 0));
      this.#showRun();
      findOptional("#save-run", this.#dialog)?.focus();
    } catch (error) {
      this.#dialog.replaceChildren(this.#makeForm(make("p", { class: "form-error" }, error.message)));
    }
  }

  /**
   * @param {HTMLElement} content
   * @param {boolean} [canSave]
   */
  #makeForm(content, canSave = false) {
    const error = make("p", { class: "form-error", role: "alert", id: "save-error" });
    return make(
      "form",
      { method: "dialog", onsubmit: (event) => this.#submit(event) },
      panelHeader(this.#dialog, "save-title", "Save as a model"),
      make("div", { class: "panel-body" }, error, content),
      make(
        "div",
        { class: "panel-foot" },
        make("span", { class: "fine" }, "A new version is added; none is overwritten."),
        make("button", { class: "primary", id: "save-now", disabled: !canSave }, "Save"),
      ),
    );
  }

  /**
   * @param {string | null} selected
   * @param {Meta} meta
   */
  #makeFields(selected, { limits, names }) {
    if (this.#runs.length === 0) {
      const link = make("a", { href: pageUrl() }, "live page");
      return make("p", {}, "No run has been trained yet. Start one on the ", link, ".");
    }
    const run = make(
      "select",
      { id: "save-run", "aria-describedby": "save-run-hint", onchange: () => this.#showRun() },
      this.#makeOptions(selected),
    );
    const filtered = make("span", { class: "filtered" }, makeFilter("Find a run", run), run);
    const weights = make("select", { id: "save-weights", "aria-describedby": "save-weights-hint" });
    const note = { id: "save-note", rows: 3, maxlength: limits.max_note_length, "aria-describedby": "save-note-hint" };
    const name = makeTextInput("save-name", names.entry.max_length);
    return make(
      "div",
      { class: "fields" },
      makeField("save-run", "Run", filtered, "The run whose agent is saved."),
      makeField("save-weights", "Weights", weights, "Of an active run also its current weights."),
      makeField("save-name", "Name of the model", name, "An existing name gets a new version."),
      makeField("save-note", "Note", make("textarea", note), "Optional description."),
      makeField("save-tags", "Tags", makeTextInput("save-tags"), "Short words, separated by spaces."),
    );
  }

  /** @param {string | null} selected */
  #makeOptions(selected) {
    const makeOne = (/** @type {Run} */ { name }) => make("option", { value: name, selected: name === selected }, name);
    const [single, groups] = divideByGroup(this.#runs);
    const optgroups = groups.map(([label, runs]) => makeCollapsedGroup(label, label, runs.map(makeOne)));
    return [...single.map(makeOne), ...optgroups];
  }

  /** Shows the weights of the selected run. */
  #showRun() {
    const select = findOptional("#save-run", this.#dialog);
    const run = this.#runs.find(({ name }) => select instanceof HTMLSelectElement && name === select.value);
    if (!run) return;
    const steps = [...run.checkpoints].sort((a, b) => b - a);
    const options = steps.map((step, k) => {
      const text = `checkpoint of step ${formatCount(step)}${k === 0 ? ", the latest" : ""}`;
      return make("option", { value: step }, text);
    });
    if (run.has_best) options.unshift(make("option", { value: "best" }, "best weights"));
    if (run.is_alive) options.unshift(make("option", { value: NOW }, "current weights"));
    find("#save-weights", this.#dialog).replaceChildren(...options);
    findInput("#save-name", this.#dialog).value = run.name;
  }

  #readBody() {
    const [run, weights] = ["#save-run", "#save-weights"].map((id) => findSelect(id, this.#dialog).value);
    const note = /** @type {HTMLTextAreaElement} */ (find("#save-note", this.#dialog)).value;
    const tags = findInput("#save-tags", this.#dialog).value.split(/[\s,]+/);
    return {
      agent: weights === NOW ? run : `${run}@${weights}`,
      name: findInput("#save-name", this.#dialog).value.trim(),
      note,
      tags: tags.filter(Boolean),
      save_checkpoint: weights === NOW,
    };
  }

  /** @param {SubmitEvent} event */
  #submit(event) {
    event.preventDefault();
    const button = findButton("#save-now", this.#dialog);
    if (button.disabled) return;
    setText(find("#save-error", this.#dialog), "");
    const save = async () => {
      const body = this.#readBody();
      const { message } = await this.#jobs.run(() => api.save(body));
      showToast(message);
      if (button.isConnected) this.#dialog.close();
    };
    runAction(button, "Saving…", save, ({ message }) => {
      if (button.isConnected && this.#dialog.open) setText(find("#save-error", this.#dialog), message);
      else showToast(message, { isError: true });
    });
  }
}

/**
 * @param {string} id
 * @param {number | null} [maxLength]
 */
const makeTextInput = (id, maxLength = null) =>
  make("input", {
    id,
    type: "text",
    maxlength: maxLength,
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": `${id}-hint`,
  });

/**
 * @param {string} id
 * @param {string} label
 * @param {HTMLElement} input
 * @param {string} hint
 */
const makeField = (id, label, input, hint) =>
  make(
    "div",
    { class: "field" },
    make("div", { class: "field-head" }, make("label", { for: id }, label)),
    input,
    make("p", { class: "fine", id: `${id}-hint` }, hint),
  );
