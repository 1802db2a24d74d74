// Tags of a message-only note: they repeat what stands in the signed words (docs/ring-notes.md, "Tags"). The ring did not
// sign them, and whoever posts a copy first could say something else by them in its name.

import { bech32 } from "@scure/base";

import { fromHex, isHex } from "./hex.js";
import { encodeNpub } from "./nip19.js";
import { NPUB } from "./keys.js";
import { demand } from "./refusal.js";

const OWN = ["ring-members", "ring-signature", "nonce"];
const NAMES = ["p", "t", "r", "imeta"];
const MAX_ELEMENTS = 64;
const MAX_ELEMENTS_OF_ONE = 4;
const MAX_HASHTAG = 100;
const PROFILE_START = "nprofile1".length + 55;
const NAMED_KEY = new RegExp(
  `(?<![0-9A-Za-z])(?:(?:[0-9a-f]{64}|${NPUB})(?![0-9A-Za-z])|nprofile1[02-9ac-hj-np-z]{55})`,
  "g",
);
/** @type {Record<string, RegExp>} */
const IMETA = {
  url: /^[^]+$/,
  m: /^(?:application|audio|image|text|video)\/[a-z0-9][a-z0-9.+-]{0,39}$/,
  x: /^[0-9a-f]{64}$/,
  dim: /^[0-9]{1,5}x[0-9]{1,5}$/,
};

/**
 * Return what a note has beside what its form needs. Refuse tags that could not repeat any words.
 *
 * @param {string[][]} tags
 * @returns {string[][]}
 */
export function listRepeating(tags) {
  const repeating = tags.filter(([name]) => !OWN.includes(name));
  for (const tag of repeating) {
    demand(NAMES.includes(tag[0]), "the ring did not sign one of the tags: in this form a tag repeats the words");
    if (tag[0] === "imeta") demand(isImeta(tag), "an imeta tag has a url, and of m, x and dim each once at most");
    else demand(tag.length >= 2 && tag.length <= MAX_ELEMENTS_OF_ONE, "a tag has another number of elements than it may");
  }
  const elements = repeating.reduce((sum, tag) => sum + tag.length, 0);
  demand(elements <= MAX_ELEMENTS, `the tags that repeat the words have more than ${MAX_ELEMENTS} elements`);
  return repeating;
}

/**
 * @param {string[][]} tags of listRepeating
 * @param {string} words
 * @returns {boolean} whether every tag repeats these words
 */
export function repeatsWords(tags, words) {
  const lowered = words.toLowerCase();
  const keys = new Set(words.match(NAMED_KEY)?.map((key) => (key.startsWith("npro") ? key.slice(0, PROFILE_START) : key)));
  return tags.every(([name, value, ...others]) => {
    if (name === "imeta") return words.includes(readImeta([value, ...others]).url);
    if (!others.every((other) => words.includes(other))) return false;
    if (name === "p") return namesKey(value, keys);
    return name === "t" ? hasHashtag(value, lowered) : value !== "" && words.includes(value);
  });
}

/**
 * @param {string} value
 * @param {Set<string>} keys as they are spelled in the words
 * @returns {boolean}
 */
function namesKey(value, keys) {
  if (keys.size === 0 || !isHex(value, 32)) return false;
  const key = fromHex(value);
  const entry = bech32.encode("nprofile", bech32.toWords(Uint8Array.of(0, key.length, ...key)), false);
  return keys.has(value) || keys.has(encodeNpub(key)) || keys.has(entry.slice(0, PROFILE_START));
}

/**
 * @param {string} value
 * @param {string} lowered the words in lower case
 * @returns {boolean}
 */
function hasHashtag(value, lowered) {
  const name = value.toLowerCase();
  const size = [...name.slice(0, 2 * MAX_HASHTAG + 1)].length;
  if (size < 1 || size > MAX_HASHTAG || name.includes("#")) return false;
  const hashtag = `#${name}`;
  for (let place = lowered.indexOf(hashtag); place >= 0; place = lowered.indexOf(hashtag, place + 1)) {
    if (!/[a-z0-9_]/.test(lowered.charAt(place + hashtag.length))) return true;
  }
  return false;
}

/**
 * @param {string[]} tag
 * @returns {boolean}
 */
function isImeta([, ...elements]) {
  const values = Object.entries(readImeta(elements));
  const isOnce = values.length === elements.length;
  return isOnce && values.some(([name]) => name === "url") && values.every(([name, value]) => IMETA[name]?.test(value));
}

/**
 * Return names and values of an imeta tag (NIP-92).
 *
 * @param {string[]} elements
 * @returns {Record<string, string>}
 */
function readImeta(elements) {
  return Object.fromEntries(elements.map((element) => {
    const place = element.indexOf(" ");
    return place < 0 ? [element, ""] : [element.slice(0, place), element.slice(place + 1)];
  }));
}
