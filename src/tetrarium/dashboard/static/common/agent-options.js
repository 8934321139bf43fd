// @ts-check
// Agents as options of a select, in groups.

import { make } from "./dom.js";
import { divideByGroup, makeCollapsedGroup } from "./list-filter.js";

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
    const [single, groups] = divideByGroup(agents.filter(({ kind }) => kinds.includes(kind)));
    const makeOptions = (/** @type {Agent[]} */ found) =>
      found.map(({ name }) => make("option", { value: name }, name));
    return [
      ...(single.length ? [make("optgroup", { label }, makeOptions(single))] : []),
      ...groups.map(([group, found]) => makeCollapsedGroup(`${label} of ${group}`, group, makeOptions(found))),
    ];
  });
