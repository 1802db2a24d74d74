// Secret keys for people to read (NIP-19, NIP-49), and how to find a key in a text. Knows no curve.

import { bech32 } from "@scure/base";

import { toHex } from "./hex.js";

const CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const KEY_BYTES = 32;
// An ncryptsec has 162.
const MAX_CHARS = 256;
// NIP-49: version, cost, salt, nonce, security, and the key with its tag.
const NCRYPTSEC_BYTES = 91;
// The look-ahead also finds overlapping ones: the last letters of one may be the "nsec" of the next.
const NSEC_CANDIDATE = /(?=(nsec1[02-9ac-hj-np-z]{58}))/gi;
// 91 bytes in 146 characters, and 6 of checksum.
const NCRYPTSEC = /ncryptsec1[02-9ac-hj-np-z]{152}/i;
const LETTER_BITS = 5;

/**
 * Return the bytes of a bech32 text of any length, null for another prefix, number of bytes or checksum.
 * @param {string} prefix
 * @param {string} text
 * @param {number} size
 * @returns {Uint8Array | null}
 */
function decodeBytes(prefix, text, size) {
  try {
    const found = bech32.decodeToBytes(text, MAX_CHARS);
    return found.prefix === prefix && found.bytes.length === size ? found.bytes : null;
  } catch {
    return null;
  }
}

/**
 * Return the 32 bytes of an nsec, null for anything else. They may be out of range.
 * @param {string} text
 */
export function decodeNsec(text) {
  return decodeBytes("nsec", text, KEY_BYTES);
}

/**
 * Return the 91 bytes of an ncryptsec, null for anything else.
 * @param {string} text
 */
export function decodeNcryptsec(text) {
  return decodeBytes("ncryptsec", text, NCRYPTSEC_BYTES);
}

/**
 * Return whether a text holds an nsec with a right checksum anywhere, in letters of any case.
 *
 * It accepts more than decodeNsec, because a finder may restore the key by hand: letters of both cases, any unused bits.
 * @param {string} text
 */
export function holdsSecretKey(text) {
  return [...text.matchAll(NSEC_CANDIDATE)].some((found) => bech32.decodeUnsafe(found[1].toLowerCase()) !== undefined);
}

/**
 * Return whether a text holds an ncryptsec (NIP-49): whoever guesses its passphrase has the key.
 * @param {string} text
 */
export function holdsEncryptedKey(text) {
  return NCRYPTSEC.test(text);
}

/**
 * Return five texts, one of which stands in each bech32 text that holds this 32-byte key among whatever else.
 *
 * So a key is found in an npub, nprofile, nevent or naddr, also with a wrong checksum. All are in lower case.
 * @param {Uint8Array} key
 * @returns {string[]}
 */
export function listTraces(key) {
  const bits = BigInt(`0x${toHex(key)}`).toString(2).padStart(8 * KEY_BYTES, "0");
  // A letter is five bits and a byte eight: the key begins at one of five places in a letter.
  return [0, 1, 2, 3, 4].map((start) => {
    let trace = "";
    for (let at = start; at + LETTER_BITS <= bits.length; at += LETTER_BITS) {
      trace += CHARSET[parseInt(bits.slice(at, at + LETTER_BITS), 2)];
    }
    return trace;
  });
}
