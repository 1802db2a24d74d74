// Proof of work (NIP-13): the nonce is the last tag, so that what precedes it is hashed once.

import { sha256 } from "@noble/hashes/sha2.js";

import { serialize } from "./event.js";
import { toUtf8 } from "./hex.js";

// A ringrelay's default where posting is free.
export const USUAL_POW_BITS = 16;
// Every bit doubles the work: 32 take hours.
export const MAX_POW_BITS = 32;
// A try hashes the nonce and what follows it, which is mostly the content. Estimates are rather too slow than too fast.
const TRY_S = 8e-6;
const BYTE_S = 6e-9;
const REPORT_TRIES = 2 ** 14;
const WORD_BITS = 32;
const MAX_BITS = 64;

/**
 * Return the `nonce` tag which, put last, gives the event an id of so many leading zero bits (1 to 64).
 *
 * @param {import("./event.js").Unsigned} unsigned
 * @param {number} bits
 * @param {(tries: number) => void} [onTries] called now and then
 * @returns {string[]}
 */
export function mineNonce(unsigned, bits, onTries) {
  if (!(bits >= 1 && bits <= MAX_BITS)) throw new RangeError("1 to 64 bits of proof of work can be mined");
  const tail = `","${bits}"]],${JSON.stringify(unsigned.content)}]`;
  const whole = serialize({ ...unsigned, tags: [...unsigned.tags, ["nonce", "", String(bits)]] });
  const state = sha256.create().update(toUtf8(whole.slice(0, whole.length - tail.length)));
  const id = new Uint8Array(32);
  const view = new DataView(id.buffer);
  for (let nonce = 0; ; nonce += 1) {
    state.clone().update(toUtf8(nonce + tail)).digestInto(id);
    if (countZeroBits(view) >= bits) return ["nonce", String(nonce), String(bits)];
    if (nonce % REPORT_TRIES === REPORT_TRIES - 1) onTries?.(nonce + 1);
  }
}

/**
 * Return the average time, in seconds, to mine so many bits for a note with this content.
 *
 * @param {string} content
 * @param {number} bits
 */
export function estimateWork(content, bits) {
  return 2 ** bits * (TRY_S + BYTE_S * toUtf8(content).length);
}

/** @param {DataView} view */
function countZeroBits(view) {
  const high = Math.clz32(view.getUint32(0));
  return high < WORD_BITS ? high : high + Math.clz32(view.getUint32(4));
}
