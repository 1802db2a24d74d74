// Keys as a person writes them: npub, nprofile, nsec or hex. No error repeats anything of what was given.

import { secp256k1 } from "@noble/curves/secp256k1.js";

import { BadInput } from "./bad_input.js";
import { fromHex } from "./hex.js";
import { explainPublic, explainSecret, isSeed } from "./mistyped.js";
import { decodeNprofile, decodeNpub } from "./nip19.js";
import { decodeNsec } from "./nip19_secret.js";

// What people write before a key: NIP-21, and an @ as before a name.
const BEFORE = /^(?:nostr:|@)+/i;
// White space, and what nobody sees: a byte order mark, joiners.
const AROUND = /^[\s\ufeff\u200b-\u200d\u2060]+|[\s\ufeff\u200b-\u200d\u2060]+$/g;
const HEX_KEY = /^[0-9a-fA-F]{64}$/;
// A whole point. On Nostr the keys of both signs are one person's.
const HEX_POINT_KEY = /^0[23][0-9a-fA-F]{64}$/;
const SECRETS = /^(?:nsec1|ncryptsec1)/i;
const PUBLIC = /^(?:npub1|nprofile1)/i;
const KEY_DIGITS = 64;

/**
 * Return the 32-byte x-only key written as npub or nprofile (NIP-19), or as 64 hex digits, or 66 from 02 or 03.
 *
 * Letters may be of either case, with nostr: (NIP-21) or @ before them. Throws BadInput.
 * @param {string} given
 * @returns {Uint8Array}
 */
export function parsePublicKey(given) {
  const text = strip(given);
  if (SECRETS.test(text)) throw new BadInput("key_is_secret");
  const key = readPublicKey(text);
  if (!key) throw new BadInput(explainPublic(text));
  if (!isOnCurve(key)) throw new BadInput("key_off_curve");
  return key;
}

/**
 * Return the 32-byte secret written as nsec (NIP-19) or as 64 hex digits. Throws BadInput.
 * @param {string} given
 * @returns {Uint8Array}
 */
export function parseSecretKey(given) {
  const text = trimKey(given);
  const key = HEX_KEY.test(text) ? fromHex(text.toLowerCase()) : decodeNsec(text);
  if (!key) throw new BadInput(explainSecret(text));
  if (!isSecret(key)) throw new BadInput("key_out_of_range");
  return key;
}

/**
 * Return the 32-byte public key of a secret one.
 * @param {Uint8Array} secret
 */
export function toPublicKey(secret) {
  return secp256k1.getPublicKey(secret, true).slice(1);
}

/**
 * Return whether these are 32 bytes of a number that is a secret key.
 * @param {Uint8Array} key
 */
export function isSecret(key) {
  return key.length === 32 && secp256k1.utils.isValidSecretKey(key);
}

/**
 * Return a text without the white space, and what nobody sees, around it.
 * @param {string} text
 */
export function trimKey(text) {
  return text.replace(AROUND, "");
}

/**
 * Return whether a text begins like a secret key, encrypted or not, complete or not.
 * @param {string} text
 */
export function isLikeSecret(text) {
  return SECRETS.test(strip(text));
}

/**
 * Return whether a text was meant as a key, public or secret, or as the words of one.
 * @param {string} text
 */
export function couldBeKey(text) {
  const bare = strip(text);
  return SECRETS.test(bare) || PUBLIC.test(bare) || HEX_KEY.test(bare) || HEX_POINT_KEY.test(bare) || isSeed(bare);
}

/** @param {string} text */
function strip(text) {
  return trimKey(text).replace(BEFORE, "");
}

/** @param {string} text */
function readPublicKey(text) {
  if (HEX_KEY.test(text) || HEX_POINT_KEY.test(text)) return fromHex(text.slice(-KEY_DIGITS).toLowerCase());
  const lowered = text === text.toUpperCase() ? text.toLowerCase() : text;
  return decodeNpub(lowered) ?? decodeNprofile(lowered);
}

/** @param {Uint8Array} key */
function isOnCurve(key) {
  try {
    secp256k1.Point.fromBytes(Uint8Array.of(2, ...key));
    return true;
  } catch {
    return false;
  }
}
