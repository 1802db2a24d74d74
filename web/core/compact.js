// The compact signature: `ringA`, then base64url of a CBOR map (docs/ring-notes.md, RFC 8949). One signature has one spelling.

import { base64urlnopad } from "@scure/base";

import { isCompressed } from "./curve.js";
import { concat, fromUtf8, toUtf8 } from "./hex.js";
import { demand } from "./refusal.js";

const MARK = "ringA";
const MAX_FLAG = 128;
const LAYOUT = "the ring signature is cut, changed, or not in Nostringer's compact layout: copy it whole, as it was printed";

/** @typedef {import("./challenge.js").RingSignature} RingSignature */

/**
 * @param {RingSignature} signature
 * @returns {string}
 */
export function encodeCompact({ scheme, c0, responses, keyImage, flag }) {
  const entries = [
    concat(writeText("v"), writeText(scheme)),
    concat(writeText("c"), writeHead(0x40, c0.length), c0),
    concat(writeText("s"), writeHead(0x80, responses.length), ...responses.map(writeArray)),
  ];
  if (keyImage) entries.push(concat(writeText("i"), writeArray(keyImage)));
  if (flag !== null) entries.push(concat(writeText("l"), writeArray(toUtf8(flag))));
  return MARK + base64urlnopad.encode(concat(writeHead(0xa0, entries.length), ...entries));
}

/**
 * Read what encodeCompact writes: anything that it would write in another way is refused. Scalars may be out of range.
 *
 * @param {string} text
 * @param {number} ringSize
 * @returns {RingSignature}
 */
export function decodeCompact(text, ringSize) {
  demand(text.startsWith(MARK), "the ring signature must begin with ringA: use Nostringer's compact encoding");
  // The most that a response takes, a third more as base64, and room for the rest.
  demand(text.length <= 88 * ringSize + 600, "the ring signature is longer than its ring allows");
  const signature = readMap(decodeBase64(text.slice(MARK.length)));
  demand(signature.responses.length === ringSize, "the ring signature must have one response per ring member");
  demand(encodeCompact(signature) === text, LAYOUT);
  return signature;
}

/**
 * @param {Uint8Array} data
 * @returns {RingSignature}
 */
function readMap(data) {
  const reader = new Reader(data);
  const size = reader.readHead(0xa0);
  reader.readName("v");
  const scheme = reader.readText() === "sag" ? "sag" : "blsag";
  demand(scheme === "sag" ? size === 3 : size === 4 || size === 5, LAYOUT);
  reader.readName("c");
  const c0 = reader.take(reader.readHead(0x40));
  reader.readName("s");
  const responses = Array.from({ length: reader.readHead(0x80) }, () => reader.readArray());
  demand(c0.length === 32 && responses.every((response) => response.length === 32), LAYOUT);
  const keyImage = size > 3 ? readKeyImage(reader) : null;
  const flag = size > 4 ? readFlag(reader) : null;
  return { scheme, c0, responses, keyImage, flag };
}

/**
 * @param {Reader} reader
 * @returns {Uint8Array}
 */
function readKeyImage(reader) {
  reader.readName("i");
  const keyImage = reader.readArray();
  demand(isCompressed(keyImage), "the key image must be a compressed point of 33 bytes: sign again");
  return keyImage;
}

/**
 * @param {Reader} reader
 * @returns {string}
 */
function readFlag(reader) {
  reader.readName("l");
  const bytes = reader.readArray();
  demand(bytes.length >= 1 && bytes.length <= MAX_FLAG, "the linkability flag must be 1 to 128 bytes");
  const flag = fromUtf8(bytes);
  demand(flag !== null, "the linkability flag must be UTF-8");
  return flag;
}

/** CBOR from its first byte on, as far as a signature needs it. What is not in its shortest form is found by writing it again. */
class Reader {
  #place = 0;

  /** @param {Uint8Array} data */
  constructor(data) {
    this.data = data;
  }

  /**
   * @param {number} size
   * @returns {Uint8Array}
   */
  take(size) {
    const bytes = this.data.subarray(this.#place, (this.#place += size));
    demand(bytes.length === size, LAYOUT);
    return bytes;
  }

  /**
   * Read the head of an item of a major type, and return its number.
   *
   * @param {number} type
   * @returns {number}
   */
  readHead(type) {
    const [first] = this.take(1);
    demand((first & 0xe0) === type, LAYOUT);
    const low = first & 0x1f;
    demand(low < 26, LAYOUT);
    return low < 24 ? low : this.take(low - 23).reduce((number, byte) => 256 * number + byte, 0);
  }

  /** @returns {string | null} */
  readText() {
    return fromUtf8(this.take(this.readHead(0x60)));
  }

  /** @param {string} name */
  readName(name) {
    demand(this.readText() === name, LAYOUT);
  }

  /** @returns {Uint8Array} the integers of an array, each below 256 */
  readArray() {
    const bytes = new Uint8Array(this.readHead(0x80));
    return bytes.map(() => {
      const integer = this.readHead(0);
      demand(integer < 256, LAYOUT);
      return integer;
    });
  }
}

/**
 * @param {string} text
 * @returns {Uint8Array}
 */
function decodeBase64(text) {
  try {
    return base64urlnopad.decode(text);
  } catch {
    demand(false, LAYOUT);
  }
}

/**
 * @param {number} type a major type, in the place where it stands
 * @param {number} number below 65536
 * @returns {Uint8Array}
 */
function writeHead(type, number) {
  if (number < 24) return Uint8Array.of(type + number);
  return number < 256 ? Uint8Array.of(type + 24, number) : Uint8Array.of(type + 25, number >> 8, number & 255);
}

/**
 * @param {string} text
 * @returns {Uint8Array}
 */
function writeText(text) {
  return concat(writeHead(0x60, text.length), toUtf8(text));
}

/**
 * @param {Uint8Array} bytes
 * @returns {Uint8Array} an array of integers
 */
function writeArray(bytes) {
  const integers = [...bytes].flatMap((byte) => (byte < 24 ? [byte] : [24, byte]));
  return concat(writeHead(0x80, bytes.length), Uint8Array.from(integers));
}
