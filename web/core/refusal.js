/**
 * Why something is not valid, in words for its reader. Everything else that is thrown is a fault of the program.
 */
export class Refusal extends Error {}

/**
 * @param {string} reason
 * @returns {never}
 */
export function refuse(reason) {
  throw new Refusal(reason);
}

/**
 * @param {unknown} condition
 * @param {string} reason
 * @returns {asserts condition}
 */
export function demand(condition, reason) {
  if (!condition) refuse(reason);
}
