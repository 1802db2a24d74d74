// The operations on secp256k1 with which signatures are verified, and noble's implementation of them.

import { schnorr } from "@noble/curves/secp256k1.js";

import { compareBytes, toHex } from "./hex.js";

/**
 * The curve. A scalar is 32 bytes of a number in 1 to n-1; isScalar says whether it is. `P` is a point in the
 * implementation's own form, never the point at infinity.
 *
 * @template P
 * @typedef {object} Curve
 * @property {(bytes: Uint8Array) => P | null} read a compressed point (33 bytes); null where there is no such point
 * @property {(s: Uint8Array, c: Uint8Array, point: P) => Uint8Array | null} addToBase C(s*G + c*P); null at infinity
 * @property {(s: Uint8Array, base: P, c: Uint8Array, point: P) => Uint8Array | null} add C(s*B + c*P); null at infinity
 * @property {(signature: Uint8Array, message: Uint8Array, key: Uint8Array) => boolean} verifySchnorr as BIP-340
 */

const { Point } = schnorr;
/** @typedef {InstanceType<typeof Point>} NoblePoint */

export const ORDER = Point.Fn.ORDER;
export const ORDER_BYTES = Point.Fn.toBytes(ORDER - 1n).map((byte, place) => (place === 31 ? byte + 1 : byte));
const ZERO = new Uint8Array(32);

/** @type {Curve<NoblePoint>} */
export const noble = {
  read(bytes) {
    if (!isCompressed(bytes)) return null;
    try {
      return Point.fromBytes(bytes);
    } catch {
      return null;
    }
  },
  // Signatures are public: nothing here need take constant time. For G there is a table, so a common walk gains nothing.
  addToBase: (s, c, point) => compress(Point.BASE.multiplyUnsafe(toNumber(s)).add(point.multiplyUnsafe(toNumber(c)))),
  add: (s, base, c, point) => compress(base.mulAddUnsafe(toNumber(s), point, toNumber(c))),
  verifySchnorr: (signature, message, key) => schnorr.verify(signature, message, key),
};

/**
 * @param {Uint8Array} bytes
 * @returns {boolean} whether these are 32 bytes of a number in 1 to n-1
 */
export function isScalar(bytes) {
  return bytes.length === 32 && compareBytes(bytes, ZERO) > 0 && compareBytes(bytes, ORDER_BYTES) < 0;
}

/**
 * @param {Uint8Array} bytes
 * @returns {boolean} whether these are 33 bytes that begin with 02 or 03; x need not be on the curve
 */
export function isCompressed(bytes) {
  return bytes.length === 33 && (bytes[0] === 2 || bytes[0] === 3);
}

/**
 * @param {Uint8Array} scalar
 * @returns {bigint}
 */
export function toNumber(scalar) {
  return BigInt(`0x${toHex(scalar)}`);
}

/**
 * @param {NoblePoint} point
 * @returns {Uint8Array | null}
 */
function compress(point) {
  return point.is0() ? null : point.toBytes(true);
}
