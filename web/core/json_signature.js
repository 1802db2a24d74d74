// The JSON signature: a SAG in exactly one grammar (docs/ring-notes.md). This is no JSON parser: those take repeated names.

import { fromHex } from "./hex.js";
import { demand } from "./refusal.js";

const WS = "[ \\t\\r\\n]*";
const HEX = '"[0-9a-f]{64}"';
const C0 = `"c0"${WS}:${WS}${HEX}`;
const S = `"s"${WS}:${WS}\\[${WS}${HEX}(?:${WS},${WS}${HEX})*${WS}\\]`;

export const JSON_SIGNATURE = `\\{${WS}(?:${C0}${WS},${WS}${S}|${S}${WS},${WS}${C0})${WS}\\}`;

const WHOLE = new RegExp(`^${WS}${JSON_SIGNATURE}${WS}$`);
const MAX_PER_SCALAR = 128;

/**
 * Read a JSON signature, with white space around it. Scalars may be out of range.
 *
 * @param {string} text
 * @param {number} ringSize
 * @returns {import("./challenge.js").RingSignature}
 */
export function decodeJson(text, ringSize) {
  demand(text.length <= MAX_PER_SCALAR * (ringSize + 2), "the ring signature is longer than its ring allows");
  demand(WHOLE.test(text), 'the ring signature must be a JSON object of "c0" and "s" in lower-case hex');
  const { c0, s } = JSON.parse(text);
  demand(s.length === ringSize, "the ring signature must have one response per ring member");
  return { scheme: "sag", c0: fromHex(c0), responses: s.map(fromHex), keyImage: null, flag: null };
}
