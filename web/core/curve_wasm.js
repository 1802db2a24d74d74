// The curve in WebAssembly: libsecp256k1 as tiny-secp256k1 2.2.4 compiles it. For long rings.
//
// A member costs, in noble's Schnorr verifications of the same run (bench/curves.mjs, Node 20): of a SAG 0.2, with noble 0.9;
// of a bLSAG 0.55, with noble 2.2. For rings of 10, 100 and 1,000 that was, in ms, 3 / 29 / 270 and 13 / 136 / 1,260; of a
// bLSAG 8 / 70 / 700 and 28 / 280 / 2,770.
//
// Its own loader reads a file or asks for one; here the bytes are given, and its functions are called as they are exported.
// Each takes its operands from fixed places in the memory of the module, and leaves its result in one of them.

import { ORDER, ORDER_BYTES, isCompressed, toNumber } from "./curve.js";
import { compareBytes, fromHex } from "./hex.js";

/**
 * A point as 65 bytes, so that no square root is taken again, and what `recover` is told of it.
 *
 * @typedef {object} WasmPoint
 * @property {Uint8Array} bytes
 * @property {Uint8Array} x
 * @property {bigint} r x as a number
 * @property {number} parity of y
 */

/**
 * The exports of the module that are used here. Lengths are in bytes; a result of 1 is success.
 *
 * @typedef {object} Exports
 * @property {WebAssembly.Memory} memory
 * @property {WebAssembly.Global} PUBLIC_KEY_INPUT also the place of results
 * @property {WebAssembly.Global} PUBLIC_KEY_INPUT2
 * @property {WebAssembly.Global} X_ONLY_PUBLIC_KEY_INPUT
 * @property {WebAssembly.Global} TWEAK_INPUT
 * @property {WebAssembly.Global} HASH_INPUT
 * @property {WebAssembly.Global} SIGNATURE_INPUT
 * @property {() => void} initializeContext
 * @property {(size: number, resultSize: number) => void} pointCompress
 * @property {(size: number, resultSize: number) => number} pointMultiply
 * @property {(size: number, resultSize: number) => number} pointAddScalar
 * @property {(size: number, otherSize: number, resultSize: number) => number} pointAdd
 * @property {(resultSize: number, recoveryId: number) => number} recover
 * @property {() => number} verifySchnorr
 */

const [COMPRESSED, FULL] = [33, 65];

/**
 * Return the curve, null where there is no WebAssembly or a policy forbids it.
 *
 * @param {BufferSource} bytes of secp256k1.wasm
 * @returns {Promise<import("./curve.js").Curve<WasmPoint> | null>}
 */
export async function loadWasmCurve(bytes) {
  if (typeof WebAssembly === "undefined") return null;
  try {
    const { instance } = await WebAssembly.instantiate(bytes, {
      // What it blinds are secrets, and none comes here.
      "./rand.js": { generateInt32: () => 0 },
      // It returns 0 behind this call.
      "./validate_error.js": { throwError: () => {} },
    });
    const exports = /** @type {Exports} */ (/** @type {unknown} */ (instance.exports));
    exports.initializeContext();
    return buildCurve(exports);
  } catch {
    return null;
  }
}

/**
 * @param {Exports} exports
 * @returns {import("./curve.js").Curve<WasmPoint>}
 */
function buildCurve(exports) {
  const memory = new Uint8Array(exports.memory.buffer);
  /** @type {(place: WebAssembly.Global, bytes: Uint8Array) => void} */
  const put = (place, bytes) => memory.set(bytes, place.value);
  const { PUBLIC_KEY_INPUT: point, PUBLIC_KEY_INPUT2: other, TWEAK_INPUT: scalar } = exports;
  /** @type {(size: number) => Uint8Array} */
  const take = (size) => memory.slice(point.value, point.value + size);

  /** @type {(factor: Uint8Array, bytes: Uint8Array) => void} */
  const multiply = (factor, bytes) => {
    put(point, bytes);
    put(scalar, factor);
    exports.pointMultiply(FULL, FULL);
  };

  return {
    read(bytes) {
      if (!isCompressed(bytes)) return null;
      put(point, bytes);
      exports.pointCompress(COMPRESSED, FULL);
      const full = take(FULL);
      const x = bytes.slice(1);
      // Where these are no point they are left as they were.
      return full[0] === 4 ? { bytes: full, x, r: toNumber(x), parity: bytes[0] & 1 } : null;
    },

    addToBase(s, c, { bytes, x, r, parity }) {
      if (compareBytes(x, ORDER_BYTES) >= 0) {
        multiply(c, bytes);
        put(scalar, s);
        return exports.pointAddScalar(FULL, COMPRESSED) === 1 ? take(COMPRESSED) : null;
      }
      // One call in the place of two: recovery of an ECDSA key (SEC 1, 4.1.6) gives (s'*R - m'*G) / r, where R is the point
      // with this r. With R = P, s' = c*r and m' = -s*r that is s*G + c*P.
      put(exports.SIGNATURE_INPUT, x);
      memory.set(toBytes((toNumber(c) * r) % ORDER), exports.SIGNATURE_INPUT.value + 32);
      put(exports.HASH_INPUT, toBytes(ORDER - ((toNumber(s) * r) % ORDER)));
      return exports.recover(COMPRESSED, parity) === 1 ? take(COMPRESSED) : null;
    },

    add(s, base, c, { bytes }) {
      multiply(c, bytes);
      put(other, take(FULL));
      multiply(s, base.bytes);
      return exports.pointAdd(FULL, FULL, COMPRESSED) === 1 ? take(COMPRESSED) : null;
    },

    verifySchnorr(signature, message, key) {
      put(exports.SIGNATURE_INPUT, signature);
      put(exports.HASH_INPUT, message);
      put(exports.X_ONLY_PUBLIC_KEY_INPUT, key);
      return exports.verifySchnorr() === 1;
    },
  };
}

/**
 * @param {bigint} number
 * @returns {Uint8Array} 32 bytes
 */
function toBytes(number) {
  return fromHex(number.toString(16).padStart(64, "0"));
}
