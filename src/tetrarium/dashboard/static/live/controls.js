// Pause, stop, save; what is drawn and how fast; and, where nothing runs, what to do next.

import { find, findAll, setAttribute, setText } from "../common/dom.js";
import { SpeedSlider } from "../common/speed.js";
import { hasEnded } from "./outcomes.js";
import { act, say } from "../common/toast.js";
import { count, duration } from "../common/words.js";

export class Controls {
  #app;
  #speed;
  #wantedMode = null; // while one is asked for

  /** `app` does what is asked for: command(name, values), resume(), setThinking(on), and so on. */
  constructor(app) {
    this.#app = app;
    find("#pause").addEventListener("click", () => this.togglePause());
    find("#stop").addEventListener("click", () => this.stop());
    find("#checkpoint").addEventListener("click", () => this.saveCheckpoint());
    find("#new-game").addEventListener("click", () => this.newGame());
    find("#mode").addEventListener("change", (event) => this.setMode(event.target.value));
    find("#thinks").addEventListener("change", (event) => app.setThinking(event.target.checked));
    this.#speed = new SpeedSlider(find("#speed"), find("#speed-value"), {
      moved: (pieces_per_second) => app.setControl({ pieces_per_second }),
      settled: (pieces_per_second) => act(null, null, () => app.command("speed", { pieces_per_second })),
    });
  }

  togglePause() {
    const isPaused = this.#app.view?.state === "paused";
    if (!["running", "paused"].includes(this.#app.view?.state)) return undefined;
    return act(find("#pause"), isPaused ? "Resuming…" : "Pausing…", () =>
      this.#app.command(isPaused ? "resume" : "pause"),
    );
  }

  stop() {
    if (find("#stop").disabled) return undefined;
    return act(find("#stop"), "Stopping…", () => this.#app.stop());
  }

  saveCheckpoint() {
    const button = find("#checkpoint");
    if (button.disabled || button.hidden) return undefined;
    return act(button, "Saving…", () => this.#app.command("checkpoint"));
  }

  newGame() {
    return act(find("#new-game"), null, () => this.#app.command("new-game"));
  }

  /** Shows the run in another way; of the wishes that come while one is carried out, the last one follows. */
  async setMode(mode) {
    let kept = this.#app.control.mode;
    const isBusy = this.#wantedMode !== null;
    this.#wantedMode = mode;
    this.#app.setControl({ mode });
    while (!isBusy && this.#wantedMode !== null) {
      const wanted = this.#wantedMode;
      const answer = await act(find("#mode"), null, () => this.#app.command("mode", { mode: wanted }));
      if (answer) kept = wanted;
      if (this.#wantedMode === wanted) this.#wantedMode = null;
      this.#app.setControl({ mode: this.#wantedMode ?? kept });
    }
  }

  /** Moves the slider, for keys. */
  changeSpeed(by) {
    if (find("#speed").disabled) say("The speed can be set under Every move, and in a demo.");
    else this.#speed.step(by);
  }

  /** Arranges everything for what is watched. */
  show() {
    const { view, control, thinks } = this.#app;
    const isRun = view?.kind !== "player";
    const isEnded = hasEnded(view?.state);
    const canAct = ["running", "paused"].includes(view?.state);
    const pause = find("#pause");
    pause.disabled = !canAct;
    if (pause.getAttribute("aria-busy") !== "true") setText(pause, view?.state === "paused" ? "Resume" : "Pause");
    const stop = find("#stop");
    stop.disabled = !canAct && view?.state !== "starting";
    if (stop.getAttribute("aria-busy") !== "true") setText(stop, view?.state === "stopping" ? "Stopping…" : "Stop");
    find("#checkpoint").hidden = !isRun;
    find("#checkpoint").disabled = !canAct;
    find("#new-game").hidden = isRun;
    find("#new-game").disabled = !canAct;
    find("#mode").hidden = !isRun;
    find("#mode").disabled = !canAct && view?.state !== "starting";
    for (const radio of findAll("#mode input")) radio.checked = radio.value === control.mode;
    find("#speed").disabled = !(canAct && (!isRun || control.mode === "every-move"));
    find("#thinks").checked = thinks;
    this.#speed.show(control.pieces_per_second);
    find("#live-controls").classList.toggle("away", !view || isEnded);
    this.#showNotice(view);
  }

  #showNotice(view) {
    const { title, text, tone, action, second } = this.#noticeOf(view);
    const notice = find("#notice");
    notice.hidden = !title;
    setAttribute(notice, "data-tone", tone ?? "plain");
    setText(find("#notice-title"), title ?? "");
    setText(find("#notice-text"), text ?? "");
    for (const [button, offer] of [[find("#notice-action"), action], [find("#notice-second"), second]]) {
      button.hidden = !offer;
      if (!offer) continue;
      if (button.getAttribute("aria-busy") !== "true") setText(button, offer.label);
      button.onclick = () => act(button, offer.word ?? null, offer.run);
    }
  }

  #noticeOf(view) {
    const app = this.#app;
    const start = { label: "Start training", word: "Starting…", run: () => app.startRun({ preset: "default" }) };
    if (!view) {
      if (app.runs === null) return {};
      return {
        title: "Nothing has been trained yet.", text: "Start a run and watch it learn: random flailing first, then endless play.",
        action: start, second: { label: "All settings", run: () => app.openNewRun() },
      };
    }
    if (view.kind === "player") {
      if (!hasEnded(view.state)) return {};
      return {
        title: "This demo has ended.", text: view.error ?? "", tone: view.error ? "bad" : "plain",
        action: { label: "New demo", run: () => app.openDemo() },
      };
    }
    const resume = { label: "Resume", word: "Resuming…", run: () => app.resume() };
    const step = `step ${count(Math.max(app.progress?.step ?? 0, view.step ?? 0))}`;
    if (view.state === "stopped") {
      return { title: `Stopped at ${step}.`, text: "Nothing is lost: it goes on from there.", action: resume };
    }
    if (view.state === "finished") {
      const text = `${count(view.step)} steps in ${duration(view.seconds)}.`;
      return { title: "Finished.", text, action: { label: "Watch it play", word: "Starting…", run: () => app.play(view.name) } };
    }
    if (!["failed", "dead"].includes(view.state)) return {};
    const log = { label: "Show log", run: () => app.openLog() };
    const what = view.state === "failed" ? `Failed at ${step}.` : `The worker died at ${step}.`;
    const why = view.error || view.message || "It said nothing about why.";
    return { title: what, text: why, tone: "bad", action: resume, second: log };
  }
}
