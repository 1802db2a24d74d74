// What in an author's words may say who wrote them. A list that is not complete: an empty one protects nobody.

import { remark } from "./bad_input.js";
import { findName, fold, listNames } from "./own_mentions.js";

/**
 * @typedef {import("./bad_input.js").Remark} Remark
 * @typedef {import("./ring_file.js").Entry} Entry
 */

const MAX_SHOWN_CHARS = 60;
const MONTHS =
  "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?|oct(?:ober)?" +
  "|nov(?:ember)?|dec(?:ember)?|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre";
// Each name of a text, and what it is found by.
const SIGNS = /** @type {const} */ ([
  ["style_quotes", /[“”„‟‘’‚‛«»‹›…—–]/gu],
  ["style_spaces", /\S(?: {2,}| *[\u00a0\u2002-\u200a\u202f\u3000])\S/gu],
  ["style_dates", new RegExp(
    "(?<![\\d.])(?:\\d{4}-\\d{1,2}-\\d{1,2}|\\d{1,2}[./]\\d{1,2}[./](?:\\d{4}|\\d{2})"
    + `|\\d{1,2}(?:st|nd|rd|th)?(?: of| de)? (?:${MONTHS})|(?:${MONTHS}) \\d{1,2}(?:st|nd|rd|th)?)(?![\\d\\p{L}])`, "giu")],
  ["style_hours", /(?<![\d:.])(?:(?:[01]?\d|2[0-3])[:.h][0-5]\d(?::[0-5]\d)?|(?:1[0-2]|0?[1-9]) ?[ap]\.?m\.?)(?![\d\p{L}])/giu],
  // From the first character of a word on, and no longer than links are: else a word of 100 KB is read again at each of its places.
  ["style_addresses", /(?<![\p{L}\p{N}_.+-])[\p{L}\p{N}_.+-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+/gu],
  ["style_links", /https?:\/\/[^\s?#]{1,2000}\?[^\s]+/giu],
]);

// Nothing is to be seen of them: joiners are left out, as scripts and pictographs need them.
const UNSEEN =
  /[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e0fff}]/gu;

/**
 * Return a remark for each sort of thing in the words that may point at their author.
 * @param {string} words
 * @param {readonly Entry[]} ring
 * @returns {Remark[]}
 */
export function lintStyle(words, ring) {
  const found = SIGNS.flatMap(([name, sign]) => {
    const all = [...words.matchAll(sign)];
    return all.length ? [remark(name, { count: all.length, first: shorten(all[0][0].trim()) })] : [];
  });
  const [first, ...others] = words.match(UNSEEN) ?? [];
  if (first) found.push(remark("style_unseen", { count: 1 + others.length, first: spellOut(first) }));
  const folded = fold(words);
  const names = ring.map((entry) => findName(folded, listNames(entry))).filter(Boolean);
  return names.length ? [...found, remark("style_names", { count: names.length, first: shorten(names[0]) })] : found;
}

/** @param {string} char */
function spellOut(char) {
  return `U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}

/** @param {string} text */
function shorten(text) {
  const letters = [...text];
  return letters.length <= MAX_SHOWN_CHARS ? text : `${letters.slice(0, MAX_SHOWN_CHARS).join("")}…`;
}
