// A stranger's text, shown as it is but for what cannot be seen or reorders other text: that is shown by its number.

// Control and format characters (bidirectional marks too), surrogates, unassigned ones, and spaces that are not the usual one.
const UNSEEN = /([\p{C}\p{Z}])/u;
const USUAL = [" ", "\n"];

/**
 * Put a text into an element.
 *
 * @param {HTMLElement} element
 * @param {string} text
 */
export function showHarmless(element, text) {
  element.replaceChildren(...text.split(UNSEEN).filter(Boolean).map((piece) => {
    if (USUAL.includes(piece) || !UNSEEN.test(piece)) return document.createTextNode(piece);
    const mark = document.createElement("span");
    mark.className = "unseen";
    mark.textContent = `U+${(piece.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
    return mark;
  }));
}

/**
 * Return a text on one line, without what cannot be seen or reorders other text.
 *
 * @param {string} text
 */
export function toPrintable(text) {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, " ").trim();
}
