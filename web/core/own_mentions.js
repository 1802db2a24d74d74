// Whether a note names its signer: by their key in any spelling, or by a name of theirs. Looks nothing up.
//
// The names are those that the ring file has beside the signer's key, and those that the author gives. A place that names
// every member alike is left alone. It says nothing about who signed, and the one member left out of it would stand out.

import { remark } from "./bad_input.js";
import { fromHex } from "./hex.js";
import { listTraces } from "./nip19_secret.js";

/**
 * @typedef {import("./bad_input.js").Remark} Remark
 * @typedef {import("./ring_file.js").Entry} Entry
 */

// What ends a name in a comment: "Ann (the office)", "Ann, of the board", "Ann <ann@example.org>".
const NAME_ENDS = /[,;|()<>[\]]/;
const ADDRESS = /([\p{L}\p{N}_.+-]+)@[\p{L}\p{N}_.-]+/gu;
// Beside their own key people write what is no name.
const SELF = ["i", "me", "myself", "mine", "self", "my key", "my own", "my own key", "this is me", "own", "own key"];
const SPECIAL = /[\\^$.*+?()[\]{}|/]/g;

/**
 * Return the names that a ring file gives a member: the comment up to a comma or bracket, and addresses (NIP-05).
 * @param {Entry} entry
 * @returns {string[]}
 */
export function listNames(entry) {
  const names = [entry.name.split(NAME_ENDS)[0].trim().split(/\s+/).join(" ")];
  for (const found of entry.name.matchAll(ADDRESS)) names.push(found[0], found[1]);
  // One letter is a word of its own in many languages. "_" is NIP-05's name for the domain itself.
  return [...new Set(names)].filter((name) => [...name].length > 1 && !SELF.includes(fold(name)));
}

/**
 * Return a remark for each place that names the signer, whose key is `own` (hex) and who is called `names` besides.
 * @param {Readonly<Record<string, string>>} places what the author wrote, by the name of the text for where it stands
 * @param {readonly Entry[]} ring
 * @param {string} own
 * @param {readonly string[]} names
 * @returns {Remark[]}
 */
export function findOwnMentions(places, ring, own, names) {
  const named = new Map(ring.map((entry) => [entry.key, listNames(entry)]));
  named.set(own, [...(named.get(own) ?? []), ...names]);
  return Object.entries(places).flatMap(([where, text]) => findMentions(text, named, own).map(({ text: name, values }) =>
    remark(name, { ...values, where: remark(where) })));
}

/**
 * @param {string} text
 * @param {ReadonlyMap<string, readonly string[]>} named
 * @param {string} own
 */
function findMentions(text, named, own) {
  const lowered = text.toLowerCase();
  const folded = fold(text);
  const others = [...named].filter(([key]) => key !== own);
  const found = [];
  if (holdsKey(lowered, own) && !others.every(([key]) => holdsKey(lowered, key))) found.push(remark("names_own_key"));
  const name = findName(folded, named.get(own) ?? []);
  if (name && !others.every(([, names]) => findName(folded, names))) found.push(remark("names_you", { name }));
  return found;
}

/**
 * Return the first of these names that stands in a text as whole words, "" if none does.
 * @param {string} folded
 * @param {readonly string[]} names
 */
export function findName(folded, names) {
  return names.find((name) => {
    const words = fold(name).trim().split(/\s+/).map((word) => word.replace(SPECIAL, "\\$&")).join("\\s+");
    return new RegExp(`(?<![\\p{L}\\p{N}_])${words}(?![\\p{L}\\p{N}_])`, "u").test(folded);
  }) ?? "";
}

/**
 * Return a text as it is compared: without case, and in one of the ways in which Unicode lets it be written.
 * @param {string} text
 */
export function fold(text) {
  // Upper case first, as Unicode's folding makes "ss" of the German letter, and one sigma of the two.
  return text.normalize("NFKC").toUpperCase().toLowerCase().replaceAll("ς", "σ");
}

/**
 * @param {string} lowered
 * @param {string} key
 */
function holdsKey(lowered, key) {
  return lowered.includes(key) || listTraces(fromHex(key)).some((trace) => lowered.includes(trace));
}
