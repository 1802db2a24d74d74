// What verifying a note costs, and the proof of work (NIP-13) that stands against it (docs/ring-notes.md, "Relays").

/**
 * Return how many links may have to be computed until a claim is proved.
 *
 * @param {Pick<import("./claim.js").Claim, "ring" | "signature" | "candidates" | "dialects">} claim
 * @returns {number}
 */
export function countLinks({ ring, signature, candidates, dialects }) {
  return candidates.length * dialects.length * ring.length * (signature.scheme === "sag" ? 1 : 3);
}

/**
 * Return the bits of work that a relay asks for a claim, by the `ring_notes` of its NIP-11 document.
 *
 * @param {number} links
 * @param {{ pow_free_links: number, pow_hashes_per_link: number }} terms
 * @returns {number}
 */
export function askBits(links, { pow_free_links: free, pow_hashes_per_link: hashes }) {
  return links <= free || hashes === 0 ? 0 : (links * hashes).toString(2).length - 1;
}

/**
 * Count the leading zero bits of an id: the work that was done for an event.
 *
 * @param {string} id 64 hex
 * @returns {number}
 */
export function countZeroBits(id) {
  const digits = /^0*/.exec(id)?.[0].length ?? 0;
  return digits === id.length ? 4 * digits : 4 * digits + Math.clz32(parseInt(id[digits], 16)) - 28;
}
