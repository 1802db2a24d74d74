// What a pasted note proves, as the page shows it. No note is fetched: the file has no network.

import { BadInput, remark } from "../core/bad_input.js";
import { parseEvent } from "../core/event.js";
import { holdsSecretKey } from "../core/nip19_secret.js";
import { joinParts } from "../core/qr_parts.js";
import { Refusal } from "../core/refusal.js";
import { RESERVED_TAGS } from "../core/sign_bound.js";
import { verify, verifyText } from "../core/verify.js";
import { readPasted } from "../verify/pasted.js";

/**
 * @typedef {import("../core/verify.js").Valid} Valid
 * @typedef {{ verdict: Valid, words: string, tags: string[][] }} Proved
 */

/**
 * Verify a note's JSON, or a text with a signature in it. Throws BadInput for what is neither.
 *
 * @param {string} text
 * @returns {Proved | { reason: string }}
 */
export function readNote(text) {
  const pasted = readPasted(joinParts(text));
  if (holdsSecretKey(text) || (pasted.kind === "none" && pasted.why === "secret")) {
    throw new BadInput("holds_secret", { where: remark("where_verify") });
  }
  if (pasted.kind === "note") throw new BadInput("verify_link");
  if (pasted.kind === "none") throw new BadInput(`verify_${pasted.why}`);
  if (pasted.kind === "text") return describe(verifyText(pasted.text), null);
  const event = findEvent(pasted.json);
  return "reason" in event ? event : describe(verify(event), event);
}

/**
 * @param {ReturnType<typeof verify>} verdict
 * @param {import("../core/event.js").Event | null} event
 * @returns {Proved | { reason: string }}
 */
function describe(verdict, event) {
  if (!verdict.valid) return { reason: verdict.found === undefined ? verdict.reason : `${verdict.reason} (${verdict.found})` };
  // The tags of a message-only note are whoever posted it's: they are not shown.
  if (!event || verdict.binding === "message") return { verdict, words: verdict.signedText, tags: [] };
  return { verdict, words: event.content, tags: event.tags.filter(([name]) => !RESERVED_TAGS.includes(name)) };
}

/** @param {string} json */
function findEvent(json) {
  try {
    return parseEvent(json);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { reason: error.message };
  }
}
