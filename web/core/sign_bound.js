// Notes in the bound form (docs/ring-notes.md, form A): the ring signs all but proof of work and signatures.

import { schnorr } from "@noble/curves/secp256k1.js";

import { RELEASE_FLAG } from "./blsag.js";
import { encodeCompact } from "./compact.js";
import { MAX_SCOPE_BYTES } from "./draft.js";
import { computeId } from "./event.js";
import { fromHex, isHex, isText, toHex, toUtf8 } from "./hex.js";
import { lift, toRingId } from "./ring.js";
import { signEvent } from "./sign_event.js";
import { computeKeyImage, findSigner, signBlsag, signSag } from "./sign_ring.js";

/**
 * @typedef {import("./draft.js").Draft} Draft
 * @typedef {import("./ring.js").Member} Member
 */

export const SIGNED_PREFIX = "nostr-ring-note:v1:";
// What the ring proof itself writes, and the marks of the other forms.
export const RESERVED_TAGS = ["ring", "ringsig", "scope", "R", "J", "nonce", "ring-members", "ring-signature"];

/**
 * Return a note that the ring signs, its outer event by a fresh key. Throws for what a relay would refuse as invalid.
 *
 * @param {Draft} draft
 * @param {import("./random.js").Chance} chance
 * @param {(tries: number) => void} [onTries]
 * @returns {import("./event.js").Event}
 */
export function makeBoundNote(draft, chance, onTries) {
  const author = chance.drawScalar();
  const pubkey = toHex(schnorr.getPublicKey(author));
  const keys = [...draft.ring].sort();
  checkRing(keys, pubkey);
  checkClaims(draft);
  const members = keys.map((key) => lift(fromHex(key)));
  const tags = [...draft.tags, ...writeClaims(draft, keys, members)];
  const unsigned = { pubkey, created_at: draft.createdAt, kind: draft.kind, tags, content: draft.content };
  const message = toUtf8(SIGNED_PREFIX + computeId(unsigned));
  const signature = draft.scheme === "blsag"
    ? signBlsag(message, members, draft.secret, draft.scope, chance)
    : signSag(message, members, draft.secret, chance);
  const signed = { ...unsigned, tags: [...tags, ["ringsig", encodeCompact(signature)]] };
  return signEvent(signed, author, chance.drawBytes(), draft.bits, onTries);
}

/**
 * Return the tags that say what the ring claims, all but the signature: ring, scope, R and J.
 *
 * @param {Draft} draft
 * @param {string[]} keys
 * @param {Member[]} members
 */
function writeClaims({ scope, secret, namesRing }, keys, members) {
  const ring = ["ring", ...keys];
  const ringId = namesRing ? [["R", toRingId(keys.map(fromHex))]] : [];
  if (scope === null) return [ring, ...ringId];
  const { place } = findSigner(members, secret);
  return [ring, ["scope", scope], ...ringId, ["J", toHex(computeKeyImage(members[place], secret, scope))]];
}

/**
 * @param {string[]} keys
 * @param {string} pubkey
 */
function checkRing(keys, pubkey) {
  if (keys.length < 2 || new Set(keys).size !== keys.length || !keys.every((key) => isHex(key, 32))) {
    throw new RangeError("the ring must hold two or more distinct keys of 32 bytes");
  }
  if (keys.includes(pubkey)) throw new RangeError("the note's own key must not be a member of its ring");
}

/** @param {Draft} draft */
function checkClaims({ tags, scheme, scope }) {
  if (tags.some((tag) => tag.length === 0 || RESERVED_TAGS.includes(tag[0]))) {
    throw new RangeError("a tag is empty, or has a name that the ring proof itself writes");
  }
  if ((scheme === "blsag") !== (scope !== null)) {
    throw new RangeError("a linkable note needs a scope, and no other note has one");
  }
  // Nostringer 0.1.8 hashed its own flag into every linkable signature: it would link to all of them.
  if (scope !== null && (!isText(scope) || scope === "" || toUtf8(scope).length > MAX_SCOPE_BYTES || scope === RELEASE_FLAG)) {
    throw new RangeError("the scope must be 1 to 128 bytes of UTF-8, and not Nostringer's own flag");
  }
}
