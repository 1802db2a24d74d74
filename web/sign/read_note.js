// What a pasted note proves, as the page shows it.

import { parseEvent } from "../core/event.js";
import { RESERVED_TAGS } from "../core/sign_bound.js";
import { Refusal } from "../core/refusal.js";
import { verify, verifyText } from "../core/verify.js";

/**
 * @typedef {import("../core/verify.js").Valid} Valid
 * @typedef {{ verdict: Valid, words: string, tags: string[][] }} Proved
 */

/**
 * Verify a note's JSON, or a text with a signature in it.
 *
 * @param {string} text
 * @returns {Proved | { reason: string }}
 */
export function readNote(text) {
  const event = findEvent(text);
  const verdict = event ? verify(event) : verifyText(text);
  if (!verdict.valid) return { reason: verdict.found === undefined ? verdict.reason : `${verdict.reason} (${verdict.found})` };
  // The tags of a message-only note are whoever posted it's: they are not shown.
  if (!event || verdict.binding === "message") return { verdict, words: verdict.signedText, tags: [] };
  return { verdict, words: event.content, tags: event.tags.filter(([name]) => !RESERVED_TAGS.includes(name)) };
}

/** @param {string} text */
function findEvent(text) {
  try {
    return parseEvent(text);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return null;
  }
}
