// What is wrong or risky about a note to sign: keys in its words, its ring, what relays refuse. Knows no page.

import { remark } from "./bad_input.js";
import { isText, toHex, toUtf8 } from "./hex.js";
import { toPublicKey } from "./author_keys.js";
import { holdsEncryptedKey, holdsSecretKey, listTraces } from "./nip19_secret.js";

/**
 * @typedef {import("./bad_input.js").Remark} Remark
 * @typedef {import("./draft.js").Draft} Draft
 * @typedef {import("./ring_file.js").Entry} Entry
 */

// What a ringrelay takes by default (relay/limits.py).
const MAX_CONTENT_CHARS = 100_000;
const MAX_MESSAGE_BYTES = 262_144;
const MAX_RING = 1_024;
const MAX_RING_MESSAGE_FORMS = 128;
const FREE_LINKS = 256;
const HASHES_PER_LINK = 64;
const LINKS = { sag: 1, blsag: 3 };
// A SAG over the message alone is tried in two dialects, and the words of a text with three endings.
const DIALECTS = 2;
const ENDINGS = 3;

/**
 * Return why no note can be signed with this ring and key.
 *
 * @param {readonly Entry[]} ring
 * @param {Uint8Array} secret
 * @returns {Remark[]}
 */
export function listRingRefusals(ring, secret) {
  const members = ring.map((entry) => entry.key);
  if (members.includes(toHex(secret))) return [remark("ring_holds_secret")];
  if (ring.length < 2) return [remark("ring_too_small", { size: ring.length })];
  return members.includes(toHex(toPublicKey(secret))) ? [] : [remark("ring_without_you")];
}

/**
 * Return a remark for each field that must not be published: it holds a secret key, or is no text.
 *
 * @param {Readonly<Record<string, string>>} places what the author wrote, by the name of the text for where it stands
 * @param {Uint8Array} secret
 * @returns {Remark[]}
 */
export function listSecretsIn(places, secret) {
  const spellings = [toHex(secret), ...listTraces(secret)];
  return Object.entries(places).flatMap(([place, words]) => {
    const where = remark(place);
    const texts = [words.toLowerCase(), squeeze(words)];
    if (texts.some((text) => holdsSecretKey(text) || spellings.some((spelling) => text.includes(spelling)))) {
      return [remark("holds_secret", { where })];
    }
    if (holdsEncryptedKey(words)) return [remark("holds_encrypted", { where })];
    return isText(words) ? [] : [remark("not_text", { where })];
  });
}

/**
 * Return the letters and digits of a text only, so that a key in groups, on two lines, or in wide letters is found as well.
 *
 * @param {string} words
 */
function squeeze(words) {
  return words.normalize("NFKC").toLowerCase().replace(/[^a-z0-9]/g, "");
}

/**
 * Return a remark for each reason for which many relays would refuse the note.
 *
 * @param {Omit<Draft, "secret" | "createdAt">} plan
 * @returns {Remark[]}
 */
export function listRefusals({ ring, content, form, scheme, bits }) {
  const most = form === "bound" ? MAX_RING : MAX_RING_MESSAGE_FORMS;
  const needed = countNeededBits(ring.length, form, scheme);
  return [
    ...([...content].length > MAX_CONTENT_CHARS ? [remark("refused_long", { most: MAX_CONTENT_CHARS })] : []),
    ...(ring.length > most ? [remark("refused_large_ring", { most })] : []),
    ...(bits < needed ? [remark("refused_work", { needed })] : []),
  ];
}

/**
 * Return a remark where the note makes a larger message than many relays take.
 *
 * @param {string} json
 * @returns {Remark[]}
 */
export function listSizeRefusals(json) {
  const bytes = toUtf8(`["EVENT",${json}]`).length;
  return bytes > MAX_MESSAGE_BYTES ? [remark("refused_size", { most: MAX_MESSAGE_BYTES })] : [];
}

/**
 * Return the bits of proof of work that a ringrelay asks for what the ring costs to verify.
 *
 * @param {number} size
 * @param {Draft["form"]} form
 * @param {Draft["scheme"]} scheme
 */
export function countNeededBits(size, form, scheme) {
  const dialects = form !== "bound" && scheme === "sag" && size > 2 ? DIALECTS : 1;
  const links = size * LINKS[scheme] * dialects * (form === "text" ? ENDINGS : 1);
  return links <= FREE_LINKS ? 0 : Math.floor(Math.log2(links * HASHES_PER_LINK));
}
