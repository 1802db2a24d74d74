// Label lines, rules and fences around the words in a text: form D of docs/ring-notes.md, step 4. Only U+000A ends a line.

import { LABEL_NAMES } from "./text_label_names.js";
import { STRIPPED, clear, cut, narrow } from "./text_ends.js";

/** @typedef {import("./text_label_names.js").Part} Part */
/** @typedef {import("./text_ends.js").Span} Span */

/** @type {Map<string, Part>} */
const PARTS = new Map(
  Object.entries(LABEL_NAMES).flatMap(([part, names]) =>
    names.split(/,\s+/).map((name) => /** @type {const} */ ([name, /** @type {Part} */ (part)])),
  ),
);

const NAME = "([^*#:\uff1a\\n]{1,50}?)";
const COLON = "[ \\u00a0\\u202f]?[:\uff1a]";
const HEADING = "#{1,6} +";
const EMPHASIS = "(\\*\\*|__|\\*|_)";
const MAX_LABEL = 80;
// Each has the name as its last group.
const WHOLE_LABELS = [
  `^${HEADING}${NAME}(?:${COLON})?$`,
  `^(?:${HEADING})?${EMPHASIS}${NAME}(?:${COLON})?\\1(?:${COLON})?$`,
  `^${NAME}${COLON}$`,
].map((pattern) => new RegExp(pattern, "u"));
// A label with a colon, at the beginning of a line.
const LABELS_BEFORE = [
  `^[ \\t]*(?:${HEADING})?${EMPHASIS}${NAME}(?:${COLON}\\1(?:${COLON})?|\\1${COLON})`,
  `^[ \\t]*(?:${HEADING})?${NAME}${COLON}`,
].map((pattern) => new RegExp(pattern, "u"));
const RULE = /^(?:-{3,}|\*{3,}|_{3,}|={3,}|\u2014{1,3}|(?:[*-] ){2,20}[*-])$/;
const FENCES = ["```", "```json", "```text"];
const PRINTED = [
  "\u2713 Signature is valid!",
  "Is ring signature valid? true",
  "Signature valid: true",
  "Signing with SAG variant...",
  "Signing with BLSAG variant...",
];

/**
 * Return what a label of this name announces.
 *
 * @param {string} name
 * @returns {Part | undefined}
 */
export function findPart(name) {
  return PARTS.get(name.normalize("NFC").toLowerCase().replaceAll("\u2019", "'"));
}

/**
 * Return what a line announces that is a label and nothing else.
 *
 * @param {string} line
 * @returns {Part | undefined}
 */
export function findLabel(line) {
  const cleared = clear(line);
  if ([...cleared.slice(0, 2 * MAX_LABEL + 1)].length > MAX_LABEL) return undefined;
  return matchName(WHOLE_LABELS, cleared)?.part;
}

/**
 * @param {string} text
 * @returns {string | undefined} its first line that is neither a label line nor a fence, cleared
 */
export function findOther(text) {
  const line = text.split("\n").find((other) => !isLabelLine(other) && !isFence(other));
  return line === undefined ? undefined : clear(line);
}

/**
 * Return a piece without the label lines at its end, and without one fence there that nothing opened.
 *
 * @param {string} piece
 * @returns {Span}
 */
export function trim(piece) {
  const lines = piece.split("\n");
  let mayDropFence = isOdd(lines);
  let end = piece.length;
  for (const line of lines.reverse()) {
    if (isFence(line) && mayDropFence) mayDropFence = false;
    else if (!isLabelLine(line)) break;
    end -= line.length + 1;
  }
  return narrow(piece, STRIPPED, { start: 0, end: Math.max(0, end) });
}

/**
 * Return what follows the first label in a span that announces the message, stripped.
 *
 * @param {string} piece
 * @param {Span} span
 * @returns {Span | undefined}
 */
export function findMessage(piece, span) {
  let { start } = span;
  for (const line of cut(piece, span).split("\n")) {
    const isLabel = findLabel(line) === "message";
    const found = isLabel ? undefined : matchName(LABELS_BEFORE, line);
    const size = isLabel ? line.length : found?.part === "message" ? found.size : 0;
    if (size > 0) return narrow(piece, STRIPPED, { start: start + size, end: span.end });
    start += line.length + 1;
  }
  return undefined;
}

/**
 * Return a span without blank lines and rules at its beginning, without one fence there that nothing closes, and then
 * without the two fences that are its first and its last line.
 *
 * @param {string} piece
 * @param {Span} span
 * @returns {Span}
 */
export function openFences(piece, span) {
  const lines = cut(piece, span).split("\n");
  let mayDropFence = isOdd(lines);
  let { start } = span;
  for (const line of lines) {
    if (isFence(line) && mayDropFence) mayDropFence = false;
    else if (clear(line) !== "" && !RULE.test(clear(line))) break;
    start = Math.min(span.end, start + line.length + 1);
  }
  const rest = narrow(piece, STRIPPED, { start, end: span.end });
  const left = cut(piece, rest);
  const [first, last] = [left.indexOf("\n"), left.lastIndexOf("\n")];
  if (first < 0 || !isFence(left.slice(0, first)) || !isFence(left.slice(last + 1))) return rest;
  return { start: rest.start + first + 1, end: rest.start + Math.max(first + 1, last) };
}

/**
 * @param {RegExp[]} patterns
 * @param {string} text
 * @returns {{ part: Part, size: number } | undefined} of the first pattern that finds a name of the table
 */
function matchName(patterns, text) {
  for (const pattern of patterns) {
    const found = pattern.exec(text);
    const part = found && findPart(/** @type {string} */ (found.at(-1)));
    if (part) return { part, size: found[0].length };
  }
  return undefined;
}

/**
 * @param {string} line
 * @returns {boolean}
 */
function isLabelLine(line) {
  const cleared = clear(clear(line).replace(/^>/, ""));
  return cleared === "" || findLabel(cleared) !== undefined || RULE.test(cleared) || PRINTED.includes(cleared);
}

/**
 * @param {string} line
 * @returns {boolean}
 */
function isFence(line) {
  return FENCES.includes(clear(line));
}

/**
 * @param {string[]} lines
 * @returns {boolean} whether an odd number of them are fences
 */
function isOdd(lines) {
  return lines.filter(isFence).length % 2 === 1;
}
