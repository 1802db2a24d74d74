// What JSON.parse does not say of a JSON text: the names it repeats, and how its values are spelled.

import { isText } from "./hex.js";

// Of a text that JSON.parse takes: a string; a bracket, colon or comma; a number or a word.
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{}:,]|[^\s"[\]{}:,]+/g;
const DEPTHS = new Map([["{", 1], ["[", 1], ["}", -1], ["]", -1]]);

/**
 * @typedef {object} JsonObject
 * @property {Record<string, unknown>} value as JSON.parse reads it: of equal names the last counts
 * @property {[name: string, spelling: string][]} members each as it stands in the text, in its order
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
  const tokens = text.match(TOKEN) ?? [];
  const strings = tokens.filter((token) => token.startsWith('"'));
  return { value, members: listMembers(tokens), isText: strings.every((token) => isText(JSON.parse(token))) };
}

/**
 * @param {string[]} tokens
 * @returns {[name: string, spelling: string][]}
 */
function listMembers(tokens) {
  /** @type {[string, string][]} */
  const members = [];
  let depth = 0;
  tokens.forEach((token, place) => {
    depth += DEPTHS.get(token) ?? 0;
    if (depth === 1 && token === ":") members.push([JSON.parse(tokens[place - 1]), tokens[place + 1]]);
  });
  return members;
}
