// A long text over several QR codes: each says which part it is, as hardware wallets write it (p2of5 ...).

// Each is read by a phone from a screen, and version 20 of the code still is.
export const MAX_PART_BYTES = 600;
const PART = /^p([1-9][0-9]{0,3})of([1-9][0-9]{0,3}) (.*)$/s;

/**
 * Return the text as one part, or as numbered ones. No letter is cut in two.
 *
 * @param {string} text
 * @returns {string[]}
 */
export function splitParts(text) {
  const encoder = new TextEncoder();
  const parts = [];
  let part = "";
  let size = 0;
  for (const letter of text) {
    const bytes = encoder.encode(letter).length;
    if (size + bytes > MAX_PART_BYTES) {
      parts.push(part);
      [part, size] = ["", 0];
    }
    part += letter;
    size += bytes;
  }
  parts.push(part);
  return parts.length === 1 ? parts : parts.map((text, place) => `p${place + 1}of${parts.length} ${text}`);
}

/**
 * Return the text of parts, one a line and in any order; what is no such list is returned as it is.
 *
 * @param {string} lines
 * @returns {string}
 */
export function joinParts(lines) {
  const found = lines.split("\n").filter((line) => line.trim()).map((line) => PART.exec(line.replace(/\r$/, "")));
  const total = Number(found[0]?.[2]);
  /** @type {string[]} */
  const parts = [];
  for (const match of found) {
    if (!match || Number(match[2]) !== total || Number(match[1]) > total) return lines;
    parts[Number(match[1]) - 1] = match[3];
  }
  return Object.keys(parts).length === total ? parts.join("") : lines;
}
