// Challenges: hashes as scalars, along a ring.

import { ORDER_BYTES } from "./curve.js";
import { compareBytes } from "./hex.js";

/** @typedef {ReturnType<typeof import("@noble/hashes/sha2.js").sha256.create>} HashState */

/**
 * @typedef {object} RingSignature
 * @property {"sag" | "blsag"} scheme
 * @property {Uint8Array} c0 a scalar, as is each response
 * @property {Uint8Array[]} responses one a member
 * @property {Uint8Array | null} keyImage of bLSAG only: a compressed point of 33 bytes, which may be off the curve
 * @property {string | null} flag of bLSAG only: 1 to 128 bytes of UTF-8, or null
 */

/** @typedef {"canonical" | "typescript" | "rust-0.1.8"} Dialect */

/**
 * Return the challenge after a link: the hash of what all links share, and the link's own points.
 *
 * @param {HashState} state it is copied: so the cost of a ring is linear in its size
 * @param {Uint8Array[]} points compressed
 * @returns {Uint8Array} a scalar
 */
export function nextChallenge(state, ...points) {
  const copy = state.clone();
  for (const point of points) copy.update(point);
  return toChallenge(copy.digest());
}

/**
 * Return a hash as a scalar: modulo n, and 1 where that is 0.
 *
 * @param {Uint8Array} hash 32 bytes
 * @returns {Uint8Array}
 */
export function toChallenge(hash) {
  // 2n is above 2^256, so one subtraction reduces.
  const scalar = compareBytes(hash, ORDER_BYTES) < 0 ? hash.slice() : subtract(hash, ORDER_BYTES);
  if (scalar.every((byte) => byte === 0)) scalar[31] = 1;
  return scalar;
}

/**
 * @param {Uint8Array} larger
 * @param {Uint8Array} smaller
 * @returns {Uint8Array}
 */
function subtract(larger, smaller) {
  const difference = new Uint8Array(32);
  let borrow = 0;
  for (let place = 31; place >= 0; place -= 1) {
    const digit = larger[place] - smaller[place] - borrow;
    borrow = digit < 0 ? 1 : 0;
    difference[place] = digit;
  }
  return difference;
}
