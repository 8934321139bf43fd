// What trials came to by one setting: a dot for each, on axes that begin at 0 where values are lines or placements.

import { linearTicks } from "../common/scales.js";
import { short } from "../common/words.js";
import { nameText, settingText, unitOf, valueText } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [320, 200];
const PLOT = { left: 46, right: 308, top: 12, bottom: 166 };
const RADIUS = 4.5;

function draw(tag, attributes = {}, text = null) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  if (text !== null) element.textContent = text;
  return element;
}

/** Where values of a setting lie, 0 to 1, and what is written below. */
function across({ values, low, high, log }) {
  if (values) {
    const texts = values.map(settingText);
    const place = (index) => (index + 0.5) / values.length;
    const every = Math.ceil(texts.length / 6);
    return {
      position: (value) => place(Math.max(0, texts.indexOf(settingText(value)))),
      ticks: texts.map((text, index) => [place(index), text]).filter((_, index) => index % every === 0),
      isListed: true,
    };
  }
  const measure = log ? Math.log10 : (value) => value;
  const [from, to] = [measure(low), measure(high)];
  const position = (value) => (measure(value) - from) / (to - from);
  const inside = log ? powers(low, high) : linearTicks(low, high, 3);
  const ticks = (inside.length > 1 ? inside : [low, high]).map((value) => [position(value), tickText(value)]);
  return { position, ticks, isListed: false };
}

const tickText = (value) => (value >= 1e-5 && value < 1e-3 ? value.toFixed(5).replace(/0+$/, "") : short(value));

function powers(low, high) {
  const found = [];
  for (let power = Math.ceil(Math.log10(low) - 1e-9); power <= Math.log10(high) + 1e-9; power += 1) found.push(10 ** power);
  return found;
}

/** Draws one setting; `pointed` is called with a trial's number, or null. Returns the SVG. */
export function drawScatter(name, range, study, pointed) {
  const done = study.trials.filter(({ value, is_reached: isReached }) => value !== null && isReached);
  const scale = across(range);
  const top = Math.max(1, ...done.map(({ value }) => value));
  const x = (share) => PLOT.left + 8 + share * (PLOT.right - PLOT.left - 16);
  const y = (value) => PLOT.bottom - (value / (top * 1.05)) * (PLOT.bottom - PLOT.top);
  const svg = draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", class: "scatter", "aria-label": `${unitOf(study.objective)} of ${done.length} trials by ${nameText(name)}; the table below has the numbers.` });
  for (const tick of linearTicks(0, top, 5)) {
    svg.append(draw("line", { x1: PLOT.left, x2: PLOT.right, y1: y(tick), y2: y(tick), class: "grid" }), draw("text", { x: PLOT.left - 8, y: y(tick) + 4, class: "tick end" }, short(tick)));
  }
  for (const [share, text] of scale.ticks) svg.append(draw("text", { x: x(share), y: PLOT.bottom + 16, class: "tick middle" }, text.length > 10 ? `${text.slice(0, 9)}…` : text));
  svg.append(draw("text", { x: (PLOT.left + PLOT.right) / 2, y: HEIGHT - 4, class: "name middle" }, nameText(name).replace(/^./, (letter) => letter.toUpperCase()) + (range.log ? ", logarithmic" : "")));
  for (const trial of done) {
    const spread = scale.isListed ? (((trial.number * 7) % 5) - 2) * 5 : 0; // dots of one value beside each other
    const at = { cx: x(scale.position(trial.params[name])) + spread, cy: y(trial.value) };
    if (trial.number === study.best) svg.append(draw("circle", { ...at, r: RADIUS + 4, class: "ring" }));
    const dot = draw("circle", { ...at, r: RADIUS, class: "trial-dot", "data-trial": trial.number });
    dot.append(draw("title", {}, `${trial.run}: ${valueText(trial, study.objective)}, ${nameText(name)} ${settingText(trial.params[name])}`));
    dot.addEventListener("pointerenter", () => pointed(trial.number));
    dot.addEventListener("pointerleave", () => pointed(null));
    svg.append(dot);
  }
  return svg;
}
