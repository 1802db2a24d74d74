/** Why something is not valid, in words for its reader. Everything else that is thrown is a fault of the program. */
export class Refusal extends Error {
  /**
   * @param {string} reason
   * @param {string} [found] the words of a stranger that it is about
   */
  constructor(reason, found) {
    super(reason);
    this.found = found;
  }
}

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
