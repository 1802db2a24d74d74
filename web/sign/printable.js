// A stranger's text on one line, in a sentence or a list of the page.

/**
 * Return a text without what cannot be seen or reorders other text.
 *
 * @param {string} text
 */
export function toPrintable(text) {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, " ").trim();
}
