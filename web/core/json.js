// What JSON.parse does not say of a JSON text: the names it repeats, and how its values are spelled.

import { isText } from "./hex.js";

// Of a text that JSON.parse takes: a string; a bracket, colon or comma; a number or a word.
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{}:,]|[^\s"[\]{}:,]+/g;
const DEPTHS = new Map([["{", 1], ["[", 1], ["}", -1], ["]", -1]]);

/**
 * A member of an object, with its value as it is spelled.
 *
 * @typedef {object} Member
 * @property {string} name
 * @property {string} spelling
 */

/**
 * @typedef {object} JsonObject
 * @property {Record<string, unknown>} value as JSON.parse reads it: of equal names the last counts
 * @property {Member[]} members each that stands in the text, in its order
 * @property {boolean} isText whether every string in it has a UTF-8: none has a lone surrogate
 */

/**
 * Read one JSON object (RFC 8259).
 *
 * @param {string} text
 * @returns {JsonObject | null} null where the text is anything else
 */
export function readObject(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const tokens = [...text.matchAll(TOKEN)];
  const strings = tokens.filter(([token]) => token.startsWith('"'));
  return { value, members: listMembers(text, tokens), isText: strings.every(([token]) => isText(JSON.parse(token))) };
}

/**
 * @param {string} text
 * @param {RegExpExecArray[]} tokens
 * @returns {Member[]}
 */
function listMembers(text, tokens) {
  /** @type {Member[]} */
  const members = [];
  let depth = 0;
  let name = "";
  let start = 0;
  tokens.forEach(([token], place) => {
    const isEnd = depth === 1 && (token === "," || token === "}") && start > 0;
    if (isEnd) members.push({ name, spelling: text.slice(start, tokens[place].index).trim() });
    depth += DEPTHS.get(token) ?? 0;
    if (depth !== 1 || token !== ":") return;
    name = JSON.parse(tokens[place - 1][0]);
    start = tokens[place].index + 1;
  });
  return members;
}
