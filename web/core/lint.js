// What is weak about a ring, by its size, its scheme and what its file says, as relay/client/signing/lint.py has it.

import { remark } from "./bad_input.js";
import { NEVER } from "./ring_file.js";

/**
 * @typedef {import("./bad_input.js").Remark} Remark
 * @typedef {import("./ring_file.js").Entry} Entry
 * @typedef {"sag" | "blsag"} Scheme
 */

// In a smaller ring, knowing the members is half of knowing the author.
export const SMALL_RING = 10;
// Smaller linkable rings are refused by most relays.
export const USUAL_MIN_LINKABLE = 5;

/**
 * Return a remark for each weakness of a ring. `own` is the signer's key in hex, where it is known.
 * @param {readonly Entry[]} ring
 * @param {string | null} own
 * @param {Scheme} scheme
 * @returns {Remark[]}
 */
export function lintRing(ring, own, scheme) {
  const clearances = scheme === "blsag" ? lintClearances(ring.length) : [];
  return [...lintSize(ring.length), ...clearances, ...lintUnused(ring, own), ...lintOwn(ring, own)];
}

/** @param {number} size */
function lintSize(size) {
  if (size >= SMALL_RING) return [];
  if (size === 1) return [remark("ring_of_one", { better: SMALL_RING })];
  // With every scheme: each member knows of themselves that they did not sign.
  if (size === 2) return [remark("ring_of_two", { better: SMALL_RING })];
  return [remark("ring_small", { size, others: size - 1, better: SMALL_RING })];
}

/**
 * Warn of what only a linkable note allows: another member's proof that it is not theirs.
 * @param {number} size
 */
function lintClearances(size) {
  if (size < 2 || size >= SMALL_RING) return [];
  const proof = size === 2 ? remark("clears_two") : remark("clears_all", { others: size - 1 });
  if (size < USUAL_MIN_LINKABLE) return [remark("linkable_refused", { proof, least: USUAL_MIN_LINKABLE })];
  return [remark("linkable_small", { proof })];
}

/**
 * @param {readonly Entry[]} ring
 * @param {string | null} own
 */
function lintUnused(ring, own) {
  const unused = ring.filter((entry) => entry.key !== own && entry.seen === NEVER).length;
  if (unused === 0) return [];
  return [remark(unused === 1 ? "ring_unused_one" : "ring_unused", { unused, size: ring.length })];
}

/**
 * Warn of what sets the signer's key apart from all other keys of known age.
 * @param {readonly Entry[]} ring
 * @param {string | null} own
 */
function lintOwn(ring, own) {
  const mine = ring.find((entry) => entry.key === own)?.seen ?? null;
  const others = ring.filter((entry) => entry.key !== own && entry.seen !== null).map((entry) => entry.seen ?? NEVER);
  if (mine === null || others.length === 0) return [];
  const seen = others.filter((quarter) => quarter !== NEVER);
  if (mine === NEVER) return seen.length < others.length ? [] : [remark("own_never_seen")];
  if (seen.length === 0) return [remark("own_only_seen")];
  return seen.every((quarter) => mine > quarter) ? [remark("own_newest")] : [];
}
