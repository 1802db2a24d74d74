// SAG, the unlinkable scheme (docs/ring-notes.md). Once around the ring from c0 must lead back to c0.

import { sha256 } from "@noble/hashes/sha2.js";

import { nextChallenge } from "./challenge.js";
import { compareBytes } from "./hex.js";

/**
 * @template P
 * @typedef {object} Walk what verifying needs of a ring: see `walk` in verify.js
 * @property {import("./curve.js").Curve<P>} curve
 * @property {import("./ring.js").Member[]} ring
 * @property {P[]} points the members' points, on the curve
 * @property {() => void} onMember called after each member
 */

/**
 * Hash what all links of a SAG share.
 *
 * @param {Uint8Array} message
 * @param {import("./ring.js").Member[]} ring
 * @param {import("./challenge.js").Dialect} dialect
 * @returns {import("./challenge.js").HashState}
 */
export function startSag(message, ring, dialect = "canonical") {
  const state = sha256.create().update(message);
  for (const { x, point } of ring) state.update(dialect === "typescript" ? x : point);
  return state;
}

/**
 * Tell whether a SAG verifies. The signature has one response a member.
 *
 * @template P
 * @param {Walk<P>} walk
 * @param {Uint8Array} message
 * @param {import("./challenge.js").RingSignature} signature
 * @param {import("./challenge.js").Dialect} dialect
 * @returns {boolean}
 */
export function closesSag({ curve, ring, points, onMember }, message, { c0, responses }, dialect) {
  const state = startSag(message, ring, dialect);
  let c = c0;
  for (const [place, point] of points.entries()) {
    const sum = curve.addToBase(responses[place], c, point);
    if (!sum) return false;
    c = nextChallenge(state, sum);
    onMember();
  }
  return compareBytes(c, c0) === 0;
}
