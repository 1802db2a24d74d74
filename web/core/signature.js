// A ring signature as text, in either encoding.

import { decodeCompact } from "./compact.js";
import { isScalar } from "./curve.js";
import { decodeJson } from "./json_signature.js";
import { demand } from "./refusal.js";

/**
 * Read the signature of a ring of so many members. All that can be refused without the curve is refused here.
 *
 * @param {string} text
 * @param {number} ringSize
 * @returns {import("./challenge.js").RingSignature}
 */
export function decodeSignature(text, ringSize) {
  const signature = text.startsWith("ringA") ? decodeCompact(text, ringSize) : decodeJson(text, ringSize);
  const scalars = [signature.c0, ...signature.responses];
  demand(scalars.every(isScalar), "a scalar of the ring signature is zero or not below the curve's order: sign again");
  return signature;
}
