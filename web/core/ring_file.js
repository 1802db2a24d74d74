// The ring file: one key a line, with its owner's name and its age as a comment, as relay/client/signing/ring_file.py has it.
//
//     npub1...  # ann@example.org, first seen 2023-Q2

import { BadInput } from "./bad_input.js";
import { toHex } from "./hex.js";
import { isLikeSecret, parsePublicKey } from "./author_keys.js";
import { isSeed } from "./mistyped.js";

/**
 * A member: its 32-byte key in hex, its owner's name, and its age: the quarter of its first event, such as "2023-Q2",
 * NEVER, or null where no relay was asked. Quarters sort as texts.
 * @typedef {{ key: string, name: string, seen: string | null }} Entry
 */

export const NEVER = "never";
export const MAX_RING_FILE_CHARS = 16 * 2 ** 20;
const SEEN = /^(?:(?<name>.*), )?(?:first seen (?<quarter>[0-9]{4}-Q[1-4])|never seen)$/;
// What people write between two keys, or between a key and a name.
const BESIDE = /[\s,;]/;
// As Python's splitlines has them, so that both programs name the same line.
const LINE_END = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/;

/**
 * Return a ring file's members in its order: one key a line, in any spelling, `#` comments, blank lines.
 *
 * Throws BadInput, which names the line; for a duplicate it names both lines.
 * @param {string} text
 * @returns {Entry[]}
 */
export function parseRing(text) {
  if (text.length > MAX_RING_FILE_CHARS) throw new BadInput("ring_too_long");
  /** @type {Map<string, number>} */
  const lines = new Map();
  return listLines(text.replace(/^\ufeff/, "")).map(({ line, key, comment }) => {
    const entry = parseEntry(line, key, comment);
    const first = lines.get(entry.key);
    if (first !== undefined) throw new BadInput("ring_same_key", { line, first });
    lines.set(entry.key, line);
    return entry;
  });
}

/** @param {string} text */
function listLines(text) {
  return text.split(LINE_END).flatMap((whole, index) => {
    const at = whole.indexOf("#");
    const key = (at < 0 ? whole : whole.slice(0, at)).trim();
    return key ? [{ line: index + 1, key, comment: at < 0 ? "" : whole.slice(at + 1).trim() }] : [];
  });
}

/**
 * @param {number} line
 * @param {string} key
 * @param {string} comment
 * @returns {Entry}
 */
function parseEntry(line, key, comment) {
  let parsed;
  try {
    parsed = toHex(parsePublicKey(key));
  } catch (error) {
    if (!(error instanceof BadInput)) throw error;
    const isOne = !BESIDE.test(key) || isLikeSecret(key) || isSeed(key);
    const fault = isOne ? error.remark : new BadInput("ring_two_on_a_line").remark;
    throw new BadInput("ring_line", { line, fault });
  }
  const found = SEEN.exec(comment);
  if (!found?.groups) return { key: parsed, name: comment, seen: null };
  return { key: parsed, name: found.groups.name ?? "", seen: found.groups.quarter ?? NEVER };
}
