// @ts-check
// Group, tags and note of runs, and their names: the dialogs that change them.

import { make } from "../common/dom.js";
import { formatCount } from "../common/format.js";
import { readMeta } from "../common/meta.js";
import { openQuestion } from "../common/question.js";
import { showToast } from "../common/toast.js";
import { api } from "./api.js";

/** @typedef {Pick<import("./api.js").Run, "name" | "group" | "tags" | "note">} LabelledRun */

/** @param {string} text words that commas or spaces separate */
const splitWords = (text) => text.split(/[\s,]+/).filter(Boolean);

/**
 * Changes group, tags and note of one run.
 *
 * @param {LabelledRun} run
 * @param {() => unknown} onChange
 */
export async function openLabels({ name, group, tags, note }, onChange) {
  const [{ names, limits }, groups] = await Promise.all([readMeta(), api.groups()]);
  openQuestion({
    title: `Labels of ${name}`,
    text: "Runs of a group are one row of the list, and their median is one curve.",
    fields: [
      {
        key: "group",
        label: "Group",
        input: { value: group ?? "", maxlength: names.entry.max_length },
        choices: groups.map((one) => one.name),
      },
      { key: "tags", label: "Tags, separated by spaces", input: { value: tags.join(" ") } },
      { key: "note", label: "Note", isLong: true, input: { value: note, maxlength: limits.max_note_length } },
    ],
    verb: "Save",
    accept: async (values) => {
      const wanted = splitWords(values.tags);
      const remove_tags = tags.filter((tag) => !wanted.includes(tag));
      await api.label({ names: [name], group: values.group, add_tags: wanted, remove_tags, note: values.note });
      onChange();
    },
  });
}

/**
 * Changes group and tags of several runs.
 *
 * @param {string[]} names
 * @param {() => unknown} onChange
 */
export async function openLabelsOfMany(names, onChange) {
  const groups = await api.groups();
  const count = names.length === 1 ? names[0] : `${formatCount(names.length)} runs`;
  openQuestion({
    title: `Label ${count}`,
    text: "An empty field changes nothing; a dash as the group takes them out of their groups.",
    fields: [
      { key: "group", label: "Group", choices: groups.map((one) => one.name) },
      { key: "add", label: "Add tags, separated by spaces" },
      {
        key: "remove",
        label: "Remove tags",
        choices: [...new Set(groups.flatMap(({ tags }) => tags))],
      },
    ],
    verb: "Save",
    accept: async (values) => {
      const group = values.group === "-" ? "" : values.group || null;
      await api.label({ names, group, add_tags: splitWords(values.add), remove_tags: splitWords(values.remove) });
      showToast(`Changed the labels of ${count}.`);
      onChange();
    },
  });
}

/**
 * Renames a run.
 *
 * @param {string} name
 * @param {(newName: string) => unknown} onRename
 */
export async function openRename(name, onRename) {
  const { names } = await readMeta();
  openQuestion({
    title: `Rename ${name}`,
    text: "The name changes in the runs and models that were made from it, too.",
    fields: [{ key: "name", label: "New name", input: { value: name, maxlength: names.entry.max_length } }],
    verb: "Rename",
    accept: async (values) => {
      const renamed = await api.rename(name, values.name);
      await onRename(renamed.name);
    },
  });
}

/**
 * Makes the signs of tags; a click on one calls `onClick`.
 *
 * @param {string[]} tags
 * @param {(tag: string) => unknown} [onClick]
 */
export const makeTags = (tags, onClick) =>
  tags.map((tag) =>
    onClick
      ? make("button", { type: "button", class: "tag", "data-tag": tag, onclick: () => onClick(tag) }, tag)
      : make("span", { class: "tag" }, tag),
  );
