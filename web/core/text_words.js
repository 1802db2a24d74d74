// The words that a text's ring may have signed: at most six readings, in the order of docs/ring-notes.md, form D, step 5.

import { SPACES, STRIPPED, WHITE_SPACE, cut, narrow, openQuotation } from "./text_ends.js";
import { findMessage, findOther, openFences, trim } from "./text_labels.js";

/** @typedef {import("./text_ends.js").Span} Span */

/**
 * A part of one of the pieces.
 *
 * @typedef {object} Place
 * @property {number} piece
 * @property {Span} span
 */

// As English, French, German, the Nordic languages and Japanese write them.
export const QUOTES = ['""', "''", "``", "“”", "„“", "„”", "””", "«»", "»«", "‘’", "‚‘", "「」", "『』"];

/**
 * Return the readings of what is left of a text without its members and its signature, each with the first line that would
 * stand outside it.
 *
 * @param {string[]} pieces head, middle and tail
 * @returns {{ words: string, outside: string | undefined }[]}
 */
export function listReadings(pieces) {
  const [head] = pieces;
  const whole = { start: 0, end: head.length };
  const stripped = narrow(head, STRIPPED);
  const trimmed = trim(head);
  const value = findValue(pieces, trimmed);
  const words = cut(pieces[value.piece], value.span);
  const opened = openQuotes(words);
  const unix = opened.replaceAll("\r\n", "\n");
  const isFollowed = WHITE_SPACE.includes(pieces[value.piece][value.span.end] ?? "x");
  const others = [opened, unix, ...(isFollowed ? [`${unix}\n`] : [])].filter(hasWords);
  // Whoever put words into quotes, or on Windows, did not sign the white space around them as it is now.
  const isAsTyped = trimmed.end === stripped.end && words === opened && opened === unix;
  const spans = trimmed.start < trimmed.end ? [...(isAsTyped ? [whole] : []), stripped, trimmed] : [];
  /** @type {Map<string, Place>} */
  const readings = new Map();
  for (const place of [...spans.map((span) => ({ piece: 0, span })), value]) {
    const text = cut(pieces[place.piece], place.span);
    if (text !== "" && !readings.has(text)) readings.set(text, place);
  }
  for (const other of others) if (!readings.has(other)) readings.set(other, value);
  const first = new Set([head, cut(head, stripped), cut(head, trimmed), words].filter((text) => text !== ""));
  const most = Math.max(2, Math.floor(1.5 * first.size));
  return [...readings].slice(0, most).map(([text, place]) => ({ words: text, outside: findOutside(pieces, place) }));
}

/**
 * Return where the words are that a label announces, or else those of the head without its labels.
 *
 * @param {string[]} pieces
 * @param {Span} trimmed the head's
 * @returns {Place}
 */
function findValue(pieces, trimmed) {
  for (const [piece, text] of pieces.entries()) {
    const span = findMessage(text, trim(text));
    if (span) return { piece, span: openFences(text, span) };
  }
  return { piece: 0, span: openFences(pieces[0], trimmed) };
}

/**
 * Return words without quotes or `**` around them, or the `>` before each line, and without spaces at their ends.
 *
 * @param {string} words
 * @returns {string}
 */
function openQuotes(words) {
  const isQuoted = words.length > 2 && QUOTES.includes(words[0] + words.at(-1));
  const isBold = words.length > 4 && words.startsWith("**") && words.endsWith("**");
  const bare = isQuoted ? words.slice(1, -1) : isBold ? words.slice(2, -2) : openQuotation(words);
  return cut(bare, narrow(bare, SPACES));
}

/**
 * @param {string[]} pieces
 * @param {Place} place
 * @returns {string | undefined} the first line that is no label line and no fence, of all but the place
 */
function findOutside(pieces, { piece, span }) {
  const own = pieces[piece];
  const around = [own.slice(0, span.start), own.slice(span.end), ...pieces.filter((_, number) => number !== piece)];
  return around.map(findOther).find((line) => line !== undefined);
}

/**
 * @param {string} text
 * @returns {boolean} whether it is more than white space
 */
function hasWords(text) {
  const { start, end } = narrow(text, WHITE_SPACE);
  return start < end;
}
