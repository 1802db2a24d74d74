// Bytes and text: lower-case hex, UTF-8. Both ways are strict: no upper case, no lone surrogate, no byte order mark dropped.

import { concatBytes } from "@noble/hashes/utils.js";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export { concatBytes as concat };

/**
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export function toHex(bytes) {
  let text = "";
  for (const byte of bytes) text += (byte < 16 ? "0" : "") + byte.toString(16);
  return text;
}

/**
 * Read what isHex accepts.
 *
 * @param {string} text
 * @returns {Uint8Array}
 */
export function fromHex(text) {
  const bytes = new Uint8Array(text.length / 2);
  for (let place = 0; place < bytes.length; place += 1) bytes[place] = parseInt(text.slice(2 * place, 2 * place + 2), 16);
  return bytes;
}

/**
 * Tell whether a value is so many bytes in lower-case hex.
 *
 * @param {unknown} value
 * @param {number} size in bytes
 * @returns {value is string}
 */
export function isHex(value, size) {
  return typeof value === "string" && value.length === 2 * size && /^[0-9a-f]+$/.test(value);
}

/**
 * Tell whether a value is text that has a UTF-8: a string without a lone surrogate.
 *
 * @param {unknown} value
 * @returns {value is string}
 */
export function isText(value) {
  return typeof value === "string" && !/[\ud800-\udfff]/u.test(value);
}

/**
 * @param {string} text
 * @returns {Uint8Array}
 */
export function toUtf8(text) {
  return encoder.encode(text);
}

/**
 * @param {Uint8Array} bytes
 * @returns {string | null} null where they are no UTF-8
 */
export function fromUtf8(bytes) {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}

/**
 * Compare bytes as big-endian numbers of one length.
 *
 * @param {Uint8Array} one
 * @param {Uint8Array} other
 * @returns {number} below 0, 0, or above 0
 */
export function compareBytes(one, other) {
  for (let place = 0; place < one.length; place += 1) {
    if (one[place] !== other[place]) return one[place] - other[place];
  }
  return 0;
}
