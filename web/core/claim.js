// Claims: what a note claims by its ring signature. It is known before any work on the curve, and not yet proved.

import { RELEASE_FLAG } from "./blsag.js";
import { toHex } from "./hex.js";
import { toRingId } from "./ring.js";

/** @typedef {import("./challenge.js").Dialect} Dialect */
/** @typedef {import("./challenge.js").RingSignature} RingSignature */
/** @typedef {import("./ring.js").Member} Member */
/** @typedef {"bound" | "nip97" | "nostringer" | "text"} Form */

/**
 * Words that the ring may have signed. Where it signed these, the note is refused for the `problem`, if there is one.
 *
 * @typedef {object} Candidate
 * @property {string} text
 * @property {string | null} problem
 * @property {string} [found] what of the note the problem is about
 */

/**
 * @typedef {object} Claim
 * @property {Form} form
 * @property {Member[]} ring in the order signed
 * @property {string} ringId
 * @property {RingSignature} signature
 * @property {Candidate[]} candidates
 * @property {Dialect[]} dialects to try in turn
 */

/**
 * @param {Form} form
 * @param {Member[]} ring
 * @param {RingSignature} signature
 * @param {Candidate[]} candidates
 * @returns {Claim}
 */
export function buildClaim(form, ring, signature, candidates) {
  const ringId = toRingId(ring.map(({ x }) => x));
  return { form, ring, ringId, signature, candidates, dialects: listDialects(form, ring, signature) };
}

/**
 * Return what does not depend on the proof, in the words of a verdict.
 *
 * @param {Claim} claim
 */
export function describeClaim({ form, ring, ringId, signature }) {
  const { scheme, keyImage, flag } = signature;
  return {
    form,
    scheme,
    binding: /** @type {"event" | "message"} */ (form === "bound" ? "event" : "message"),
    ringSize: ring.length,
    ring: ring.map(({ x }) => toHex(x)),
    ringId,
    keyImage: keyImage && toHex(keyImage),
    scope: flag === RELEASE_FLAG ? null : flag,
  };
}

/**
 * A bound note has one dialect. In the TypeScript dialect the message is followed by keys of a length that the signer
 * chose: in a ring of two, and in one with keys of two lengths, a hostile key could move bytes between message and ring.
 *
 * @param {Form} form
 * @param {Member[]} ring
 * @param {RingSignature} signature
 * @returns {Dialect[]}
 */
function listDialects(form, ring, { scheme, flag }) {
  if (form === "bound" || ring.length < 3) return ["canonical"];
  if (scheme === "sag") return ring.every(({ isBare }) => isBare) ? ["canonical", "typescript"] : ["canonical"];
  return flag === null ? ["canonical", "rust-0.1.8"] : ["canonical"];
}
