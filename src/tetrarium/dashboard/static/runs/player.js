// Games that a run kept, shown piece by piece: played, stepped through, or scrubbed.
//
// The server plays a game once more and tells its boards in chunks; those that were looked at are kept, and the next one
// is asked for before it is needed. While the bar is dragged, one chunk is on its way at a time, and always for the
// latest place.

import { BoardCanvas, ROWS_ABOVE } from "../common/board.js";
import { drawPieces, keepCrisp, readPalette } from "../common/cells.js";
import { find, make, setAttribute, setText } from "../common/dom.js";
import { joinMenu } from "../common/menus.js";
import { LETTERS } from "../common/pieces.js";
import { act, say } from "../common/toast.js";
import { count } from "../common/words.js";
import { api } from "./api.js";

const CHUNK = 200; // boards
const MOST_CHUNKS = 60;
const FILM_PIECES = 100;
const FAR = 10; // pieces, with the shift key
const GONE = "A newer game has taken this one's place. Choose one again.";

export class Player {
  #run;
  #games = [];
  #game = null; // what is shown, under the name that it has by now
  #isKept = true; // whether the run keeps it still
  #chunks = new Map(); // number of the chunk → what the server told of it
  #loading = null;
  #place = 0; // pieces placed on the board that is wanted
  #shown = -1; // and on the one that is seen
  #isPlaying = false;
  #frame = 0;
  #due = 0; // place with fraction while it plays
  #then = 0;
  #board = new BoardCanvas(find("#replay-board"));
  #next = find("#replay-next");
  #palette = readPalette();

  constructor(run) {
    this.#run = run;
    keepCrisp(this.#next, () => this.#drawNext());
    document.addEventListener("themechange", () => {
      this.#palette = readPalette();
      this.#drawNext();
    });
    find("#replay-choice").addEventListener("change", ({ target }) => this.#choose(target.value));
    find("#scrub").addEventListener("input", ({ target }) => this.go(Number(target.value)));
    find("#replay-play").addEventListener("click", () => this.toggle());
    find("#replay-back").addEventListener("click", () => this.step(-1));
    find("#replay-on").addEventListener("click", () => this.step(1));
    find("#replay-end").addEventListener("click", () => this.go(Infinity));
    joinMenu(find("#replay-save"), find("#replay-menu"));
    find("#save-gif").addEventListener("click", () => act(find("#replay-save"), "Filming…", () => this.#saveFilm()));
    find("#save-json").addEventListener("click", () => act(null, null, () => this.#save("file?kind=json", "json")));
    find("#save-file").addEventListener("click", () => act(null, null, () => this.#save("file?kind=tetris-replay", "tetris-replay")));
    find("#player").addEventListener("keydown", (event) => this.#press(event));
  }

  /**
   * Asks which games there are. Their names are ranks, so the shown game is followed to the one that it has by now; one
   * that is kept no more stays in view as far as it was read. Where none was begun, that of the same rank is shown, or the
   * best.
   */
  async list() {
    this.#games = await api.replays(this.#run);
    const isNone = this.#games.length === 0;
    find("#replays-empty").hidden = !isNone;
    find("#player").hidden = isNone;
    find("#replay-choice").closest("label").hidden = isNone;
    if (isNone) return;
    const select = find("#replay-choice");
    const told = JSON.stringify(this.#games);
    if (select.dataset.told !== told) {
      select.dataset.told = told;
      const group = (label, games) => (games.length ? make("optgroup", { label }, games.map((game) => make("option", { value: game.name }, wordsOf(game)))) : null);
      const kind = (start) => this.#games.filter(({ name }) => name.startsWith(start));
      select.replaceChildren(...[group("First", kind("first")), group("Best", kind("best")), group("Latest", kind("last"))].filter(Boolean));
    }
    const ofName = (wanted) => this.#games.find(({ name }) => name === wanted);
    const again = this.#game && [ofName(this.#game.name), ...this.#games].find((game) => game && isSame(game, this.#game));
    const isBegun = this.#game && (this.#isPlaying || this.#place > 0);
    if (again) {
      this.#game.name = again.name;
      this.#isKept = true;
      select.value = again.name;
    } else if (isBegun) {
      this.#isKept = false;
      if (!find('[value=""]', select)) select.prepend(make("option", { value: "", hidden: true }, "A game that is kept no more"));
      select.value = "";
    } else await this.#choose((ofName(this.#game?.name) ?? ofName("best-01") ?? this.#games[0]).name);
  }

  async #choose(name) {
    this.pause();
    this.#game = { ...this.#games.find((game) => game.name === name) };
    this.#isKept = true;
    this.#chunks.clear();
    this.#place = 0;
    this.#shown = -1;
    find("#replay-choice").value = name;
    const scrub = find("#scrub");
    scrub.max = this.#game.pieces;
    scrub.value = 0;
    const { seed, game, step, is_over: isOver } = this.#game;
    setText(find("#replay-facts"), [step === null ? "still under way" : `ended at step ${count(step)}`, isOver ? "lost" : "cut off", `game ${count(game)} of seed ${count(seed)}`].join(" · "));
    await this.#load(0);
  }

  get #last() {
    return this.#game?.pieces ?? 0;
  }

  /** Shows the board after so many pieces. */
  go(place) {
    if (!this.#game) return;
    this.#place = Math.round(Math.min(this.#last, Math.max(0, place)));
    this.#due = this.#place;
    this.#show();
  }

  step(by) {
    this.pause();
    this.go(this.#place + by);
  }

  toggle() {
    if (!this.#game) return;
    if (this.#isPlaying) {
      this.pause();
      return;
    }
    if (this.#place >= this.#last) this.go(0);
    this.#isPlaying = true;
    this.#due = this.#place;
    this.#then = performance.now();
    setText(find("#replay-play"), "Pause");
    this.#frame = requestAnimationFrame((now) => this.#tick(now));
  }

  pause() {
    this.#isPlaying = false;
    cancelAnimationFrame(this.#frame);
    setText(find("#replay-play"), "Play");
  }

  #tick(now) {
    if (!this.#isPlaying) return;
    const speed = Number(find("#replay-speed").value);
    const isThere = this.#chunks.has(Math.floor(this.#place / CHUNK));
    if (isThere) this.#due = Math.min(this.#last, this.#due + (speed * Math.min(250, now - this.#then)) / 1000);
    this.#then = now;
    const place = Math.floor(this.#due);
    if (place !== this.#place) {
      this.#place = place;
      this.#show();
    }
    if (this.#place >= this.#last) this.pause();
    else this.#frame = requestAnimationFrame((then) => this.#tick(then));
  }

  /** Shows the wanted board if it is there; else it is asked for, and the one before stays. */
  #show() {
    const number = Math.floor(this.#place / CHUNK);
    setText(find("#replay-pieces"), `${count(this.#place)} of ${count(this.#last)}`);
    const scrub = find("#scrub");
    if (Number(scrub.value) !== this.#place) scrub.value = this.#place;
    setAttribute(scrub, "aria-valuetext", `piece ${count(this.#place)} of ${count(this.#last)}`);
    const chunk = this.#chunks.get(number);
    if (!chunk) {
      this.#load(number);
      return;
    }
    this.#draw(chunk, this.#place - chunk.first);
    const isNearEnd = this.#place % CHUNK > CHUNK / 2;
    if (isNearEnd && this.#isKept && (number + 1) * CHUNK <= this.#last && !this.#chunks.has(number + 1)) this.#load(number + 1);
  }

  async #load(number) {
    if (this.#loading) return; // whoever waits asks again when that one is there
    const game = this.#game;
    const { name } = game;
    let fault = null;
    try {
      this.#checkKept();
      this.#loading = api.boards(this.#run, name, number * CHUNK, CHUNK);
      const chunk = await this.#loading;
      if (chunk.n_pieces !== game.pieces || name !== game.name) throw new Error(GONE);
      if (game === this.#game) this.#keep(number, chunk);
    } catch (error) {
      fault = error;
    } finally {
      this.#loading = null;
    }
    if (game !== this.#game) await this.#load(Math.floor(this.#place / CHUNK));
    else if (fault) await this.#findAgain(game, name, fault);
    else this.#show();
  }

  /** No boards came of a game under a name: it is looked for under another one before that is said. */
  async #findAgain(game, name, fault) {
    if (this.#isKept && fault.status !== 0) {
      await this.list().catch(() => {});
      if (game !== this.#game) return;
      if (name !== game.name) {
        this.#show();
        return;
      }
    }
    this.pause();
    say(this.#isKept ? fault.message : GONE, { isError: true });
  }

  #checkKept() {
    if (!this.#isKept) throw new Error(GONE);
  }

  #keep(number, chunk) {
    this.#chunks.set(number, chunk);
    if (this.#chunks.size > MOST_CHUNKS) this.#chunks.delete(this.#chunks.keys().next().value);
  }

  #draw(chunk, k) {
    const { width, height } = chunk;
    const player = find("#player");
    player.style.setProperty("--columns", width);
    player.style.setProperty("--rows", height + ROWS_ABOVE);
    this.#shown = this.#place;
    this.#board.show({
      width, height, cells: chunk.cells[k], queue: chunk.queue[k], ghost: chunk.ghost[k], placed: chunk.placed[k],
      cleared_rows: chunk.cleared[k], game: this.#game.name, pieces_game: this.#place, step: this.#place,
    });
    this.#drawNext(chunk.queue[k]);
    setText(find("#replay-lines"), count(chunk.lines[k]));
    setText(find("#replay-score"), count(chunk.score[k]));
    setAttribute(find("#replay-board"), "aria-label", `The board after ${count(this.#place)} pieces: ${count(chunk.lines[k])} lines`);
    setAttribute(player, "data-shown", this.#place);
  }

  #drawNext(queue = this.#chunks.get(Math.floor(this.#place / CHUNK))?.queue[this.#place % CHUNK] ?? []) {
    const letters = queue.slice(1).map((piece) => LETTERS[piece]);
    drawPieces(this.#next, letters, 3, this.#palette);
    setAttribute(this.#next, "aria-label", letters.length ? `Next: ${letters.join(", ")}` : "Next: not shown");
  }

  #press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select, .picker")) return;
    const far = event.shiftKey ? FAR : 1;
    const press = { ArrowLeft: () => this.step(-far), ArrowRight: () => this.step(far), Home: () => this.go(0), End: () => this.go(Infinity) }[event.key];
    if (!press) return;
    event.preventDefault();
    event.stopPropagation();
    press();
  }

  async #save(rest, suffix) {
    await this.list();
    this.#checkKept();
    const file = `${this.#run}-${this.#game.name}.${suffix}`;
    make("a", { href: api.replayPath(this.#run, this.#game.name, rest), download: file }).click();
    say(`Saved as ${file}.`);
  }

  /** Films from the board that is seen on; that takes some seconds, so the answer is awaited here. */
  async #saveFilm() {
    this.pause();
    await this.list();
    this.#checkKept();
    const speed = Math.min(100, Math.max(1, Number(find("#replay-speed").value)));
    const first = Math.min(this.#place, Math.max(0, this.#last - 1));
    const answer = await fetch(api.replayPath(this.#run, this.#game.name, `gif?first=${first}&n_pieces=${FILM_PIECES}&speed=${speed}`));
    if (!answer.ok) throw new Error((await answer.json().catch(() => null))?.error ?? "The film could not be made.");
    const file = `${this.#run}-${this.#game.name}.gif`;
    const link = make("a", { href: URL.createObjectURL(await answer.blob()), download: file });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    say(`Saved as ${file}: ${count(Math.min(FILM_PIECES, this.#last - first))} pieces from here on.`);
  }
}

/** Whether it is one game; all games of one place in the batch tell the same seed and number, so the rest counts too. */
const isSame = (one, other) => JSON.stringify({ ...one, name: "" }) === JSON.stringify({ ...other, name: "" });

function wordsOf({ name, lines, pieces }) {
  const place = Number(name.split("-")[1] ?? 1);
  const words = name === "first" ? "First" : name.startsWith("best") ? (place === 1 ? "Best" : `${place}. best`) : place === 1 ? "Latest" : `${place}. latest`;
  return `${words}: ${count(lines)} lines, ${count(pieces)} pieces`;
}
