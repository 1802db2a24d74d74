// The verdict on what was pasted, for a page to show. Runs in a worker: it is slow, and asks nobody.

import { noble } from "../core/curve.js";
import { checkSignature, parseEvent } from "../core/event.js";
import { isNostringer } from "../core/form_nostringer.js";
import { isText } from "../core/form_text.js";
import { fromHex } from "../core/hex.js";
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

/**
 * @param {Task} task
 * @param {(done: number, all: number) => void} onProgress
 * @returns {Verdict}
 */
export function judge(task, onProgress) {
  return task.kind === "text" ? judgeText(task.text, onProgress) : judgeEvent(task.json, onProgress);
}

/**
 * @param {string} text
 * @param {(done: number, all: number) => void} onProgress
 * @returns {Verdict}
 */
function judgeText(text, onProgress) {
  if (!isNostringer(text) && !isText(text)) return { outcome: "unknown", why: "unsigned" };
  return toVerdict(verifyText(text, { onProgress }), null);
}

/**
 * @param {string} json
 * @param {(done: number, all: number) => void} onProgress
 * @returns {Verdict}
 */
function judgeEvent(json, onProgress) {
  const event = orRefusal(() => parseEvent(json));
  if (event instanceof Refusal) return { outcome: "false", reason: event.message };
  if (isOrdinary(event)) return { outcome: "unknown", why: "ordinary" };
  return toVerdict(verify(event, { onProgress }), event);
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
