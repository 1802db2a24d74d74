// Whether a note is ring-signed, by which ring, and what it signed (docs/ring-notes.md). Asks nobody, and trusts no relay.

import { closesBlsag } from "./blsag.js";
import { describeClaim } from "./claim.js";
import { noble } from "./curve.js";
import { checkSignature, toEvent } from "./event.js";
import { readBound } from "./form_bound.js";
import { readNip97 } from "./form_nip97.js";
import { isNostringer, readNostringer } from "./form_nostringer.js";
import { isText, readText } from "./form_text.js";
import { toUtf8 } from "./hex.js";
import { NO_EVENT } from "./message_only.js";
import { Refusal, demand, refuse } from "./refusal.js";
import { closesSag } from "./sag.js";
import { hasTag } from "./tags.js";

/** @typedef {import("./claim.js").Claim} Claim */

/**
 * @typedef {object} Options
 * @property {import("./curve.js").Curve<any>} [curve] noble's where it is left out
 * @property {(done: number, all: number) => void} [onProgress] told of each member done, of all that may have to be done
 */

/**
 * What a valid note proves; of a note that is not valid, why.
 *
 * @typedef {ReturnType<typeof describeClaim> & { valid: true, dialect: import("./claim.js").Dialect, signedText: string }} Valid
 * @typedef {{ valid: false, reason: string, found?: string }} NotValid
 */

const NOT_VERIFIED =
  "the ring signature does not verify over these words and keys in this order: something of it was changed after it was signed";

/**
 * Verify an event: its id, its author's signature, and its ring's.
 *
 * @param {unknown} event
 * @param {Options} [options]
 * @returns {Valid | NotValid}
 */
export function verify(event, options = {}) {
  return answer(() => {
    const checked = toEvent(event);
    checkSignature(options.curve ?? noble, checked);
    const claim = readClaim(checked);
    demand(claim, "no ring signature: this is an ordinary event, signed by its pubkey alone");
    return prove(claim, options);
  });
}

/**
 * Verify a text without an event: Nostringer's JSON, or a text as people post it. It proves nothing about who posted it.
 *
 * @param {string} text
 * @param {Options} [options]
 * @returns {Valid | NotValid}
 */
export function verifyText(text, options = {}) {
  return answer(() => {
    const claim = isNostringer(text) ? readNostringer(text, NO_EVENT) : isText(text) ? readText(text, NO_EVENT) : null;
    demand(claim, "no ring signature in this text: give all of it, to the last letter of its signature");
    return prove(claim, options);
  });
}

/**
 * Return what an event claims by its marks, null for an event without them. A failure leads to no other form.
 *
 * @param {import("./event.js").Event} event
 * @returns {Claim | null}
 */
export function readClaim(event) {
  if (hasTag(event, "ring", "ringsig")) return readBound(event);
  if (hasTag(event, "ring-members", "ring-signature")) return readNip97(event);
  if (isNostringer(event.content)) return readNostringer(event.content, event);
  return isText(event.content) ? readText(event.content, event) : null;
}

/**
 * Prove a claim on the curve: the first candidate and dialect that verifies counts.
 *
 * @param {Claim} claim
 * @param {Options} options
 * @returns {Valid}
 */
function prove(claim, { curve = noble, onProgress }) {
  const { ring, signature, candidates, dialects } = claim;
  // Where each reading is refused, whatever the ring signed, that is said before work is done.
  const [{ problem: first, found: about }] = candidates;
  if (first !== null && candidates.every(({ problem }) => problem !== null)) throw new Refusal(first, about);
  const points = ring.map(({ point }) => {
    const found = curve.read(point);
    demand(found, "a ring member is not a point on the curve: this key is nobody's");
    return found;
  });
  const all = ring.length * candidates.length * dialects.length;
  let done = 0;
  const walk = { curve, ring, points, onMember: () => onProgress?.((done += 1), all) };
  const closes = signature.scheme === "sag" ? closesSag : closesBlsag;
  for (const { text, problem, found } of candidates) {
    const message = toUtf8(text);
    const dialect = dialects.find((tried) => closes(walk, message, signature, tried));
    if (!dialect) continue;
    if (problem !== null) throw new Refusal(problem, found);
    return { valid: true, ...describeClaim(claim), dialect, signedText: text };
  }
  refuse(NOT_VERIFIED);
}

/**
 * @param {() => Valid} find
 * @returns {Valid | NotValid}
 */
function answer(find) {
  try {
    return find();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { valid: false, reason: error.message, ...(error.found === undefined ? {} : { found: error.found }) };
  }
}
