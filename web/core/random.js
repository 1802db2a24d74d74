// Numbers that nobody can foresee, from the system's random source (Web Crypto). Each has the same chance.

import { isScalar } from "./curve.js";

/**
 * What is left to chance in a note, as a parameter: tests give what they draw themselves.
 *
 * @typedef {object} Chance
 * @property {() => Uint8Array} drawScalar 32 bytes of a number in 1 to n-1
 * @property {() => Uint8Array} drawBytes 32 bytes
 * @property {(below: number) => number} drawBelow a whole number from 0, at most 2^32
 */

const WORDS = 2 ** 32;

/** @type {Chance} */
export const system = {
  drawScalar() {
    // A draw of n or more is as likely as guessing a key; reducing it instead would favour small numbers.
    for (;;) {
      const drawn = system.drawBytes();
      if (isScalar(drawn)) return drawn;
    }
  },
  drawBytes: () => crypto.getRandomValues(new Uint8Array(32)),
  drawBelow(below) {
    const fair = WORDS - (WORDS % below);
    for (;;) {
      const [drawn] = crypto.getRandomValues(new Uint32Array(1));
      if (drawn < fair) return drawn % below;
    }
  },
};
