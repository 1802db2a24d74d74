// A note's outer event: proof of work, id, and the throwaway key's signature. Knows nothing of what the ring signs.

import { schnorr } from "@noble/curves/secp256k1.js";

import { computeId } from "./event.js";
import { fromHex, toHex } from "./hex.js";
import { mineNonce } from "./pow.js";

/**
 * @typedef {import("./event.js").Event} Event
 * @typedef {import("./event.js").Unsigned} Unsigned
 */

/**
 * Return the event with so many bits of proof of work (NIP-13), signed by the key `author`.
 *
 * @param {Unsigned} unsigned its pubkey is `author`'s
 * @param {Uint8Array} author
 * @param {Uint8Array} aux fresh randomness for the signature (BIP-340)
 * @param {number} bits
 * @param {(tries: number) => void} [onTries]
 * @returns {Event}
 */
export function signEvent(unsigned, author, aux, bits, onTries) {
  const { pubkey, created_at, kind, content } = unsigned;
  const tags = bits ? [...unsigned.tags, mineNonce(unsigned, bits, onTries)] : unsigned.tags;
  const id = computeId({ ...unsigned, tags });
  const sig = toHex(schnorr.sign(fromHex(id), author, aux));
  return { id, pubkey, created_at, kind, tags, content, sig };
}

/**
 * Return an event as it is stored and sent: compact JSON, its members in the usual order.
 *
 * @param {Event} event
 */
export function encodeEvent({ id, pubkey, created_at, kind, tags, content, sig }) {
  return JSON.stringify({ id, pubkey, created_at, kind, tags, content, sig });
}
