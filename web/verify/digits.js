// Numbers as each language of the pages groups their digits: the same as relay/pages/numbers.py.

const NO_BREAK_SPACE = "\u00a0";
/** @type {Record<string, [string, number]>} the separator of groups of three, and how many digits a number has at least that is grouped */
const GROUPING = { en: [",", 4], es: [NO_BREAK_SPACE, 5] };

/**
 * Return a number that is not negative, as "10,000" in English.
 *
 * @param {number} number
 * @param {string} language of the page
 * @returns {string}
 */
export function groupDigits(number, language) {
  const [separator, minDigits] = GROUPING[language] ?? GROUPING.en;
  const digits = String(number);
  return digits.length < minDigits ? digits : digits.replace(/\B(?=(\d{3})+$)/g, separator);
}
