// Ring signatures as authors make them, SAG and bLSAG (docs/ring-notes.md), as relay/client/signing/ring_sign.py makes them.
//
// The time that JavaScript's big integers take depends on their values, and they cannot be wiped: sign on a machine whose
// timing and memory no one else can measure.

import { secp256k1 } from "@noble/curves/secp256k1.js";

import { hashToPoint, startBlsag, toFlagBytes } from "./blsag.js";
import { nextChallenge } from "./challenge.js";
import { ORDER, isScalar, noble, toNumber } from "./curve.js";
import { compareBytes } from "./hex.js";
import { startSag } from "./sag.js";

/**
 * @typedef {import("./ring.js").Member} Member
 * @typedef {import("./challenge.js").RingSignature} RingSignature
 * @typedef {import("./random.js").Chance} Chance
 * @typedef {(place: number, s: Uint8Array, c: Uint8Array) => Uint8Array[]} Link
 */

const { Point } = secp256k1;
const { Fn } = Point;

/**
 * Sign so that no one can tell which member did, nor whether two signatures have one signer.
 *
 * Throws where the key (32 bytes) is not in the ring, or a member is not on the curve.
 *
 * @param {Uint8Array} message
 * @param {Member[]} ring
 * @param {Uint8Array} secret
 * @param {Chance} chance
 * @returns {RingSignature}
 */
export function signSag(message, ring, secret, chance) {
  const { place, key } = findSigner(ring, secret);
  const state = startSag(message, ring);
  const points = ring.map(readPoint);
  /** @type {Link} */
  const link = (at, s, c) => [require(noble.addToBase(s, c, points[at]))];
  /** @param {bigint} nonce */
  const start = (nonce) => [Point.BASE.multiply(nonce).toBytes(true)];
  const { c0, responses } = closeRing({ state, start, link, size: ring.length, place, key, chance });
  return { scheme: "sag", c0, responses, keyImage: null, flag: null };
}

/**
 * Sign so that two signatures with one flag show whether they have one signer, but not which member.
 *
 * Without a flag all signatures of a key link, across rings. Throws as signSag does.
 *
 * @param {Uint8Array} message
 * @param {Member[]} ring
 * @param {Uint8Array} secret
 * @param {string | null} flag 1 to 128 bytes
 * @param {Chance} chance
 * @returns {RingSignature}
 */
export function signBlsag(message, ring, secret, flag, chance) {
  const { place, key } = findSigner(ring, secret);
  const flagBytes = toFlagBytes(flag);
  const points = ring.map(readPoint);
  const bases = ring.map((member) => hashToPoint(noble, member.point, flagBytes).point);
  const image = bases[place].multiply(key);
  /** @type {Link} */
  const link = (at, s, c) => [require(noble.addToBase(s, c, points[at])), require(noble.add(s, bases[at], c, image))];
  /** @param {bigint} nonce */
  const start = (nonce) => [Point.BASE, bases[place]].map((base) => base.multiply(nonce).toBytes(true));
  const state = startBlsag(message);
  const { c0, responses } = closeRing({ state, start, link, size: ring.length, place, key, chance });
  return { scheme: "blsag", c0, responses, keyImage: image.toBytes(true), flag };
}

/**
 * Return the key image (33 bytes) that a member's signatures with this flag all have.
 *
 * @param {Member} member
 * @param {Uint8Array} secret
 * @param {string | null} flag
 */
export function computeKeyImage(member, secret, flag) {
  const { key } = findSigner([member], secret);
  return hashToPoint(noble, member.point, toFlagBytes(flag)).point.multiply(key).toBytes(true);
}

/**
 * Return the signer's place in the ring and the key of the point listed there: negated where that is -dG.
 *
 * @param {Member[]} ring
 * @param {Uint8Array} secret
 */
export function findSigner(ring, secret) {
  if (!isScalar(secret)) throw new RangeError("the secret key must be 32 bytes that hold a number in 1..n-1");
  const own = secp256k1.getPublicKey(secret, true);
  const place = ring.findIndex((member) => compareBytes(member.point.slice(1), own.slice(1)) === 0);
  if (place < 0) throw new RangeError("the secret key's public key is not in the ring");
  const key = toNumber(secret);
  return { place, key: ring[place].point[0] === own[0] ? key : ORDER - key };
}

/**
 * Walk the ring from behind the signer to the signer, and close it.
 *
 * @param {object} walk
 * @param {import("./challenge.js").HashState} walk.state what all links share
 * @param {(nonce: bigint) => Uint8Array[]} walk.start the points of the signer's link
 * @param {Link} walk.link the points of another's
 * @param {number} walk.size
 * @param {number} walk.place the signer's
 * @param {bigint} walk.key
 * @param {Chance} walk.chance
 */
function closeRing({ state, start, link, size, place, key, chance }) {
  const nonce = toNumber(chance.drawScalar());
  const responses = Array.from({ length: size }, () => chance.drawScalar());
  let challenge = nextChallenge(state, ...start(nonce));
  let c0 = challenge;
  for (let step = 1; step <= size; step += 1) {
    const at = (place + step) % size;
    if (at === 0) c0 = challenge;
    if (at !== place) challenge = nextChallenge(state, ...link(at, responses[at], challenge));
  }
  // With it s*G + c*P is the nonce's point.
  const response = Fn.create(nonce - toNumber(challenge) * key);
  // As likely as guessing the key. A relay refuses a zero, which would reveal the key.
  if (response === 0n) throw new RangeError("an unlucky draw: sign again");
  responses[place] = Fn.toBytes(response);
  return { c0, responses };
}

/** @param {Member} member */
function readPoint(member) {
  return require(noble.read(member.point));
}

/**
 * @template T
 * @param {T | null} point
 * @returns {T}
 */
function require(point) {
  if (point === null) throw new RangeError("a ring member is not a point on the curve");
  return point;
}
