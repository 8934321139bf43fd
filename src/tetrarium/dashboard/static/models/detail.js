// @ts-check
// The page of one model: its versions with their notes and scores, a demo, and export.

import { nameInPath, pageUrl } from "../common/address.js";
import { find, findButton, findInput, findOptional, make, setAttribute, setText } from "../common/dom.js";
import { formatCount, formatDate, formatLines } from "../common/format.js";
import { initPage } from "../common/frame.js";
import { LiveSocket } from "../common/live-socket.js";
import { readMeta } from "../common/meta.js";
import { PreviewBoard } from "../common/preview.js";
import { parseOptionalWhole } from "../common/setting-input.js";
import { runAction, showToast } from "../common/toast.js";
import { api, bundleUrl, jobFileUrl } from "./api.js";
import { DemoTable, DemoTableControls, showTableMessage } from "./demo-table.js";
import { Jobs, showActiveJobs, showJobEnds } from "./jobs.js";
import { deleteWithUndo } from "./leaderboard.js";
import { axisEnd, drawInterval, gameText, intervalText, medianText, paceText, truncatedText } from "./score-format.js";
import { SeatView } from "./seat-view.js";

/** @typedef {import("./api.js").Model} Model */
/** @typedef {import("./api.js").Protocol} Protocol */
/** @typedef {Model["versions"][number]} Version */
/** @typedef {Model["scores"][number]} ModelScore */
/** @typedef {{ model: Model, version: Version }} Shown */
/** @typedef {import("../common/meta.js").Meta["limits"]} Limits */

const DEFAULT_GIF_PIECES = 100;
const SHORT_HASH = 16; // characters
/** @type {Record<string, string>} */
const FACT_LABELS = { lines_until_limit: "Lines until the limit", harder_lines: "Harder game, lines" };
const ORIGIN_KEYS = ["run", "checkpoint", "imported"]; // of `about`, shown in the table of versions

const name = nameInPath();
const socket = new LiveSocket();
const jobs = new Jobs();
showActiveJobs(jobs, find("#jobs"));
const table = new DemoTable(socket);
const controls = new DemoTableControls(table, find("#demo-controls"));
const preview = new PreviewBoard(find("#preview"));
const note = /** @type {HTMLTextAreaElement} */ (find("#note"));
const tags = findInput("#tags");
const saveNote = findButton("#save-note");

/** @type {Model | null} */
let model = null;
/** @type {number | null} */
let shownNumber = null; // of the version
/** @type {Protocol[]} */
let protocols = [];
/** @type {SeatView | null} */
let seat = null;
let shownScores = "";

/**
 * Returns the model and the version that are shown.
 *
 * @returns {Shown | null} null before they are loaded
 */
function shown() {
  const version = model?.versions.find(({ number }) => number === shownNumber);
  return model && version ? { model, version } : null;
}

/** @param {Shown} shown */
const specOf = ({ model: { name, is_builtin: isBuiltin }, version }) =>
  isBuiltin ? name : `${name}@${version.number}`;

/** @param {string} text */
const parseTags = (text) => [...new Set(text.split(/[\s,]+/).filter(Boolean))].sort();

async function load() {
  try {
    model = await api.model(name);
  } catch (error) {
    if (model === null || error.status === 404) showMissing(error);
    return;
  }
  find("#model-missing").hidden = true;
  find("#model-body").hidden = false;
  if (!shown()) shownNumber = numberInAddress(model) ?? model.current;
  showAll();
}

/**
 * Returns the version that the address names, as in #2, or null.
 *
 * @param {Model} model
 */
function numberInAddress({ versions }) {
  const number = Number(location.hash.slice(1));
  return versions.some((version) => version.number === number) ? number : null;
}

/** @param {import("../common/api.js").ApiError} error */
function showMissing({ status, code, message }) {
  model = null;
  find("#model-body").hidden = find("#export").hidden = find("#delete").hidden = true;
  setText(find("#name"), name);
  setText(find("#facts"), "");
  const isInTrash = code === "model-in-trash";
  const text = isInTrash ? `${name} is in the trash.` : status === 404 ? `There is no model ${name}.` : message;
  const href = `${pageUrl("models")}${isInTrash ? "#trash" : ""}`;
  const link = make("a", { href }, isInTrash ? "Show the trash" : "Show all models");
  const place = find("#model-missing");
  place.hidden = false;
  place.replaceChildren(make("strong", {}, text), link);
}

function showAll() {
  const current = shown();
  if (!current) return;
  const { name, versions, is_builtin: isBuiltin, current: defaultNumber } = current.model;
  setText(find("#name"), name);
  document.title = `${name} · Models · tetrarium`;
  const count = versions.length === 1 ? "1 version" : `${formatCount(versions.length)} versions`;
  setText(find("#facts"), `${count} · ${isBuiltin ? "built in" : `Default version: ${defaultNumber}`}`);
  find("#delete").hidden = isBuiltin;
  const rows = versions.toReversed().map((version) => makeVersionRow({ model: current.model, version }));
  find("#versions tbody").replaceChildren(...rows);
  showVersion(current);
}

/** @param {Shown} row */
function makeVersionRow(row) {
  const { number, saved_s: saved, step, about, is_promoted: isPromoted, has_file: hasFile, tags } = row.version;
  const isShown = number === shownNumber;
  const show = make(
    "button",
    {
      type: "button",
      class: "quiet version-link",
      "aria-pressed": String(isShown),
      "aria-label": `Show @${number}`,
      onclick: () => showNumber(number),
    },
    `@${number}`,
  );
  const marks = [isPromoted ? "promoted" : "", hasFile ? "" : "file missing", ...tags].filter(Boolean);
  const tagElements = marks.map((mark) => make("span", { class: "tag" }, mark));
  return make(
    "tr",
    { class: isShown ? "chosen" : null },
    make("th", { scope: "row", class: "text" }, show, tagElements),
    make("td", {}, formatDate(saved)),
    make("td", { class: "column-step" }, formatCount(step)),
    make("td", { class: "text" }, makeOrigin(about, row.model.runs)),
    make("td", { class: "column-actions" }, makeVersionActions(row)),
  );
}

/** @param {Shown} row */
function makeVersionActions({ model: { name, is_builtin: isBuiltin }, version: { number, is_promoted: isPromoted } }) {
  if (isBuiltin) return null;
  const promote = async () => {
    await api.change(name, number, { promoted: true });
    showToast(`Version ${number} is now the default of ${name}.`);
    await load();
  };
  const remove = () => deleteWithUndo(name, number, load);
  return make(
    "span",
    { class: "row-actions" },
    isPromoted ? null : makeButton("Promote", `Promote version ${number}`, promote),
    makeButton("Delete", `Delete version ${number}`, remove),
  );
}

/**
 * @param {string} text
 * @param {string} label for screen readers
 * @param {() => unknown} action
 */
function makeButton(text, label, action) {
  const button = make("button", { type: "button", class: "small", "aria-label": label }, text);
  button.addEventListener("click", () => runAction(button, null, action));
  return button;
}

/**
 * @param {Record<string, any>} about
 * @param {string[]} runs that there are
 */
function makeOrigin({ run, checkpoint, imported }, runs) {
  if (!run) return imported ? `imported, ${imported}` : "–";
  const text = checkpoint ? `${run}@${checkpoint}` : run;
  return runs.includes(run) ? make("a", { href: pageUrl("runs", run) }, text) : text;
}

/** @param {number} number of the version */
function showNumber(number) {
  shownNumber = number;
  history.replaceState(null, "", `#${number}`);
  showAll();
  findOptional('#versions [aria-pressed="true"]')?.focus();
}

/** @param {Shown} current */
function showVersion(current) {
  const { model, version } = current;
  setText(find("#about-title"), `Version ${version.number}`);
  showNote(current);
  const game = /** @type {Record<string, any>} */ (version.env_config);
  const about = Object.entries(version.about).filter(([key]) => !ORIGIN_KEYS.includes(key));
  const facts = [
    ["Algorithm", version.algorithm],
    ["Step", formatCount(version.step)],
    ["Seed", version.seed === null ? "none" : String(version.seed)],
    ["Game", gameText(game)],
    ["Features", (game.features ?? []).join(", ") || "–"],
    ["File", `${(version.n_bytes / 1000).toFixed(1)} kB`],
    ["Weights", version.sha256.slice(0, SHORT_HASH)],
    ...about.map(([key, value]) =>
      key in FACT_LABELS ? [FACT_LABELS[key], formatLines(Number(value))] : [key.replaceAll("_", " "), String(value)],
    ),
  ];
  const list = facts.flatMap(([term, text]) => [make("dt", {}, term), make("dd", {}, text)]);
  find("#facts-list").replaceChildren(...list);
  find("#export").hidden = false;
  setAttribute(find("#export"), "href", bundleUrl(model.name, version.number));
  showScores(current);
  showAnimation(current);
  showDemoState();
}

/**
 * Shows note and tags, unless the user is editing those of this version.
 *
 * @param {Shown} current
 */
function showNote({ model, version }) {
  const form = find("#notes");
  const isEdited = !saveNote.disabled && form.dataset.number === String(version.number);
  if (!isEdited) {
    note.value = version.note;
    tags.value = version.tags.join(" ");
    form.dataset.number = String(version.number);
  }
  note.disabled = tags.disabled = model.is_builtin;
  markEdited();
}

/** Enables the button that saves the note if there is something to save. */
function markEdited() {
  const current = shown();
  if (!current) return;
  const { model, version } = current;
  const isSame = note.value === version.note && parseTags(tags.value).join(" ") === version.tags.join(" ");
  saveNote.disabled = model.is_builtin || isSame;
}

/**
 * Links the latest animation of the version.
 *
 * @param {Shown} current
 */
function showAnimation(current) {
  const spec = specOf(current);
  const job = jobs.all.find(({ kind, values, has_file: has }) => has && kind === "record" && values.agent === spec);
  const link = find("#recorded");
  link.hidden = !job;
  if (!job) return;
  setAttribute(link, "href", jobFileUrl(job.id));
  setAttribute(link, "title", job.message);
}

/** @param {Shown} current */
function showScores(current) {
  const scores = current.model.scores.filter(({ number }) => number === current.version.number);
  const end = axisEnd(scores);
  const rows = protocols.map((protocol) => {
    const score = scores.find((one) => one.protocol === protocol.name);
    return makeScoreRow(specOf(current), protocol, score, end);
  });
  const content = rows.map(({ outerHTML }) => outerHTML).join("");
  if (content === shownScores) return; // keeps the focus
  shownScores = content;
  find("#scores tbody").replaceChildren(...rows);
}

/**
 * @param {string} spec
 * @param {Protocol} protocol
 * @param {ModelScore | undefined} score
 * @param {number} end of the axis of intervals
 */
function makeScoreRow(spec, { name: protocol, meaning }, score, end) {
  const isBusy = jobs.active.some(
    ({ kind, values }) => kind === "evaluate" && values.agent === spec && values.protocol === protocol,
  );
  const label = `Evaluate under ${protocol}${score ? " again" : ""}`;
  const evaluate = makeButton("Evaluate", label, () =>
    jobs.start(() => api.startJob({ kind: "evaluate", agent: spec, protocol })),
  );
  evaluate.disabled = isBusy;
  const lines = score
    ? [make("span", { class: "interval-text" }, intervalText(score)), drawInterval(score, end)]
    : [make("span", { class: "fine" }, isBusy ? "being evaluated" : "not evaluated")];
  return make(
    "tr",
    {},
    make("th", { scope: "row", class: "text", title: meaning }, protocol),
    make("td", { class: "column-lines" }, lines),
    make("td", {}, score ? medianText(score) : "–"),
    make("td", { class: "column-truncated" }, score ? truncatedText(score) : "–"),
    make("td", { class: "column-games" }, score ? formatCount(score.n_games) : "–"),
    make("td", { class: "column-speed" }, score ? paceText(score) : "–"),
    make("td", { class: "column-actions" }, evaluate),
  );
}

find("#notes").addEventListener("input", markEdited);
find("#notes").addEventListener("submit", async (event) => {
  event.preventDefault();
  const current = shown();
  if (!current) return;
  setText(find("#notes-error"), "");
  try {
    const changes = { note: note.value, tags: parseTags(tags.value) };
    await api.change(current.model.name, current.version.number, changes);
    saveNote.disabled = true;
    showToast(`Note of version ${current.version.number} saved.`);
    await load();
  } catch (error) {
    setText(find("#notes-error"), error.message);
  }
});
find("#delete").addEventListener("click", () =>
  runAction(find("#delete"), "Deleting…", () => deleteWithUndo(name, null, load)),
);

/**
 * Runs an action on the shown version, and shows an error beside the demo.
 *
 * @param {HTMLElement} button
 * @param {string | null} busyLabel
 * @param {(spec: string, seed: number, limits: Limits) => Promise<void>} action
 */
function runDemoAction(button, busyLabel, action) {
  const current = shown();
  if (!current) return;
  const error = find("#demo-error");
  setText(error, "");
  const run = async () => {
    const { limits } = await readMeta();
    const seed = parseOptionalWhole("Seed", findInput("#demo-seed").value, 0, limits.max_seed) ?? 0;
    await action(specOf(current), seed, limits);
  };
  runAction(button, busyLabel, run, ({ message }) => setText(error, message));
}

find("#demo-start").addEventListener("click", () =>
  runDemoAction(find("#demo-start"), "Starting…", (spec, seed) => table.start({ seats: [spec], seed })),
);
find("#record").addEventListener("click", () =>
  runDemoAction(find("#record"), null, async (spec, seed, limits) => {
    const pieces = findInput("#record-pieces").value;
    const max_pieces = parseOptionalWhole("Pieces", pieces, 1, limits.max_recorded_pieces) ?? DEFAULT_GIF_PIECES;
    const ended = await jobs.run(() => api.startJob({ kind: "record", agent: spec, seed, max_pieces }));
    showJobEnds([/** @type {import("./api.js").Job} */ (ended)]);
  }),
);

table.on("change", showDemoState);
table.on("shown", ({ event: { seats }, now_ms }) => {
  if (!seat) {
    seat = new SeatView(seats[0].agent);
    find("#demo-board").replaceChildren(seat.element);
  }
  seat.show(seats[0], now_ms);
});

function showDemoState() {
  if (table.hasEnded) {
    seat?.close();
    seat = null;
  }
  const current = shown();
  preview.show(table.state === "none" && current ? { agent: specOf(current) } : null);
  showTableMessage(find("#demo-place"), table, "The demo appears here. It runs while you watch, without training.");
}

jobs.on("change", () => {
  const current = shown();
  if (!current) return;
  showScores(current);
  showAnimation(current);
});
jobs.on("ended", ({ jobs: ended, others }) => {
  showJobEnds(others);
  if (ended.some(({ kind }) => kind === "evaluate")) load();
});
socket.on("state", (state) => {
  if (state === "open") load();
});
window.addEventListener("hashchange", () => {
  const number = model && numberInAddress(model);
  if (number && number !== shownNumber) showNumber(number);
});

initPage({
  keys: [
    ["d", "watch it play", () => find("#demo-start").click()],
    [" ", "pause or resume the demo", () => controls.togglePause()],
    ["g", "new game", () => controls.startNewGame()],
    ["+", "faster", () => controls.changeSpeed(1)],
    ["-", "slower", () => controls.changeSpeed(-1)],
    ["r", "record a GIF", () => find("#record").click()],
  ],
  numbers: [
    [
      "Estimated lines per game",
      "All cleared rows divided by the games that ended, with the 95 % interval of the true mean.",
    ],
    ["Lost none", "No game was lost, so there is no estimate; such agents share the first place."],
    ["Truncated", "Share of games that reached the protocol's piece limit."],
  ],
});
showDemoState();
api.protocols().then(
  (listed) => {
    protocols = listed;
    const current = shown();
    if (current) showScores(current);
  },
  () => {}, // the model's page works without them
);
readMeta().then(
  ({ limits }) => {
    note.maxLength = limits.max_note_length;
  },
  () => {}, // the server refuses longer notes
);
