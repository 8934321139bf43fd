// A panel to save what a run has learnt as a version of a model; a run under way saves a checkpoint first.

import { api } from "./api.js";
import { find, make, setText } from "../common/dom.js";
import { panelHead } from "../common/panels.js";
import { say } from "../common/toast.js";
import { count } from "../common/words.js";

export class SavePanel {
  #page;
  #dialog = find("#save-panel");
  #runs = [];

  constructor(page) {
    this.#page = page;
  }

  /** Opens it; `name` is the run that is chosen at first. */
  async open(name = null) {
    this.#dialog.replaceChildren(this.#frame(make("p", { class: "fine" }, "Reading what can be saved…")));
    if (!this.#dialog.open) this.#dialog.showModal();
    try {
      this.#runs = (await api.runs()).filter((run) => run.is_alive || run.checkpoints.length > 0);
      this.#dialog.replaceChildren(this.#frame(this.#fields(name), this.#runs.length > 0));
      this.#takeRun();
      find("#save-run", this.#dialog)?.focus();
    } catch (error) {
      this.#dialog.replaceChildren(this.#frame(make("p", { class: "form-error" }, error.message)));
    }
  }

  #frame(content, canSave = false) {
    return make("form", { method: "dialog", onsubmit: (event) => this.#submit(event) },
      panelHead(this.#dialog, "save-title", "Save as a model"),
      make("div", { class: "panel-body" }, make("p", { class: "form-error", role: "alert", id: "save-error" }), content),
      make("div", { class: "panel-foot" }, make("span", { class: "fine" }, "Versions add up; none is overwritten."),
        make("button", { class: "primary", id: "save-now", disabled: !canSave }, "Save")));
  }

  #fields(name) {
    if (this.#runs.length === 0) {
      return make("p", {}, "No run has learnt anything yet. Begin one on the ", make("a", { href: "/" }, "live page"), ".");
    }
    const chosen = this.#runs.find((run) => run.name === name) ?? this.#runs[0];
    const field = (label, input, hint, id) => make("div", { class: "field" },
      make("div", { class: "field-head" }, make("label", { for: id }, label)), input, make("p", { class: "fine", id: `${id}-hint` }, hint));
    const input = (id, more = {}) => make("input", { id, type: "text", autocomplete: "off", spellcheck: "false", "aria-describedby": `${id}-hint`, ...more });
    const runs = make("select", { id: "save-run", "aria-describedby": "save-run-hint", onchange: () => this.#takeRun() },
      this.#runs.map((run) => make("option", { value: run.name, selected: run === chosen }, run.name)));
    const what = make("select", { id: "save-what", "aria-describedby": "save-what-hint" });
    return make("div", { class: "fields" },
      field("Run", runs, "Whose agent is saved.", "save-run"),
      field("What of it", what, "Of a run under way, what it has learnt by now.", "save-what"),
      field("Name of the model", input("save-name", { maxlength: 64 }), "A name that there is already gets a further version.", "save-name"),
      field("Note", make("textarea", { id: "save-note", rows: 3, maxlength: 10000, "aria-describedby": "save-note-hint" }), "What there is to say about it.", "save-note"),
      field("Tags", input("save-tags"), "Short words with spaces between them, to find it by.", "save-tags"));
  }

  /** What can be saved of the run that is chosen. */
  #takeRun() {
    const run = this.#runs.find(({ name }) => name === find("#save-run", this.#dialog)?.value);
    if (!run) return;
    const steps = [...run.checkpoints].sort((a, b) => b - a);
    const options = [
      run.is_alive ? ["now", "as it is now"] : null,
      run.has_best ? ["best", "the weights that did best"] : null,
      ...steps.map((step, k) => [String(step), `checkpoint of step ${count(step)}${k === 0 ? ", the latest" : ""}`]),
    ];
    find("#save-what", this.#dialog).replaceChildren(...options.filter(Boolean).map(([value, text]) => make("option", { value }, text)));
    find("#save-name", this.#dialog).value = run.name;
  }

  async #submit(event) {
    event.preventDefault();
    const button = find("#save-now");
    if (button.disabled || button.getAttribute("aria-busy") === "true") return;
    const value = (id) => find(`#${id}`, this.#dialog).value;
    const [run, what] = [value("save-run"), value("save-what")];
    const order = {
      what: what === "now" ? run : `${run}@${what}`, name: value("save-name").trim(), note: value("save-note"),
      tags: value("save-tags").split(/[\s,]+/).filter(Boolean), fresh: what === "now",
    };
    button.setAttribute("aria-busy", "true");
    setText(button, "Saving…");
    setText(find("#save-error"), "");
    try {
      const ended = await this.#page.jobs.run(() => api.save(order));
      say(ended.message);
      if (button.isConnected) this.#dialog.close();
    } catch (error) {
      if (button.isConnected && this.#dialog.open) setText(find("#save-error"), error.message);
      else say(error.message, { isError: true });
    } finally {
      button.removeAttribute("aria-busy");
      setText(button, "Save");
    }
  }
}
