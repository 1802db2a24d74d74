// A stranger's words, made harmless to show: exact, but for characters that cannot be seen or that reorder others.

// Categories C*: control, format (bidirectional marks too), surrogates, private, unassigned. Zl and Zp end lines.
const HIDDEN = /[\p{C}\p{Zl}\p{Zp}]/gu;
// Line ends and tabs are what they look like. The two joiners shape letters of many scripts, and join pictures.
const KEPT = new Set(["\n", "\t"]);
const JOINER = /[\u200c\u200d]/;
const JOINED = /[^\0-\u024f\s\p{P}\p{C}]/u;

/**
 * @param {string} text
 * @returns {string} characters that cannot be seen as in JSON, such as \u202e
 */
export function toShown(text) {
  return text.replace(/\r\n/g, "\n").replace(HIDDEN, (char, place, whole) => {
    const isKept = KEPT.has(char) || (JOINER.test(char) && isJoining(whole, place));
    return isKept ? char : escape(char);
  });
}

/**
 * @param {string} text
 * @param {number} place of a joiner
 * @returns {boolean} whether it stands between characters that such a one can join
 */
function isJoining(text, place) {
  const before = [...text.slice(Math.max(0, place - 3), place)].pop() ?? "";
  const after = String.fromCodePoint(text.codePointAt(place + 1) ?? 0);
  return (JOINED.test(before) || /\p{M}/u.test(before)) && JOINED.test(after);
}

/**
 * @param {string} char
 * @returns {string}
 */
function escape(char) {
  let text = "";
  for (let place = 0; place < char.length; place += 1) {
    text += `\\u${char.charCodeAt(place).toString(16).padStart(4, "0")}`;
  }
  return text;
}
