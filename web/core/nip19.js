// Keys and ids for people to read: bech32 (BIP-173) as in NIP-19. Knows no event and no curve.

import { bech32 } from "@scure/base";

import { toHex } from "./hex.js";

const BYTES = 32;
// The bound of docs/ring-notes.md on an nprofile, and NIP-19's on the rest.
const MAX_NPROFILE = 256;
const MAX_TEXT = 5000;
// Types of entries (NIP-19): what is named, the author of a named event, its kind.
const [SPECIAL, AUTHOR, KIND] = [0, 2, 3];
/** @type {Record<number, number>} */
const NEVENT_SIZES = { [SPECIAL]: BYTES, [AUTHOR]: BYTES, [KIND]: 4 };

/**
 * @param {Uint8Array} key 32 bytes
 * @returns {string}
 */
export function encodeNpub(key) {
  return bech32.encode("npub", bech32.toWords(key));
}

/**
 * @param {string} text
 * @returns {Uint8Array | null} 32 bytes, which may be off the curve; null for anything but an npub in lower case
 */
export function decodeNpub(text) {
  return decodeBytes("npub", text);
}

/**
 * @param {string} text
 * @returns {Uint8Array | null} the key of an nprofile, which may be off the curve; null for anything else
 */
export function decodeNprofile(text) {
  const entries = text.length <= MAX_NPROFILE ? decodeEntries("nprofile", text) : [];
  const [key, ...others] = entries.filter(({ type }) => type === SPECIAL);
  return key?.value.length === BYTES && others.length === 0 ? key.value : null;
}

/**
 * @param {string} text
 * @returns {string | null} the id that a note1... names, in hex; null for anything else
 */
export function decodeNote(text) {
  const id = decodeBytes("note", text);
  return id && toHex(id);
}

/**
 * Return the id that an nevent names. Its relays say nothing here: they are a stranger's addresses.
 *
 * @param {string} text
 * @returns {string | null} 64 hex; null for anything else, and where id, author or kind stand there twice or in a wrong size
 */
export function decodeNevent(text) {
  const known = decodeEntries("nevent", text).filter(({ type }) => type in NEVENT_SIZES);
  const isOnce = new Set(known.map(({ type }) => type)).size === known.length;
  const id = known.find(({ type }) => type === SPECIAL);
  return id && isOnce && known.every(({ type, value }) => value.length === NEVENT_SIZES[type]) ? toHex(id.value) : null;
}

/**
 * @param {string} prefix
 * @param {string} text
 * @returns {{ type: number, value: Uint8Array }[]} none where the entries do not fill the text
 */
function decodeEntries(prefix, text) {
  const bytes = decode(prefix, text) ?? new Uint8Array();
  const entries = [];
  for (let place = 0; place < bytes.length; ) {
    const end = place + 2 + bytes[place + 1];
    if (!(end <= bytes.length)) return [];
    entries.push({ type: bytes[place], value: bytes.slice(place + 2, end) });
    place = end;
  }
  return entries;
}

/**
 * @param {string} prefix
 * @param {string} text
 * @returns {Uint8Array | null}
 */
function decodeBytes(prefix, text) {
  const bytes = decode(prefix, text);
  return bytes?.length === BYTES ? bytes : null;
}

/**
 * Return the bytes of a bech32 text in lower case. Its checksum must be right, and the bits left over must be zeros.
 *
 * @param {string} prefix
 * @param {string} text
 * @returns {Uint8Array | null}
 */
function decode(prefix, text) {
  if (text.length > MAX_TEXT || text !== text.toLowerCase() || !text.startsWith(`${prefix}1`)) return null;
  try {
    const found = bech32.decode(/** @type {`${string}1${string}`} */ (text), MAX_TEXT);
    return found.prefix === prefix ? bech32.fromWords(found.words) : null;
  } catch {
    return null;
  }
}
