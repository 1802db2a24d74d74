// The tags of an event by their names, and the one that every ring note may have.

import { demand } from "./refusal.js";

const NUMBER = /^[0-9]{1,39}$/;

/**
 * @param {{ tags: string[][] }} event
 * @param {...string} names
 * @returns {boolean} whether it has a tag with one of these names
 */
export function hasTag({ tags }, ...names) {
  return tags.some(([name]) => names.includes(name));
}

/**
 * Return the only tag with a name.
 *
 * @param {{ tags: string[][] }} event
 * @param {string} name
 * @param {number} [size] how many elements it must have; any number where it is left out
 * @returns {string[]}
 */
export function getOnlyTag({ tags }, name, size) {
  const found = tags.filter((tag) => tag[0] === name);
  demand(found.length === 1, `the note must have exactly one ${name} tag`);
  demand(size === undefined || found[0].length === size, `the ${name} tag must have exactly ${size} elements`);
  return found[0];
}

/**
 * Refuse more than one `nonce` (NIP-13), or text in it: the ring does not sign it.
 *
 * @param {{ tags: string[][] }} event
 */
export function checkNonce(event) {
  if (!hasTag(event, "nonce")) return;
  const [, ...values] = getOnlyTag(event, "nonce");
  const isRight = (values.length === 1 || values.length === 2) && values.every((value) => NUMBER.test(value));
  demand(isRight, "the nonce tag holds a decimal number and its target only");
}
