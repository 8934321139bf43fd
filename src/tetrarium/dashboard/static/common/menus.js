// @ts-check
// Menus that a button opens, closed by Escape, by a click elsewhere, or when the focus leaves them.

import { findAll, findOptional } from "./dom.js";

/**
 * Lets a button open a menu; both lie in an element of class "picker".
 *
 * @param {HTMLElement} button
 * @param {HTMLElement} menu
 * @param {() => void} [onOpen] fills the menu each time
 */
export function attachMenu(button, menu, onOpen = () => {}) {
  const host = /** @type {HTMLElement} */ (button.closest(".picker"));
  const close = (/** @type {boolean} */ returnsFocus = false) => {
    if (menu.hidden) return;
    menu.hidden = true;
    button.setAttribute("aria-expanded", "false");
    if (returnsFocus) button.focus();
  };
  button.addEventListener("click", () => {
    if (!menu.hidden) {
      close();
      return;
    }
    onOpen();
    menu.hidden = false;
    button.setAttribute("aria-expanded", "true");
    (findOptional('[aria-current="true"]', menu) ?? findOptional("button", menu))?.focus();
  });
  host.addEventListener("keydown", (event) => {
    if (menu.hidden) return;
    if (event.key === "Escape") close(true);
    else if (!moveFocus(findAll("button", menu), event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  });
  host.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget instanceof Node && !host.contains(relatedTarget)) close();
  });
  document.addEventListener("pointerdown", ({ target }) => {
    if (target instanceof Node && !host.contains(target)) close();
  });
  menu.addEventListener("click", ({ target }) => {
    if (target instanceof Element && target.closest("button")) close(true);
  });
}

/**
 * @param {HTMLElement[]} items
 * @param {string} key
 * @returns {boolean} whether the key moves the focus
 */
function moveFocus(items, key) {
  const at = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const last = items.length - 1;
  /** @type {Record<string, number>} */
  const targets = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: last };
  if (!(key in targets) || !items.length) return false;
  items[(targets[key] + items.length) % items.length].focus();
  return true;
}
