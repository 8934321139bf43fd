// @ts-check
// Agents as options of a select, in groups.

import { make } from "./dom.js";

/** @typedef {ApiResponse<"get", "/agents">[number]} Agent */

/** @type {[label: string, kinds: string[]][]} */
const GROUPS = [
  ["Controllers", ["controller"]],
  ["Models", ["champion", "model"]],
  ["Runs, best checkpoints", ["best"]],
  ["Runs, latest checkpoints", ["run"]],
];

/**
 * Makes the options of agents.
 *
 * @param {Agent[]} agents
 */
export const agentOptions = (agents) =>
  GROUPS.flatMap(([label, kinds]) => {
    const options = agents
      .filter(({ kind }) => kinds.includes(kind))
      .map(({ name }) => make("option", { value: name }, name));
    return options.length ? [make("optgroup", { label }, options)] : [];
  });
