// @ts-check
// Controls of the watched run or demo: pause, stop, save, display and speed; after its end, the next actions.

import { find, findAllInputs, findButton, findInput, setAttribute, setText } from "../common/dom.js";
import { formatCount } from "../common/format.js";
import { SpeedSlider } from "../common/speed-slider.js";
import { isBusy, runAction, showToast } from "../common/toast.js";
import { hasEnded } from "./command-outcome.js";
import { makeEndCard } from "./end-card.js";

/** @typedef {import("./app.js").App} App */
/** @typedef {import("./home.js").View} View */
/** @typedef {{ label: string, busyLabel?: string, run: () => unknown }} Action */
/**
 * @typedef {object} Notice
 * @property {string} title
 * @property {string} [text]
 * @property {boolean} [isError]
 * @property {Action} [action]
 * @property {Action} [second]
 * @property {Action} [share]
 * @property {{ label: string, href: string }} [link]
 */
/** @typedef {{ newRun: () => void, demo: () => void, log: () => void }} Panels functions that open panels */

export class Controls {
  #root;
  #app;
  #panels;
  #speed;
  /** @type {string | null} */
  #requestedMode = null; // while the server has not confirmed it

  /**
   * @param {HTMLElement} root the page's main element
   * @param {App} app
   * @param {Panels} panels
   */
  constructor(root, app, panels) {
    this.#root = root;
    this.#app = app;
    this.#panels = panels;
    find("#pause", this.#root).addEventListener("click", () => this.togglePause());
    find("#stop", this.#root).addEventListener("click", () => this.stop());
    find("#checkpoint", this.#root).addEventListener("click", () => this.saveCheckpoint());
    find("#new-game", this.#root).addEventListener("click", () => this.startNewGame());
    for (const radio of findAllInputs("#mode input", this.#root)) {
      radio.addEventListener("change", () => this.setMode(radio.value));
    }
    const showsValues = findInput("#show-action-values", this.#root);
    showsValues.addEventListener("change", () => app.setActionValues(showsValues.checked));
    this.#speed = new SpeedSlider(findInput("#speed", this.#root), find("#speed-value", this.#root), {
      onMove: (pieces_per_second) => app.setControl({ pieces_per_second }),
      onSettle: (pieces_per_second) => runAction(null, null, () => app.command("speed", { pieces_per_second })),
    });
  }

  togglePause() {
    const state = this.#app.view?.state;
    if (state !== "running" && state !== "paused") return undefined;
    const isPaused = state === "paused";
    return runAction(findButton("#pause", this.#root), isPaused ? "Resuming…" : "Pausing…", () =>
      this.#app.command(isPaused ? "resume" : "pause"),
    );
  }

  stop() {
    const button = findButton("#stop", this.#root);
    if (button.disabled) return undefined;
    return runAction(button, "Stopping…", () => this.#app.stop());
  }

  saveCheckpoint() {
    const button = findButton("#checkpoint", this.#root);
    if (button.disabled || button.hidden) return undefined;
    return runAction(button, "Saving…", () => this.#app.command("checkpoint"));
  }

  startNewGame() {
    return runAction(findButton("#new-game", this.#root), null, () => this.#app.command("new-game"));
  }

  /**
   * Changes what is drawn. Of several requests during a change, the last one is carried out after it.
   *
   * @param {string} mode
   */
  async setMode(mode) {
    let current = this.#app.control.mode;
    const isChanging = this.#requestedMode !== null;
    this.#requestedMode = mode;
    this.#app.setControl({ mode });
    while (!isChanging && this.#requestedMode !== null) {
      /** @type {string} */
      const requested = this.#requestedMode;
      const answer = await runAction(find("#mode", this.#root), null, () =>
        this.#app.command("mode", { mode: requested }),
      );
      if (answer) current = requested;
      if (this.#requestedMode === requested) this.#requestedMode = null;
      this.#app.setControl({ mode: this.#requestedMode ?? current });
    }
  }

  /**
   * Moves the speed slider by steps, for keyboard shortcuts.
   *
   * @param {number} by
   */
  changeSpeed(by) {
    if (findInput("#speed", this.#root).disabled) showToast("The speed can be set under Every move, and in a demo.");
    else this.#speed.step(by);
  }

  /** Updates all controls. */
  show() {
    const { view, control, showsActionValues } = this.#app;
    const isRun = view?.kind !== "demo";
    const canAct = view?.state === "running" || view?.state === "paused";
    const canEnd = canAct || view?.state === "starting";
    const [pause, stop] = [findButton("#pause", this.#root), findButton("#stop", this.#root)];
    pause.disabled = !canAct;
    if (!isBusy(pause)) setText(pause, view?.state === "paused" ? "Resume" : "Pause");
    stop.disabled = !canEnd;
    if (!isBusy(stop)) setText(stop, view?.state === "stopping" ? "Stopping…" : "Stop");
    find("#checkpoint", this.#root).hidden = !isRun;
    findButton("#checkpoint", this.#root).disabled = !canAct;
    find("#new-game", this.#root).hidden = isRun;
    findButton("#new-game", this.#root).disabled = !canAct;
    const mode = /** @type {HTMLFieldSetElement} */ (find("#mode", this.#root));
    mode.hidden = !isRun;
    mode.disabled = !canEnd;
    for (const radio of findAllInputs("input", mode)) radio.checked = radio.value === control.mode;
    findInput("#speed", this.#root).disabled = !(canAct && (!isRun || control.mode === "every-move"));
    findInput("#show-action-values", this.#root).checked = showsActionValues;
    this.#speed.show(control.pieces_per_second);
    find("#live-controls", this.#root).classList.toggle("away", !view || hasEnded(view.state));
    this.#showNotice(this.#noticeOf(view));
    find("#notice", this.#root).classList.toggle("below", view !== null && !hasEnded(view.state));
  }

  /** @param {Notice | null} notice */
  #showNotice(notice) {
    find("#notice", this.#root).hidden = !notice;
    if (!notice) return;
    setAttribute(find("#notice", this.#root), "data-tone", notice.isError ? "bad" : "plain");
    setText(find("#notice-title", this.#root), notice.title);
    setText(find("#notice-text", this.#root), notice.text ?? "");
    this.#showAction(findButton("#notice-action", this.#root), notice.action);
    this.#showAction(findButton("#notice-second", this.#root), notice.second);
    this.#showAction(findButton("#notice-share", this.#root), notice.share);
    const link = find("#notice-link", this.#root);
    link.hidden = !notice.link;
    setText(link, notice.link?.label ?? "");
    setAttribute(link, "href", notice.link?.href ?? "");
  }

  /**
   * @param {HTMLButtonElement} button
   * @param {Action | undefined} action
   */
  #showAction(button, action) {
    button.hidden = !action;
    if (!action) return;
    if (!isBusy(button)) setText(button, action.label);
    button.onclick = () => runAction(button, action.busyLabel ?? null, action.run);
  }

  /** @returns {Notice} */
  #firstNotice() {
    return {
      title: "Nothing has been trained yet.",
      text: "Start a run and watch it learn: random moves first, then endless play.",
      action: {
        label: "Start training",
        busyLabel: "Starting…",
        run: () => this.#app.startRun({ preset: "default" }),
      },
      second: { label: "All settings", run: () => this.#panels.newRun() },
    };
  }

  /**
   * Returns what a demo shows below its controls: the result of its run, or how to train the first one.
   *
   * @param {View} view
   * @returns {Notice | null}
   */
  #noticeBesideDemo({ kind }) {
    const { run, runs } = this.#app;
    if (kind !== "demo") return null;
    if (run?.state === "finished") return makeEndCard(this.#app, run);
    return runs?.length === 0 ? this.#firstNotice() : null;
  }

  /**
   * @param {View | null} view
   * @returns {Notice | null}
   */
  #noticeOf(view) {
    const app = this.#app;
    if (!view) return app.runs === null ? null : this.#firstNotice();
    if (!hasEnded(view.state)) return this.#noticeBesideDemo(view);
    if (view.kind === "demo") {
      const action = { label: "New demo", run: () => this.#panels.demo() };
      return { title: "This demo has ended.", text: view.error, isError: Boolean(view.error), action };
    }
    const resume = { label: "Resume", busyLabel: "Resuming…", run: () => app.resume() };
    const step = `step ${formatCount(Math.max(app.progress?.step ?? 0, view.step ?? 0))}`;
    if (view.state === "stopped") {
      return { title: `Stopped at ${step}.`, text: "Saved. You can resume any time.", action: resume };
    }
    if (view.state === "finished") return makeEndCard(app, /** @type {any} */ (view));
    return {
      title: view.state === "failed" ? `Failed at ${step}.` : `The worker crashed at ${step}.`,
      text: view.error || view.message || "No reason was given.",
      isError: true,
      action: resume,
      second: { label: "Show log", run: () => this.#panels.log() },
    };
  }
}
