// The page's elements, by their id and type, and what they say in the language chosen. Text becomes text, never markup.

import { remark } from "../core/bad_input.js";
import { say } from "./say.js";

/**
 * @typedef {import("./say.js").Language} Language
 * @typedef {import("../core/bad_input.js").Remark} Remark
 */

/**
 * Return the element with that id.
 *
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function find(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new TypeError(`the page has no such element: ${id}`);
  return element;
}

/**
 * Have a button do something.
 *
 * @param {string} id
 * @param {() => void} act
 */
export function onClick(id, act) {
  find(id, HTMLButtonElement).addEventListener("click", act);
}

/**
 * Return what is typed in a field.
 *
 * @param {string} id
 */
export function read(id) {
  return /** @type {HTMLInputElement} */ (find(id, HTMLElement)).value;
}

/** What the elements say, and how they say it in another language. */
export class Voice {
  /** @type {Map<Element, Remark>} */
  #said = new Map();

  /** @param {Language} language */
  constructor(language) {
    this.language = language;
    for (const element of document.querySelectorAll("[data-text]")) {
      this.say(element, remark(element.getAttribute("data-text") ?? ""));
    }
  }

  /**
   * Have an element say something, or nothing.
   *
   * @param {Element} element
   * @param {Remark | null} said
   */
  say(element, said) {
    if (said) this.#said.set(element, said);
    else this.#said.delete(element);
    element.textContent = said ? say(this.language, said) : "";
  }

  /**
   * Have a list say these things.
   *
   * @param {HTMLElement} list
   * @param {readonly Remark[]} remarks
   */
  list(list, remarks) {
    for (const item of list.children) this.#said.delete(item);
    list.replaceChildren(...remarks.map((each) => {
      const item = document.createElement("li");
      item.dir = "auto";
      this.say(item, each);
      return item;
    }));
  }

  /**
   * Say all that is said in another language.
   *
   * @param {Language} language
   */
  switchTo(language) {
    this.language = language;
    document.documentElement.lang = language;
    for (const [element, said] of [...this.#said]) this.say(element, said);
  }
}
