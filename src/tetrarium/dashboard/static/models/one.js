// The page of one model: its versions, what is said and was measured of each, a demo, and ways to share it.

import { api, fileOf, pictureOf } from "./api.js";
import { nameInPath } from "../common/address.js";
import { find, make, setAttribute, setText } from "../common/dom.js";
import { beginPage } from "../common/frame.js";
import { JobList, Jobs, tellEnd } from "./jobs.js";
import { deleteWithUndo } from "./leaderboard.js";
import { LiveLink } from "../common/link.js";
import { axisEnd, cutText, drawInterval, gameText, intervalText, medianText, paceText } from "./scores.js";
import { SeatView } from "./seats.js";
import { Table, TableControls, sayInPlace } from "./table.js";
import { act, say } from "../common/toast.js";
import { count, dateText } from "../common/words.js";
import { wholeNumber } from "./side.js";

const name = nameInPath();
const link = new LiveLink();
const jobs = new Jobs();
new JobList(jobs, find("#jobs"));
const table = new Table(link);
const controls = new TableControls(table, find("#demo-controls"));

let model = null;
let chosen = null; // number of the version that is shown
let protocols = [];
let seat = null;
let shownScores = "";

const version = () => model.versions.find(({ number }) => number === chosen);
const spec = () => (model.is_in_box ? model.name : `${model.name}@${chosen}`);
const tagsIn = (text) => [...new Set(text.split(/[\s,]+/).filter(Boolean))].sort();

async function load() {
  try {
    model = await api.model(name);
  } catch (error) {
    if (model === null || error.status === 404) showMissing(error);
    return;
  }
  find("#missing").hidden = true;
  find("#all").hidden = false;
  if (!model.versions.some(({ number }) => number === chosen)) chosen = numberAsked() ?? model.current;
  showAll();
}

/** The version that the address names, as in #2. */
function numberAsked() {
  const number = Number(location.hash.slice(1));
  return model.versions.some((one) => one.number === number) ? number : null;
}

function showMissing(error) {
  model = null;
  find("#all").hidden = find("#export").hidden = find("#delete").hidden = true;
  setText(find("#name"), name);
  setText(find("#facts"), "");
  const place = find("#missing");
  place.hidden = false;
  const isInTrash = error.message.includes("in the trash");
  place.replaceChildren(make("strong", {}, isInTrash ? `${name} lies in the trash.` : error.status === 404 ? `There is no model ${name}.` : error.message),
    make("a", { href: isInTrash ? "/models#trash" : "/models" }, isInTrash ? "Show the trash" : "Show all models"));
}

function showAll() {
  const { versions, is_in_box: isInBox, current } = model;
  setText(find("#name"), model.name);
  document.title = `${model.name} · Models · tetrarium`;
  const stands = isInBox ? "comes with tetrarium" : `${model.name} stands for version ${current}`;
  setText(find("#facts"), `${versions.length === 1 ? "1 version" : `${count(versions.length)} versions`} · ${stands}`);
  find("#delete").hidden = isInBox;
  find("#versions tbody").replaceChildren(...versions.toReversed().map(versionRow));
  showVersion();
}

function versionRow({ number, saved_s: saved, step, about, is_promoted: isPromoted, is_there: isThere, tags }) {
  const isChosen = number === chosen;
  const show = make("button", { type: "button", class: "quiet pick", "aria-pressed": String(isChosen), "aria-label": `Show @${number}`, onclick: () => choose(number) }, `@${number}`);
  const marks = [isPromoted ? "promoted" : null, isThere ? null : "its file is gone", ...tags].filter(Boolean);
  const doings = model.is_in_box ? null : make("span", { class: "row-actions" },
    isPromoted ? null : button("Promote", `Promote version ${number}`, () => change(number, { promoted: true }, `${model.name} stands for version ${number} now.`)),
    button("Delete", `Delete version ${number}`, () => deleteWithUndo(model.name, number, load)));
  return make("tr", { class: isChosen ? "chosen" : null },
    make("th", { scope: "row", class: "text" }, show, marks.map((mark) => make("span", { class: "tag" }, mark))),
    make("td", {}, dateText(saved)), make("td", { class: "column-step" }, count(step)),
    make("td", { class: "text" }, origin(about)), make("td", { class: "column-do" }, doings));
}

function button(word, label, run) {
  const made = make("button", { type: "button", class: "small", "aria-label": label }, word);
  made.addEventListener("click", () => act(made, null, run));
  return made;
}

function origin({ run, checkpoint, imported }) {
  if (run) return make("a", { href: `/runs/${encodeURIComponent(run)}` }, checkpoint ? `${run}@${checkpoint}` : run);
  return imported ? `imported, ${imported}` : "–";
}

function choose(number) {
  chosen = number;
  history.replaceState(null, "", `#${number}`);
  showAll();
  find(`#versions [aria-pressed="true"]`)?.focus();
}

async function change(number, body, told) {
  await api.change(model.name, number, body);
  say(told);
  await load();
}

function showVersion() {
  const { note, tags, env_config: game, algorithm, step, seed, n_bytes: bytes, sha256, about } = version();
  setText(find("#about-title"), `Version ${chosen}`);
  const isDirty = !find("#keep").disabled && find("#notes").dataset.number === String(chosen);
  if (!isDirty) {
    find("#note").value = note;
    find("#tags").value = tags.join(" ");
    find("#notes").dataset.number = String(chosen);
  }
  for (const input of [find("#note"), find("#tags")]) input.disabled = model.is_in_box;
  markChanged();
  const told = {
    Algorithm: algorithm, Step: count(step), Seed: seed === null ? "none" : String(seed), Game: gameText(game),
    Features: (game.features ?? []).join(", ") || "–", File: `${(bytes / 1000).toFixed(1)} kB`, Weights: sha256.slice(0, 16),
    ...Object.fromEntries(Object.entries(about).filter(([key]) => !["run", "checkpoint", "imported"].includes(key)).map(([key, value]) => [key.replaceAll("_", " "), String(value)])),
  };
  find("#facts-list").replaceChildren(...Object.entries(told).flatMap(([term, text]) => [make("dt", {}, term), make("dd", {}, text)]));
  const exported = find("#export");
  exported.hidden = false;
  exported.href = fileOf(model.name, chosen);
  showScores();
  showRecorded();
}

/** The latest picture of this version stays at hand. */
function showRecorded() {
  const job = jobs.all.find(({ kind, values, has_file: hasFile }) => hasFile && kind === "record" && values.what === spec());
  const latest = find("#recorded");
  latest.hidden = !job;
  if (!job) return;
  setAttribute(latest, "href", pictureOf(job.id));
  setAttribute(latest, "title", job.message);
}

function showScores() {
  const mine = model.scores.filter(({ number }) => number === chosen);
  const end = axisEnd(mine);
  const rows = protocols.map((protocol) => {
    const score = mine.find((one) => one.protocol === protocol.name);
    const isBusy = jobs.alive.some(({ kind, values }) => kind === "measure" && values.what === spec() && values.protocol === protocol.name);
    const evaluate = button("Evaluate", `Evaluate under ${protocol.name}${score ? " again" : ""}`, () => measure(protocol.name));
    evaluate.disabled = isBusy;
    return make("tr", {}, make("th", { scope: "row", class: "text", title: protocol.meaning }, protocol.name),
      score ? make("td", { class: "column-lines" }, make("span", { class: "interval-text" }, intervalText(score)), drawInterval(score, end))
        : make("td", { class: "column-lines" }, make("span", { class: "fine" }, isBusy ? "is measured now" : "not measured")),
      make("td", {}, score ? medianText(score) : "–"), make("td", { class: "column-cut" }, score ? cutText(score) : "–"),
      make("td", { class: "column-games" }, score ? count(score.n_games) : "–"), make("td", { class: "column-pace" }, score ? paceText(score) : "–"),
      make("td", { class: "column-do" }, evaluate));
  });
  const fresh = rows.map(({ outerHTML }) => outerHTML).join("");
  if (fresh === shownScores) return; // what is pressed or has the focus stays
  shownScores = fresh;
  find("#scores tbody").replaceChildren(...rows);
}

async function measure(protocol) {
  const ended = await jobs.run(() => api.startJob({ kind: "measure", what: spec(), protocol }));
  say(ended.message);
}

/** Whether what is written differs from what is kept. */
function markChanged() {
  const { note, tags } = version();
  find("#keep").disabled = model.is_in_box || (find("#note").value === note && tagsIn(find("#tags").value).join(" ") === tags.join(" "));
}

find("#notes").addEventListener("input", markChanged);
find("#notes").addEventListener("submit", async (event) => {
  event.preventDefault();
  setText(find("#notes-error"), "");
  try {
    await api.change(model.name, chosen, { note: find("#note").value, tags: tagsIn(find("#tags").value) });
    find("#keep").disabled = true;
    say(`Noted of version ${chosen}.`);
    await load();
  } catch (error) {
    setText(find("#notes-error"), error.message);
  }
});

find("#delete").addEventListener("click", ({ currentTarget }) => act(currentTarget, "Deleting…", () => deleteWithUndo(model.name, null, load)));

// The demo, and the picture of a game.

async function orFault(work) {
  setText(find("#demo-error"), "");
  try {
    return await work();
  } catch (error) {
    setText(find("#demo-error"), error.message);
    return undefined;
  }
}

const seedAsked = () => wholeNumber("Seed", find("#demo-seed").value, 0, 2 ** 32 - 1) ?? 0;

find("#demo-start").addEventListener("click", ({ currentTarget }) => act(currentTarget, "Starting…", () => orFault(async () => {
  await table.start({ seats: [spec()], seed: seedAsked() });
})));

find("#record").addEventListener("click", ({ currentTarget }) => act(currentTarget, null, () => orFault(async () => {
  const max_pieces = wholeNumber("Pieces", find("#record-pieces").value, 1, 1_000) ?? 100;
  const ended = await jobs.run(() => api.startJob({ kind: "record", what: spec(), seed: seedAsked(), max_pieces }));
  tellEnd(ended);
})));

table.addEventListener("change", tellDemo);
table.addEventListener("shown", ({ detail: { event, now } }) => {
  if (!seat) {
    seat = new SeatView();
    seat.name(event.seats[0].what);
    find("#demo-board").replaceChildren(seat.element);
  }
  seat.show(event.seats[0], now);
});

function tellDemo() {
  if (table.hasEnded) {
    seat?.close();
    seat = null;
  }
  sayInPlace(find("#demo-place"), table, "It plays here, without learning, while you watch.");
}

jobs.addEventListener("change", () => {
  if (!model) return;
  showScores();
  showRecorded();
});
jobs.addEventListener("ended", ({ detail: { job, isAwaited } }) => {
  if (!isAwaited) tellEnd(job);
  if (job.kind === "measure") load();
});
link.addEventListener("link", ({ detail }) => {
  setAttribute(find("#status"), "data-state", detail === "lost" ? "lost" : "none");
  setText(find("#status-word"), detail === "lost" ? "Connection lost" : "");
  setText(find("#status-text"), detail === "lost" ? "coming back by itself" : "");
  if (detail === "open") load();
});
window.addEventListener("hashchange", () => {
  const number = model && numberAsked();
  if (number && number !== chosen) choose(number);
});

beginPage({
  keys: [
    ["d", "watch it play", () => find("#demo-start").click()],
    [" ", "pause, resume the demo", () => controls.togglePause()],
    ["g", "new game", () => controls.beginAnew()],
    ["+", "faster", () => controls.changeSpeed(1)],
    ["-", "slower", () => controls.changeSpeed(-1)],
    ["r", "record a GIF", () => find("#record").click()],
  ],
  numbers: [
    ["Lines a game", "All cleared rows by the games that ended, with the interval in which the true mean lies with 95 %."],
    ["At least", "Too few games ended to tell the mean: it lies above this with 95 %."],
    ["Cut off", "Share of games that were still running at the protocol's cut."],
  ],
});
tellDemo();
api.protocols().then((found) => {
  protocols = found;
  if (model) showScores();
}, () => {});

