// @ts-check
// Facts of the server that a page needs before its first request; all others come from GET /api/meta.

/** @typedef {import("../play/settings.js").GameSettings} GameSettings */
/** @typedef {import("../play/settings.js").HandlingName} HandlingName */
/**
 * @typedef {object} Facts
 * @property {string} pieces their letters, in the order of the server's piece numbers
 * @property {GameSettings & { handling: Record<HandlingName, number> }} human_game default options of a human game
 */

/** @type {Facts} */
export const FACTS = JSON.parse(document.body.dataset.facts ?? "");
