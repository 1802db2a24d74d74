// A remark as a sentence of a language.

import { toPrintable } from "./printable.js";
import { TEXTS } from "./texts.js";

/**
 * @typedef {keyof typeof TEXTS} Language
 * @typedef {import("../core/bad_input.js").Remark} Remark
 */

/**
 * Return the sentence of that name, with its values in it: strangers' texts without what reorders the sentence. A value that is a
 * remark is said in the same language.
 *
 * @param {Language} language
 * @param {Remark} remark
 * @returns {string}
 */
export function say(language, { text, values }) {
  const table = /** @type {Record<string, string>} */ (TEXTS[language]);
  return (table[text] ?? text).replace(/\{([a-zA-Z]+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "object" ? say(language, value) : toPrintable(String(value));
  });
}

/**
 * Return the language of the page for the languages that a browser asks for.
 *
 * @param {readonly string[]} wanted such as ["es-MX", "en"]
 * @returns {Language}
 */
export function chooseLanguage(wanted) {
  for (const tag of wanted) {
    const language = tag.toLowerCase().split("-")[0];
    if (language in TEXTS) return /** @type {Language} */ (language);
  }
  return "en";
}
