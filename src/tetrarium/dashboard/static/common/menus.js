// Menus that a button opens: closed by Escape, by a click elsewhere, or when the focus leaves them.

import { findAll } from "./dom.js";

/** Joins a button with its menu; `opened` fills it anew each time. */
export function joinMenu(button, menu, opened = () => {}) {
  const host = button.closest(".picker");
  const close = (isBack = false) => {
    if (menu.hidden) return;
    menu.hidden = true;
    button.setAttribute("aria-expanded", "false");
    if (isBack) button.focus();
  };
  button.addEventListener("click", () => {
    if (!menu.hidden) {
      close();
      return;
    }
    opened();
    menu.hidden = false;
    button.setAttribute("aria-expanded", "true");
    (menu.querySelector('[aria-current="true"]') ?? menu.querySelector("button"))?.focus();
  });
  host.addEventListener("keydown", (event) => {
    if (menu.hidden) return;
    const items = findAll("button", menu);
    const at = items.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (event.key === "Escape") close(true);
    else if (to !== undefined && items.length) items[(to + items.length) % items.length].focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  host.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !host.contains(event.relatedTarget)) close();
  });
  document.addEventListener("pointerdown", (event) => {
    if (!host.contains(event.target)) close();
  });
  menu.addEventListener("click", (event) => {
    if (event.target.closest("button")) close(true);
  });
}
