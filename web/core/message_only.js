// What forms B, C and D have in common: the ring signs a message, and nothing else of the event.

import { buildClaim } from "./claim.js";
import { demand } from "./refusal.js";
import { listRepeating, repeatsWords } from "./repeated_tags.js";
import { checkNonce } from "./tags.js";

const RESERVED = "nostr-ring-note:";
const NOT_REPEATED = "a tag does not repeat the signed words: whoever posted them says something by it that the ring did not";

/**
 * What stands around the words: the event's, or nothing for words without an event.
 *
 * @typedef {object} Envelope
 * @property {number} kind
 * @property {string[][]} tags
 */

/** @type {Envelope} */
export const NO_EVENT = { kind: 1, tags: [] };

/**
 * @param {import("./claim.js").Form} form
 * @param {import("./ring.js").Member[]} ring
 * @param {import("./challenge.js").RingSignature} signature
 * @param {import("./claim.js").Candidate[]} candidates
 * @param {Envelope} envelope
 * @returns {import("./claim.js").Claim}
 */
export function buildMessageClaim(form, ring, signature, candidates, envelope) {
  demand(envelope.kind === 1, "a ring signature over the message alone is for kind 1 only");
  checkNonce(envelope);
  const tags = listRepeating(envelope.tags);
  const isReserved = candidates.some(({ text }) => text === "" || text.startsWith(RESERVED));
  demand(!isReserved, "the signed message is empty or begins with nostr-ring-note:");
  // The owner of such a key would have a second key image, of the point with the other y.
  const isOdd = signature.keyImage !== null && ring.some(({ point }) => point[0] === 3);
  demand(!isOdd, "a key that begins with 03 is not for linkable signatures");
  const compared = candidates.map((candidate) =>
    candidate.problem === null && !repeatsWords(tags, candidate.text) ? { ...candidate, problem: NOT_REPEATED } : candidate,
  );
  return buildClaim(form, ring, signature, compared);
}
