// @ts-check
// Player of a run's replays: plays them, steps through them, and seeks.
//
// The server replays a game and sends its boards in chunks. Loaded chunks stay, and the next one is loaded before it is
// needed. While the user seeks, one chunk is loaded at a time, always for the latest position.

import { pageUrl } from "../common/address.js";
import { BoardCanvas, ROWS_ABOVE } from "../common/board.js";
import { find, findCanvas, findInput, findOptional, findSelect, make, setAttribute, setText } from "../common/dom.js";
import { downloadBlob } from "../common/download.js";
import { formatCount } from "../common/format.js";
import { attachMenu } from "../common/menus.js";
import { PieceQueue } from "../common/piece-queue.js";
import { pieceLetter } from "../common/pieces.js";
import { runAction, showToast } from "../common/toast.js";
import { api } from "./api.js";

/** @typedef {import("./api.js").Replay} Replay */
/** @typedef {import("./api.js").ReplayBoards} ReplayBoards */

const CHUNK_SIZE = 200; // boards
const MAX_CHUNKS = 60;
const GIF_PIECES = 100;
const MAX_GIF_SPEED = 100; // pieces per second
const LARGE_STEP = 10; // pieces, with the shift key
const MAX_FRAME_MS = 250; // a longer frame does not skip pieces
const REPLACED = "A newer game has replaced this one. Select another game.";

export class ReplayPlayer {
  #root;
  #run;
  /** @type {Replay[]} */
  #replays = [];
  /** @type {Replay | null} */
  #replay = null; // the shown one, with the name that it has now
  #isKept = true; // whether the run still has the shown one
  /** @type {Map<number, ReplayBoards>} */
  #chunks = new Map();
  #isLoading = false;
  #position = 0; // pieces placed on the board to show
  #exactPosition = 0; // with a fraction, while it plays
  #isPlaying = false;
  #frame = 0;
  #frame_ms = 0; // time of the frame before
  #board;
  #next;
  #choice;
  #scrub;

  /**
   * @param {HTMLElement} root the page's main element
   * @param {string} run
   */
  constructor(root, run) {
    this.#root = root;
    this.#board = new BoardCanvas(findCanvas("#replay-board", root));
    this.#next = new PieceQueue(findCanvas("#replay-next", root), { slots: 3, label: "Next", none: "not shown" });
    this.#choice = findSelect("#replay-choice", root);
    this.#scrub = findInput("#scrub", root);
    this.#run = run;
    this.#choice.addEventListener("change", () => this.#choose(this.#choice.value));
    this.#scrub.addEventListener("input", () => this.seek(Number(this.#scrub.value)));
    find("#replay-play", this.#root).addEventListener("click", () => this.toggle());
    find("#replay-step-back", this.#root).addEventListener("click", () => this.step(-1));
    find("#replay-step-forward", this.#root).addEventListener("click", () => this.step(1));
    find("#replay-end", this.#root).addEventListener("click", () => this.seek(Infinity));
    attachMenu(find("#replay-save", this.#root), find("#replay-menu", this.#root));
    const saveButton = find("#replay-save", this.#root);
    find("#save-gif", this.#root).addEventListener("click", () =>
      runAction(saveButton, "Rendering…", () => this.#saveGif()),
    );
    find("#save-json", this.#root).addEventListener("click", () => runAction(null, null, () => this.#save("json")));
    find("#save-file", this.#root).addEventListener("click", () =>
      runAction(null, null, () => this.#save("tetris-replay")),
    );
    find("#player", this.#root).addEventListener("keydown", (event) => this.#press(event));
  }

  /**
   * Lists the replays. Their names are ranks, so the shown one may have another name now. If the run has dropped it, it
   * stays in view as far as it is loaded; if it was not started yet, the replay of its rank is shown, or the best one.
   */
  async list() {
    this.#replays = await api.replays(this.#run);
    const isNone = this.isEmpty;
    find("#replays-empty", this.#root).hidden = !isNone;
    find("#player", this.#root).hidden = isNone;
    const label = this.#choice.closest("label");
    if (label) label.hidden = isNone;
    if (isNone) return;
    this.#fillChoice();
    await this.#followShown();
  }

  get isEmpty() {
    return this.#replays.length === 0;
  }

  #fillChoice() {
    const state = JSON.stringify(this.#replays);
    if (this.#choice.dataset.shown === state) return;
    this.#choice.dataset.shown = state;
    const groups = [
      ["First", "first"],
      ["Best", "best"],
      ["Latest", "last"],
    ].flatMap(([label, prefix]) => {
      const replays = this.#replays.filter(({ name }) => name.startsWith(prefix));
      const options = replays.map((replay) => make("option", { value: replay.name }, titleOf(replay)));
      return options.length ? [make("optgroup", { label }, options)] : [];
    });
    this.#choice.replaceChildren(...groups);
  }

  async #followShown() {
    const shown = this.#replay;
    const named = (/** @type {string} */ name) => this.#replays.find((replay) => replay.name === name);
    const sameName = shown ? named(shown.name) : undefined;
    const same = shown && [sameName, ...this.#replays].find((replay) => replay && isSame(replay, shown));
    if (shown && same) {
      shown.name = same.name;
      this.#isKept = true;
      this.#choice.value = same.name;
    } else if (shown && (this.#isPlaying || this.#position > 0)) {
      this.#isKept = false;
      if (!findOptional('[value=""]', this.#choice)) {
        this.#choice.prepend(make("option", { value: "", hidden: true }, "A game that the run has dropped"));
      }
      this.#choice.value = "";
    } else await this.#choose((sameName ?? named("best-01") ?? this.#replays[0]).name);
  }

  /** @param {string} name */
  async #choose(name) {
    const chosen = this.#replays.find((replay) => replay.name === name);
    if (!chosen) return;
    this.pause();
    this.#replay = { ...chosen };
    this.#isKept = true;
    this.#chunks.clear();
    this.#position = 0;
    this.#choice.value = name;
    this.#scrub.max = String(chosen.pieces);
    this.#scrub.value = "0";
    const { seed, game, step, terminated } = chosen;
    const facts = [
      step === null ? "unfinished when training ended" : `ended at step ${formatCount(step)}`,
      terminated ? "lost" : "truncated",
      `game ${formatCount(game)} of seed ${formatCount(seed)}`,
    ];
    setText(find("#replay-facts", this.#root), facts.join(" · "));
    await this.#load(0);
  }

  get #end() {
    return this.#replay?.pieces ?? 0;
  }

  /**
   * Shows the board after so many pieces.
   *
   * @param {number} position
   */
  seek(position) {
    if (!this.#replay) return;
    this.#position = Math.round(Math.min(this.#end, Math.max(0, position)));
    this.#exactPosition = this.#position;
    this.#show();
  }

  /** @param {number} by pieces */
  step(by) {
    this.pause();
    this.seek(this.#position + by);
  }

  toggle() {
    if (!this.#replay) return;
    if (this.#isPlaying) {
      this.pause();
      return;
    }
    if (this.#position >= this.#end) this.seek(0);
    this.#isPlaying = true;
    this.#exactPosition = this.#position;
    this.#frame_ms = performance.now();
    setText(find("#replay-play", this.#root), "Pause");
    this.#frame = requestAnimationFrame((now) => this.#advance(now));
  }

  pause() {
    this.#isPlaying = false;
    cancelAnimationFrame(this.#frame);
    setText(find("#replay-play", this.#root), "Play");
  }

  get #speed() {
    return Number(findSelect("#replay-speed", this.#root).value);
  }

  /** @param {number} now_ms */
  #advance(now_ms) {
    if (!this.#isPlaying) return;
    if (this.#chunks.has(Math.floor(this.#position / CHUNK_SIZE))) {
      const elapsed_s = Math.min(MAX_FRAME_MS, now_ms - this.#frame_ms) / 1000;
      this.#exactPosition = Math.min(this.#end, this.#exactPosition + this.#speed * elapsed_s);
    }
    this.#frame_ms = now_ms;
    const position = Math.floor(this.#exactPosition);
    if (position !== this.#position) {
      this.#position = position;
      this.#show();
    }
    if (this.#position >= this.#end) this.pause();
    else this.#frame = requestAnimationFrame((next) => this.#advance(next));
  }

  /** Shows the board at the position; while it is loaded, the one before stays. */
  #show() {
    const place = `${formatCount(this.#position)} of ${formatCount(this.#end)}`;
    setText(find("#replay-pieces", this.#root), place);
    if (Number(this.#scrub.value) !== this.#position) this.#scrub.value = String(this.#position);
    setAttribute(this.#scrub, "aria-valuetext", `piece ${place}`);
    const analysis = `${pageUrl("games", `${this.#run}~${this.#replay?.name}`)}#p=${this.#position}`;
    setAttribute(find("#replay-analyze", this.#root), "href", analysis);
    const number = Math.floor(this.#position / CHUNK_SIZE);
    const chunk = this.#chunks.get(number);
    if (!chunk) {
      this.#load(number);
      return;
    }
    this.#draw(chunk, this.#position - chunk.first);
    const isNearEnd = this.#position % CHUNK_SIZE > CHUNK_SIZE / 2;
    const hasNext = (number + 1) * CHUNK_SIZE <= this.#end && !this.#chunks.has(number + 1);
    if (isNearEnd && hasNext && this.#isKept) this.#load(number + 1);
  }

  /** @param {number} number of the chunk */
  async #load(number) {
    const replay = this.#replay;
    if (this.#isLoading || !replay) return; // the position is checked again after the current chunk
    const { name } = replay;
    let failure = null;
    this.#isLoading = true;
    try {
      this.#checkKept();
      const chunk = await api.boards(this.#run, name, number * CHUNK_SIZE, CHUNK_SIZE);
      if (chunk.n_pieces !== replay.pieces || name !== replay.name) throw new Error(REPLACED);
      if (replay === this.#replay) this.#store(number, chunk);
    } catch (error) {
      failure = error;
    }
    this.#isLoading = false;
    if (replay !== this.#replay) await this.#load(Math.floor(this.#position / CHUNK_SIZE));
    else if (failure) await this.#acceptFailure(replay, name, failure);
    else this.#show();
  }

  /**
   * Looks for the replay under another name; shows the failure if it has none.
   *
   * @param {Replay} replay
   * @param {string} name under which it was requested
   * @param {Error & { status?: number }} failure
   */
  async #acceptFailure(replay, name, failure) {
    if (this.#isKept && failure.status !== 0) {
      await this.list().catch(() => {});
      if (replay !== this.#replay) return;
      if (name !== replay.name) {
        this.#show();
        return;
      }
    }
    this.pause();
    showToast(this.#isKept ? failure.message : REPLACED, { isError: true });
  }

  #checkKept() {
    if (!this.#replay || !this.#isKept) throw new Error(REPLACED);
    return this.#replay;
  }

  /**
   * @param {number} number
   * @param {ReplayBoards} chunk
   */
  #store(number, chunk) {
    this.#chunks.set(number, chunk);
    const [oldest] = this.#chunks.keys();
    if (this.#chunks.size > MAX_CHUNKS) this.#chunks.delete(oldest);
  }

  /**
   * @param {ReplayBoards} chunk
   * @param {number} k index in the chunk
   */
  #draw(chunk, k) {
    const { width, height } = chunk;
    const player = find("#player", this.#root);
    player.style.setProperty("--columns", String(width));
    player.style.setProperty("--rows", String(height + ROWS_ABOVE));
    this.#board.show({
      width,
      height,
      cells: chunk.cells[k],
      queue: chunk.queue[k],
      ghost: chunk.ghost[k],
      cleared_rows: chunk.cleared[k],
      game: this.#replay?.game,
      pieces_game: this.#position,
      step: this.#position,
    });
    this.#next.show(chunk.queue[k].slice(1).map(pieceLetter));
    setText(find("#replay-lines", this.#root), formatCount(chunk.lines[k]));
    setText(find("#replay-score", this.#root), formatCount(chunk.score[k]));
    const label = `Board after ${formatCount(this.#position)} pieces: ${formatCount(chunk.lines[k])} lines`;
    setAttribute(find("#replay-board", this.#root), "aria-label", label);
    setAttribute(player, "data-shown", this.#position);
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const isElsewhere = event.target instanceof Element && event.target.closest("select, .picker");
    if (event.ctrlKey || event.metaKey || event.altKey || isElsewhere) return;
    const by = event.shiftKey ? LARGE_STEP : 1;
    /** @type {Record<string, () => void>} */
    const actions = {
      ArrowLeft: () => this.step(-by),
      ArrowRight: () => this.step(by),
      Home: () => this.seek(0),
      End: () => this.seek(Infinity),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  /** @param {"json" | "tetris-replay"} kind */
  async #save(kind) {
    await this.list();
    const { name } = this.#checkKept();
    const file = `${this.#run}-${name}.${kind}`;
    make("a", { href: api.replayUrl(this.#run, name, kind), download: file }).click();
    showToast(`Saved as ${file}.`);
  }

  /** Saves an animation from the shown board on. */
  async #saveGif() {
    this.pause();
    await this.list();
    const { name } = this.#checkKept();
    const speed = Math.min(MAX_GIF_SPEED, Math.max(1, this.#speed));
    const first = Math.min(this.#position, Math.max(0, this.#end - 1));
    const response = await fetch(api.gifUrl(this.#run, name, { first, n_pieces: GIF_PIECES, speed }));
    if (!response.ok) {
      throw new Error((await response.json().catch(() => null))?.error ?? "The animation could not be rendered.");
    }
    const file = `${this.#run}-${name}.gif`;
    downloadBlob(await response.blob(), file);
    showToast(`Saved as ${file}: ${formatCount(Math.min(GIF_PIECES, this.#end - first))} pieces from here.`);
  }
}

/**
 * Returns whether two entries are one game, whatever their names. Games of one place in a batch share seed and number,
 * so all other fields count too.
 *
 * @param {Replay} one
 * @param {Replay} other
 */
const isSame = (one, other) => JSON.stringify({ ...one, name: "" }) === JSON.stringify({ ...other, name: "" });

/** @param {Replay} replay */
function titleOf({ name, lines, pieces }) {
  const figures = `${formatCount(lines)} lines, ${formatCount(pieces)} pieces`;
  if (name === "first") return `First: ${figures}`;
  const rank = Number(name.split("-")[1] ?? 1);
  const [first, other] = name.startsWith("best") ? ["Best", "best"] : ["Latest", "latest"];
  return `${rank === 1 ? first : `${rank}. ${other}`}: ${figures}`;
}
