// @ts-check
// Agents as options of a select, in groups.

import { make } from "./dom.js";
import { divideByGroup } from "./list-filter.js";

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
    const makeGroup = (/** @type {string} */ title, /** @type {Agent[]} */ found) =>
      make(
        "optgroup",
        { label: title },
        found.map(({ name }) => make("option", { value: name }, name)),
      );
    return [
      ...(single.length ? [makeGroup(label, single)] : []),
      ...groups.map(([group, found]) => makeGroup(`${label} of ${group}`, found)),
    ];
  });
