// A ring: its members' points, in their order, and its id.

import { sha256 } from "@noble/hashes/sha2.js";

import { compareBytes, concat, toHex } from "./hex.js";

/**
 * @typedef {object} Member
 * @property {Uint8Array} point compressed, 33 bytes; it may be off the curve
 * @property {Uint8Array} x the key, 32 bytes
 * @property {boolean} isBare whether it was written as its x alone: 64 digits, npub or nprofile
 */

export const MAX_RING = 65535;

/**
 * Return the member with this x and an even y, as lift_x of BIP-340.
 *
 * @param {Uint8Array} x 32 bytes
 * @returns {Member}
 */
export function lift(x) {
  return { point: concat(Uint8Array.of(2), x), x, isBare: true };
}

/**
 * Return the ring id: the SHA-256 of the keys, sorted and joined.
 *
 * @param {Uint8Array[]} keys 32 bytes each
 * @returns {string} 64 hex
 */
export function toRingId(keys) {
  return toHex(sha256(concat(...[...keys].sort(compareBytes))));
}
