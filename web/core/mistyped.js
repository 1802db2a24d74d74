// What people write in place of a key, by the name of the sentence for it. It repeats nothing, as it may be a secret.

import { remark } from "./bad_input.js";
import { decodeNsec, holdsSecretKey } from "./nip19_secret.js";

/** @typedef {import("./bad_input.js").Remark} Remark */

// Also those that word processors make of them.
const QUOTES = "\"'`´“”„‟‘’‚‛«»‹›";
const NSEC_CHARS = 63;
const NO_BECH32 = /[^02-9ac-hj-np-z]/;
const HEX = /^(?:0x)?[0-9a-f]+$/;
const POINT = /^(?:0[23][0-9a-f]{64}|04[0-9a-f]{128})$/;
// BIP-39: 12 to 24 words of a list, often with numbers before them. The lists are of ten languages, so the shape must do.
const SEED_SIZES = [12, 15, 18, 21, 24];
const NUMBERING = /[0-9]{1,2}[.):]?/;
const WORD = /^[\p{L}\p{Nl}\p{No}]{1,12}$/u;
const OF_NOTES = /^(?:note1|nevent1|naddr1)/;
const PUBLIC = /^(?:npub1|nprofile1)/;

/**
 * Return what is wrong with a text that should be an nsec or 64 hex digits and is neither.
 * @param {string} text
 * @returns {Remark}
 */
export function explainSecret(text) {
  const lowered = text.toLowerCase();
  const found = explainBoth(text);
  if (found) return found;
  if (lowered.startsWith("nostr:")) return remark("key_nostr_uri");
  if (PUBLIC.test(lowered) || POINT.test(lowered)) return remark("key_is_public");
  if (lowered.startsWith("ncryptsec1")) return remark("key_ncryptsec_wrong");
  if (lowered.startsWith("nsec1")) return explainNsec(text);
  if (holdsSecretKey(text)) return remark("key_not_alone");
  if (HEX.test(lowered)) return explainHex(lowered, "key_hex_secret_0x", "key_hex_secret_length");
  if (text.includes("PRIVATE KEY")) return remark("key_of_another_kind");
  return remark("key_not_secret");
}

/**
 * Return what is wrong with a text that should be a public key and is none.
 * @param {string} text
 * @returns {Remark}
 */
export function explainPublic(text) {
  const lowered = text.toLowerCase();
  const found = explainBoth(text);
  if (found) return found;
  if (PUBLIC.test(lowered)) return remark("key_checksum", { name: lowered.split("1")[0] });
  if (HEX.test(lowered)) return explainHex(lowered, "key_hex_0x", "key_hex_length");
  if (text.includes("@") && !/\s/.test(text)) return remark("key_is_address");
  return remark("key_not_public");
}

/**
 * Return whether a text looks like the seed words of a wallet.
 * @param {string} text
 */
export function isSeed(text) {
  const parts = text.trim().split(/[\s,;]+/);
  const words = parts.map((part) => (/^[0-9]/.test(part) ? part.replace(NUMBERING, "") : part)).filter(Boolean);
  return SEED_SIZES.includes(words.length) && words.every((word) => WORD.test(word));
}

/**
 * Return what is wrong in place of any key, null where it is something else.
 * @param {string} text
 */
function explainBoth(text) {
  if (!text) return remark("key_missing");
  if (isSeed(text)) return remark("key_is_seed");
  if ("{[".includes(text[0])) return remark("key_is_json");
  if (QUOTES.includes(text[0]) || QUOTES.includes(text[text.length - 1])) return remark("key_in_quotes");
  return OF_NOTES.test(text.toLowerCase()) ? remark("key_is_note") : null;
}

/** @param {string} text */
function explainNsec(text) {
  const lowered = text.toLowerCase();
  if (decodeNsec(lowered)) return remark("key_nsec_capitals");
  if (/\s/.test(text)) return remark("key_nsec_space");
  if (NO_BECH32.test(lowered.slice(5))) return remark("key_nsec_letter");
  if (text.length !== NSEC_CHARS) return remark("key_nsec_length", { length: text.length, whole: NSEC_CHARS });
  return remark("key_nsec_checksum");
}

/**
 * @param {string} lowered
 * @param {string} with0x
 * @param {string} ofLength
 */
function explainHex(lowered, with0x, ofLength) {
  return lowered.startsWith("0x") ? remark(with0x) : remark(ofLength, { length: lowered.length });
}
