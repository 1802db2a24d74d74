// Form A: tags `ring` and `ringsig`. The ring signs the whole event.

import { buildClaim } from "./claim.js";
import { computeId } from "./event.js";
import { fromHex, isHex, toHex } from "./hex.js";
import { demand } from "./refusal.js";
import { MAX_RING, lift } from "./ring.js";
import { decodeSignature } from "./signature.js";
import { checkNonce, getOnlyTag, hasTag } from "./tags.js";

export const SIGNED_PREFIX = "nostr-ring-note:v1:";

/**
 * Return the text that the ring signs: it holds the id of the event without its `ringsig` and `nonce`.
 *
 * @param {import("./event.js").Unsigned} event
 * @returns {string}
 */
export function toSignedText(event) {
  const tags = event.tags.filter(([name]) => name !== "ringsig" && name !== "nonce");
  return SIGNED_PREFIX + computeId({ ...event, tags });
}

/**
 * @param {import("./event.js").Event} event
 * @returns {import("./claim.js").Claim}
 */
export function readBound(event) {
  const isOther = hasTag(event, "ring-members", "ring-signature");
  demand(!isOther, "the note has the tags of two forms of ring signature");
  const ring = readRing(event);
  checkNonce(event);
  const text = getOnlyTag(event, "ringsig", 2)[1];
  const last = event.tags.at(event.tags.at(-1)?.[0] === "nonce" ? -2 : -1);
  demand(last?.[0] === "ringsig", "the ringsig tag must be the last tag, or the last before a nonce");
  demand(text.startsWith("ringA"), "the ring signature must begin with ringA: use Nostringer's compact encoding");
  const signature = decodeSignature(text, ring.length);
  const claim = buildClaim("bound", ring, signature, [{ text: toSignedText(event), problem: null }]);
  checkScope(event, signature);
  checkCopy(event, "R", claim.ringId);
  checkCopy(event, "J", signature.keyImage && toHex(signature.keyImage));
  return claim;
}

/**
 * @param {import("./event.js").Event} event
 * @returns {import("./ring.js").Member[]}
 */
function readRing(event) {
  const [, ...keys] = getOnlyTag(event, "ring");
  demand(keys.length >= 2, "a ring must have at least two members");
  demand(keys.length <= MAX_RING, `the ring has more than ${MAX_RING} members`);
  demand(keys.every((key) => isHex(key, 32)), "a ring member is not a public key: use 64 lower-case hex digits");
  // So a ring has one spelling, and no member twice.
  const isAscending = keys.every((key, place) => place === 0 || keys[place - 1] < key);
  demand(isAscending, "the ring's keys are not in strictly ascending order: sort them, each once");
  // It would point at the signer, or away from them.
  demand(!keys.includes(event.pubkey), "the note's own pubkey is a member of its ring: use a throwaway key");
  return keys.map((key) => lift(fromHex(key)));
}

/**
 * @param {import("./event.js").Event} event
 * @param {import("./challenge.js").RingSignature} signature
 */
function checkScope(event, { scheme, flag }) {
  if (scheme === "sag") {
    demand(!hasTag(event, "scope"), "a scope belongs to a linkable ring signature");
    return;
  }
  const [, scope] = getOnlyTag(event, "scope", 2);
  demand(scope === flag, "the scope differs from the one the ring signature was made for");
}

/**
 * Refuse a wrong copy: filters find notes by these tags.
 *
 * @param {import("./event.js").Event} event
 * @param {string} name
 * @param {string | null} value
 */
function checkCopy(event, name, value) {
  if (!hasTag(event, name)) return;
  demand(getOnlyTag(event, name, 2)[1] === value, `the ${name} tag is not what the ring signature has`);
}
