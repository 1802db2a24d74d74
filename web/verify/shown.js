// A stranger's words, made harmless to show, as relay/protocol/printable.py does it: line ends stay, what cannot be seen is marked.

const MARK = "\ufffd";
// Categories C*: control, format (bidirectional marks too), surrogates, unassigned. Zl and Zp end lines. The rest look like nothing:
// fillers of Hangul and Khmer, the joiner of graphemes, the empty Braille cell.
const HIDDEN = /[\p{C}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0]/gu;
const KEPT = new Set(["\n", "\t", "\u200c", "\u200d"]);
const JOINER = /[\u200c\u200d]/g;
// Where a joiner belongs to the spelling: between letters and marks of these scripts, and between pictographs.
const SCRIPTS = "Arab Syrc Mong Deva Beng Guru Gujr Orya Taml Telu Knda Mlym Sinh Khmr Mymr".split(" ");
const JOINED = new RegExp(`^(?=[\\p{L}\\p{M}])(?:${SCRIPTS.map((script) => `\\p{scx=${script}}`).join("|")})`, "u");
const LETTER = /^[\p{L}\p{M}]/u;
const PICTOGRAPH = /^[\p{So}\p{Sk}]/u;
const SELECTOR = /[\ufe0e\ufe0f]/;

/**
 * @param {string} text
 * @returns {string} with its line ends and tabs, and a mark for each other character that is hidden
 */
export function toShown(text) {
  const marked = text.replaceAll("\r\n", "\n").replace(HIDDEN, (char) => (KEPT.has(char) ? char : MARK));
  return marked.replace(JOINER, (joiner, place) => (isJoined(marked, place) ? joiner : MARK));
}

/**
 * @param {string} text
 * @param {number} place of a joiner
 * @returns {boolean} whether it stands between two letters or pictographs that are written with one
 */
function isJoined(text, place) {
  const after = String.fromCodePoint(text.codePointAt(place + 1) ?? 0);
  let before = endsWith(text, place);
  if (SELECTOR.test(before)) before = endsWith(text, place - 1) || before;
  if (PICTOGRAPH.test(before) && PICTOGRAPH.test(after)) return text[place] === "\u200d";
  return JOINED.test(before) && place + 1 < text.length && (JOINED.test(after) || !LETTER.test(after));
}

/**
 * @param {string} text
 * @param {number} end
 * @returns {string} the last character before this place, "" where there is none
 */
function endsWith(text, end) {
  return [...text.slice(Math.max(0, end - 2), end)].pop() ?? "";
}
