// bLSAG, the linkable scheme (docs/ring-notes.md). Once around the ring from c0 must lead back to c0.

import { sha256 } from "@noble/hashes/sha2.js";

import { nextChallenge } from "./challenge.js";
import { compareBytes, concat, toUtf8 } from "./hex.js";
import { demand } from "./refusal.js";

// The flag that Nostringer 0.1.8 put into every linkable signature, so that it limits nothing.
export const RELEASE_FLAG = "NostringerHp";
const DOMAIN = toUtf8("NostringerBlsagChallenge");

/**
 * Hash what all links of a bLSAG share.
 *
 * @param {Uint8Array} message
 * @returns {import("./challenge.js").HashState}
 */
export function startBlsag(message) {
  return sha256.create().update(DOMAIN).update(message);
}

/**
 * Return the bytes of a flag that Hp hashes.
 *
 * @param {string | null} flag
 * @param {import("./challenge.js").Dialect} dialect
 * @returns {Uint8Array}
 */
export function toFlagBytes(flag, dialect = "canonical") {
  return toUtf8(flag ?? (dialect === "rust-0.1.8" ? RELEASE_FLAG : ""));
}

/**
 * Return Hp(P, flag): compressed, and in the curve's own form.
 *
 * @template P
 * @param {import("./curve.js").Curve<P>} curve
 * @param {Uint8Array} member compressed
 * @param {Uint8Array} flag
 * @returns {{ bytes: Uint8Array, point: P }}
 */
export function hashToPoint(curve, member, flag) {
  const even = Uint8Array.of(2);
  let x = sha256(concat(member, flag));
  for (let counter = 0; ; counter += 1) {
    const bytes = concat(even, x);
    const point = curve.read(bytes);
    // Half of all x are on the curve.
    if (point) return { bytes, point };
    const written = new Uint8Array(4);
    new DataView(written.buffer).setUint32(0, counter);
    x = sha256(concat(x, written));
  }
}

/**
 * Tell whether a bLSAG verifies. The signature has one response a member, and a key image.
 *
 * @template P
 * @param {import("./sag.js").Walk<P>} walk
 * @param {Uint8Array} message
 * @param {import("./challenge.js").RingSignature} signature
 * @param {import("./challenge.js").Dialect} dialect
 * @returns {boolean}
 */
export function closesBlsag({ curve, ring, points, onMember }, message, { c0, responses, keyImage, flag }, dialect) {
  const image = keyImage && curve.read(keyImage);
  demand(image, "the key image is not a point on the curve: sign again");
  const state = startBlsag(message);
  const flagBytes = toFlagBytes(flag, dialect);
  let c = c0;
  for (const [place, point] of points.entries()) {
    const base = hashToPoint(curve, ring[place].point, flagBytes).point;
    const left = curve.addToBase(responses[place], c, point);
    const right = curve.add(responses[place], base, c, image);
    if (!left || !right) return false;
    c = nextChallenge(state, left, right);
    onMember();
  }
  return compareBytes(c, c0) === 0;
}
