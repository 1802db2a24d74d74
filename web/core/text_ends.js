// The ends of texts and lines in form D (docs/ring-notes.md): what is white space there, and what nobody sees. By loops: a
// pattern that ends with $ begins anew at each of many spaces.

export const WHITE_SPACE = " \t\r\n";
const INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff";
const NO_BREAK = "\u00a0";
/** What stripping takes off the ends in this form. */
export const STRIPPED = WHITE_SPACE + INVISIBLE;
/** What clearing takes off them, too: outside the words a no-break space says nothing. */
export const CLEARED = STRIPPED + NO_BREAK;
/** What stands between quotes and the words in them. */
export const SPACES = `${WHITE_SPACE + NO_BREAK}\u202f`;

/**
 * A part of a text.
 *
 * @typedef {object} Span
 * @property {number} start
 * @property {number} end
 */

/**
 * @param {string} text
 * @param {Span} span
 * @returns {string}
 */
export function cut(text, { start, end }) {
  return text.slice(start, end);
}

/**
 * Return a span without these characters at its ends.
 *
 * @param {string} text
 * @param {string} characters
 * @param {Span} [span] the whole text where it is left out
 * @returns {Span}
 */
export function narrow(text, characters, { start, end } = { start: 0, end: text.length }) {
  while (start < end && characters.includes(text[start])) start += 1;
  while (start < end && characters.includes(text[end - 1])) end -= 1;
  return { start, end };
}

/**
 * @param {string} text
 * @returns {string} it without white space, no-break spaces, and what nobody sees, at its ends
 */
export function clear(text) {
  return cut(text, narrow(text, CLEARED));
}

/**
 * Return a quotation without the `>`, and one space behind it, of each line. Any other text stays as it is.
 *
 * @param {string} text
 * @returns {string}
 */
export function openQuotation(text) {
  const lines = text.split("\n");
  const isQuotation = lines.every((line) => line.startsWith(">") || clear(line) === "");
  return isQuotation ? lines.map((line) => line.replace(/^> ?/, "")).join("\n") : text;
}
