// A SAG as Nostringer's own programs take it: message, members, signature. So a verifier that is not ours can check it.

import { encodeCompact } from "../core/compact.js";
import { toHex } from "../core/hex.js";
import { readClaim } from "../core/verify.js";

/**
 * @param {import("../core/event.js").Event} event that verified
 * @param {import("../core/verify.js").Valid} proof of it
 * @returns {string | null} JSON; null for a linkable signature, which only some versions of one program take
 */
export function toNostringer(event, { dialect, signedText }) {
  const claim = readClaim(event);
  if (!claim || claim.signature.scheme !== "sag") return null;
  const { c0, responses } = claim.signature;
  // Each hashes keys as they are written, so they stand here as the ring's signer wrote them.
  const members = claim.ring.map(({ x, point, isBare }) => toHex(isBare ? x : point));
  const signature = dialect === "typescript" ? { c0: toHex(c0), s: responses.map(toHex) } : encodeCompact(claim.signature);
  return JSON.stringify({ message: signedText, ring_members: members, ring_signature: signature }, null, 2);
}
