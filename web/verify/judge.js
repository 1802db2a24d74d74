// The verdict on what was pasted, for a page to show. Runs in a worker: it is slow, and asks nobody.

import { noble } from "../core/curve.js";
import { checkSignature, parseEvent } from "../core/event.js";
import { isNostringer, readNostringer } from "../core/form_nostringer.js";
import { isText, readText } from "../core/form_text.js";
import { fromHex } from "../core/hex.js";
import { NO_EVENT } from "../core/message_only.js";
import { encodeNpub } from "../core/nip19.js";
import { Refusal } from "../core/refusal.js";
import { readClaim, verify, verifyText } from "../core/verify.js";

/**
 * @typedef {{ kind: "event", json: string } | { kind: "text", text: string }} Task
 * @typedef {import("../core/verify.js").Valid} Valid
 * @typedef {import("../core/event.js").Event} Event
 */

/**
 * @typedef {{ outcome: "true", proof: Valid, npubs: string[], event: Event | null }
 *   | { outcome: "false", reason: string, found?: string }
 *   | { outcome: "unknown", why: "ordinary" | "unsigned" }} Verdict
 */

/** @typedef {import("../core/verify.js").Options} Options */

/**
 * @param {Task} task
 * @param {Options} [options]
 * @returns {Verdict}
 */
export function judge(task, options = {}) {
  return task.kind === "text" ? judgeText(task.text, options) : judgeEvent(task.json, options);
}

/**
 * Return what a task costs at most: a link is a member of a SAG's ring, once for each reading and dialect.
 *
 * @param {Task} task
 * @returns {number} 0 for what is refused before any work
 */
export function countLinks(task) {
  const claim = orRefusal(() => (task.kind === "text" ? readTextClaim(task.text) : readClaim(parseEvent(task.json))));
  if (claim === null || claim instanceof Refusal) return 0;
  const { ring, candidates, dialects, signature } = claim;
  return ring.length * candidates.length * dialects.length * (signature.scheme === "sag" ? 1 : 2);
}

/**
 * @param {string} text
 * @returns {import("../core/claim.js").Claim | null}
 */
function readTextClaim(text) {
  if (isNostringer(text)) return readNostringer(text, NO_EVENT);
  return isText(text) ? readText(text, NO_EVENT) : null;
}

/**
 * @param {string} text
 * @param {Options} options
 * @returns {Verdict}
 */
function judgeText(text, options) {
  if (!isNostringer(text) && !isText(text)) return { outcome: "unknown", why: "unsigned" };
  return toVerdict(verifyText(text, options), null);
}

/**
 * @param {string} json
 * @param {Options} options
 * @returns {Verdict}
 */
function judgeEvent(json, options) {
  const event = orRefusal(() => parseEvent(json));
  if (event instanceof Refusal) return { outcome: "false", reason: event.message };
  if (isOrdinary(event)) return { outcome: "unknown", why: "ordinary" };
  return toVerdict(verify(event, options), event);
}

/**
 * @param {Event} event
 * @returns {boolean} whether its author alone signed it, and no ring is claimed
 */
function isOrdinary(event) {
  return orRefusal(() => readClaim(event)) === null && !(orRefusal(() => checkSignature(noble, event)) instanceof Refusal);
}

/**
 * @param {ReturnType<typeof verify>} result
 * @param {Event | null} event
 * @returns {Verdict}
 */
function toVerdict(result, event) {
  if (!result.valid) return { outcome: "false", reason: result.reason, found: result.found };
  return { outcome: "true", proof: result, npubs: result.ring.map((key) => encodeNpub(fromHex(key))), event };
}

/**
 * @template T
 * @param {() => T} find
 * @returns {T | Refusal}
 */
function orRefusal(find) {
  try {
    return find();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error;
  }
}
