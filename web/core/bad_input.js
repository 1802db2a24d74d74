// What is wrong or risky about what a person gave: the name of a sentence, and what stands in it. Knows no language.
//
// Neither ever holds a secret key, nor what was typed in place of one.

/**
 * A sentence of web/sign/texts.js: its name, and what stands in it. A value may be a sentence of its own.
 * @typedef {{ text: string, values: Values }} Remark
 * @typedef {{ [name: string]: string | number | Remark }} Values
 */

/**
 * Return the remark of that name.
 * @param {string} text
 * @param {Values} [values]
 * @returns {Remark}
 */
export function remark(text, values = {}) {
  return { text, values };
}

/** Input that a person must change. */
export class BadInput extends Error {
  /**
   * @param {string | Remark} text
   * @param {Values} [values]
   */
  constructor(text, values = {}) {
    const found = typeof text === "string" ? remark(text, values) : text;
    super(found.text);
    this.remark = found;
  }
}
