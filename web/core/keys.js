// The keys of a ring as the message-only forms write them (docs/ring-notes.md, "Keys and rings").

import { fromHex } from "./hex.js";
import { decodeNprofile, decodeNpub } from "./nip19.js";
import { demand } from "./refusal.js";
import { MAX_RING, lift } from "./ring.js";

/** @typedef {import("./ring.js").Member} Member */

export const NPUB = "npub1[02-9ac-hj-np-z]{58}";
export const NPROFILE = "nprofile1[02-9ac-hj-np-z]{58,247}";

const X = /^[0-9a-f]{64}$/;
const POINT = /^0[23][0-9a-f]{64}$/;
const npub = new RegExp(`^${NPUB}$`);
const nprofile = new RegExp(`^${NPROFILE}$`);

/**
 * Read a ring in its order. Its points may be off the curve.
 *
 * @param {readonly string[]} keys
 * @returns {Member[]}
 */
export function readRing(keys) {
  demand(keys.length >= 2, "a ring must have at least two members");
  demand(keys.length <= MAX_RING, `the ring has more than ${MAX_RING} members`);
  const ring = keys.map(readMember);
  const isDistinct = new Set(ring.map(({ x }) => x.join())).size === ring.length;
  // A key and its negative have one x, and one owner.
  demand(isDistinct, "a ring member is listed twice: the ring is smaller than it looks");
  return ring;
}

/**
 * @param {string} text
 * @returns {Member}
 */
function readMember(text) {
  if (POINT.test(text)) return { point: fromHex(text), x: fromHex(text.slice(2)), isBare: false };
  const x = X.test(text)
    ? fromHex(text)
    : npub.test(text)
      ? decodeNpub(text)
      : nprofile.test(text)
        ? decodeNprofile(text)
        : null;
  demand(x, "a ring member is not a public key: write an npub without a mistake, or 64 lower-case hex digits");
  return lift(x);
}
