// What is pasted on the page for posting, as the message that is sent. Knows no page and no socket.

import { joinParts } from "../core/qr_parts.js";

// An observer of the connection sees the size of a message. Four sizes for all notes say little.
const PADDED_SIZES = [4, 16, 64, 256].map((kib) => kib * 1024);
// With a letter too few or wrong it is still all but the key.
const KEY_BEGUN = /(?:nsec1|ncryptsec1)[02-9ac-hj-np-z]{8}/i;
const WHOLE_KEY = /(?:nsec1[02-9ac-hj-np-z]{58}|ncryptsec1[02-9ac-hj-np-z]{152})/i;
const HEX_ALONE = /^[\s"'`,;:=]*(?:0x)?[0-9a-f]{64}[\s"'`,;]*$/i;

/**
 * @param {string} text
 * @returns {boolean} whether it is, or has in it, what can be a secret key
 */
export function holdsSecretKey(text) {
  const isJson = /^\s*[{[]/.test(text);
  return HEX_ALONE.test(text) || (isJson ? WHOLE_KEY : KEY_BEGUN).test(text);
}

/**
 * Return the EVENT message of a note's JSON, or of a message that is one already, each byte as it was pasted.
 *
 * A note in the parts of several QR codes, one a line, is put together.
 *
 * @param {string} text
 * @returns {{ id: string, message: string } | null} null where it is not one note
 */
export function readMessage(text) {
  const trimmed = joinParts(text.trim());
  try {
    const value = JSON.parse(trimmed);
    const [verb, event, ...rest] = Array.isArray(value) ? value : ["EVENT", value];
    if (verb !== "EVENT" || rest.length > 0 || typeof event.id !== "string") return null;
    return { id: event.id, message: Array.isArray(value) ? trimmed : `["EVENT",${trimmed}]` };
  } catch {
    return null;
  }
}

/**
 * @param {string} message
 * @param {number} maxBytes what the relay takes
 * @returns {string} with spaces behind it up to the next of the sizes; a larger one gets none
 */
export function pad(message, maxBytes) {
  const size = measure(message);
  const padded = PADDED_SIZES.find((padded) => size <= padded && padded <= maxBytes) ?? size;
  return message + " ".repeat(padded - size);
}

/**
 * @param {string} text
 * @returns {number} its bytes in UTF-8
 */
export function measure(text) {
  return new TextEncoder().encode(text).length;
}
