// All that a ring note is made of, and its time. Knows neither how a form is written nor where the parts come from.

/**
 * A ring note before it is signed: all but the throwaway key of its outer event.
 *
 * @typedef {object} Draft
 * @property {readonly string[]} ring the members' keys in hex, in any order
 * @property {Uint8Array} secret 32 bytes, of one of them
 * @property {string} content
 * @property {number} createdAt in Unix seconds
 * @property {"bound" | "nip97" | "nostringer" | "text"} form
 * @property {"sag" | "blsag"} scheme
 * @property {string | null} scope for linkable notes
 * @property {number} kind
 * @property {readonly string[][]} tags
 * @property {number} bits of proof of work
 * @property {boolean} namesRing whether the tag R names the ring, so that only its members may answer
 */

export const TEXT_NOTE = 1;
export const REACTION = 7; // NIP-25
export const POLL_RESPONSE = 1018; // NIP-88
export const LONG_TEXT = 30023; // NIP-23
export const MAX_SCOPE_BYTES = 128;
const HOUR_S = 3600;
const MAX_BACKDATE_S = 48 * HOUR_S;

/**
 * Return a time up to 48 hours before `now`, both in Unix seconds, rounded down to the hour.
 *
 * @param {number} now
 * @param {import("./random.js").Chance} chance
 */
export function pickTime(now, chance) {
  const earlier = now - chance.drawBelow(MAX_BACKDATE_S + 1);
  return earlier - (earlier % HOUR_S);
}
