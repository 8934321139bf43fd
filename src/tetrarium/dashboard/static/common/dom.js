// @ts-check
// Helpers for elements: find them, create them, and change them only where something differs.

/** @typedef {string | Node | null | undefined} Child null and undefined are skipped */
/** @typedef {string | number | boolean | null | undefined | ((event: any) => unknown)} Property */

/**
 * Makes a function that returns the first element that matches a selector, as an element of one type.
 *
 * @template {Element} T
 * @param {new () => T} type
 */
const finder =
  (type) =>
  /**
   * @param {string} selector
   * @param {ParentNode} [root]
   * @returns {T}
   */
  (selector, root = document) => {
    const found = root.querySelector(selector);
    if (found instanceof type) return found;
    throw new TypeError(`No ${type.name} matches ${selector}.`);
  };

export const find = finder(HTMLElement);
export const findButton = finder(HTMLButtonElement);
export const findCanvas = finder(HTMLCanvasElement);
export const findDialog = finder(HTMLDialogElement);
export const findInput = finder(HTMLInputElement);
export const findSelect = finder(HTMLSelectElement);

/**
 * Returns the first element that matches, or null.
 *
 * @param {string} selector
 * @param {ParentNode} [root]
 * @returns {HTMLElement | null}
 */
export const findOptional = (selector, root = document) => root.querySelector(selector);

/**
 * @param {string} selector
 * @param {ParentNode} [root]
 * @returns {HTMLElement[]}
 */
export const findAll = (selector, root = document) => [...root.querySelectorAll(selector)].filter(isHtml);

/**
 * @param {string} selector
 * @param {ParentNode} [root]
 */
export const findAllInputs = (selector, root = document) =>
  findAll(selector, root).filter((element) => element instanceof HTMLInputElement);

/**
 * @param {Element} element
 * @returns {element is HTMLElement}
 */
const isHtml = (element) => element instanceof HTMLElement;

/**
 * Creates an element. Properties that begin with "on" are listeners; null, undefined and false leave an attribute out.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, Property>} properties
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = String(value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/**
 * Sets the text if it differs, which spares the browser a layout.
 *
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Sets an attribute if it differs; null and false remove it.
 *
 * @param {Element} element
 * @param {string} name
 * @param {string | number | boolean | null} value
 */
export function setAttribute(element, name, value) {
  if (value === null || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}

/**
 * Returns a custom property of the stylesheet, such as "--accent".
 *
 * @param {string} name
 */
export const themeColor = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export const prefersReducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
