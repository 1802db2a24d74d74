// From what stands in the fields of a page to a draft, with all that is wrong or risky about it. Signs nothing.

import { BadInput, remark } from "./bad_input.js";
import { RELEASE_FLAG } from "./blsag.js";
import { LONG_TEXT, MAX_SCOPE_BYTES, POLL_RESPONSE, REACTION, TEXT_NOTE } from "./draft.js";
import { isHex, toHex, toUtf8 } from "./hex.js";
import { couldBeKey, toPublicKey } from "./author_keys.js";
import { lintRing } from "./lint.js";
import { decodeNevent, decodeNote } from "./nip19.js";
import { findOwnMentions } from "./own_mentions.js";
import { MAX_POW_BITS } from "./pow.js";
import { listRefusals, listRingRefusals, listSecretsIn } from "./risks.js";
import { lintStyle } from "./style_lint.js";

/**
 * What an author wants to sign, as it stands in the fields: `target` and `options` are of answers, `title` of a long text,
 * `names` one a line.
 *
 * @typedef {object} Wanted
 * @property {readonly Entry[]} ring
 * @property {"note" | "article" | "reaction" | "vote"} what
 * @property {string} words
 * @property {string} title
 * @property {string} target
 * @property {string} options
 * @property {"bound" | "nip97" | "nostringer" | "text"} form
 * @property {"sag" | "blsag"} scheme
 * @property {string} scope
 * @property {boolean} isOpen
 * @property {string} bits
 * @property {string} names
 * @property {boolean} isForced whether to sign a note that names its author
 *
 * @typedef {import("./bad_input.js").Remark} Remark
 * @typedef {import("./draft.js").Draft} Draft
 * @typedef {import("./ring_file.js").Entry} Entry
 * @typedef {Omit<Draft, "secret" | "createdAt">} Plan
 * @typedef {{ plan: Plan | null, refusals: Remark[], warnings: Remark[] }} Review a plan where nothing is refused
 */

const KINDS = { note: TEXT_NOTE, article: LONG_TEXT, reaction: REACTION, vote: POLL_RESPONSE };
const MAX_SLUG_CHARS = 64;

/**
 * Return what can be signed of this, and what is to be said about it first.
 *
 * @param {Wanted} wanted
 * @param {Uint8Array} secret
 * @returns {Review}
 */
export function review(wanted, secret) {
  const { plan, faults } = readPlan(wanted);
  const own = toHex(toPublicKey(secret));
  const mentions = findOwnMentions(listPlaces(wanted), wanted.ring, own, listLines(wanted.names));
  const refusals = [
    ...faults,
    ...listRingRefusals(wanted.ring, secret),
    ...listSecretsIn({ ...listPlaces(wanted), where_names: wanted.names, where_bits: wanted.bits }, secret),
    ...(wanted.isForced ? [] : mentions),
  ];
  const warnings = [
    ...lintRing(wanted.ring, own, plan.scheme),
    ...(wanted.isForced ? mentions : []),
    ...listWarnings(wanted, plan),
  ];
  return { plan: refusals.length ? null : plan, refusals, warnings };
}

/**
 * @param {Wanted} wanted
 * @param {Plan} plan
 */
function listWarnings(wanted, plan) {
  const text = [wanted.title, plan.content].filter(Boolean).join("\n");
  return [
    ...(plan.form === "bound" ? [] : [remark("form_message_only")]),
    ...(plan.content.includes("\r\n") ? [remark("style_windows")] : []),
    ...listRefusals(plan),
    ...lintStyle(text, wanted.ring),
  ];
}

/**
 * @param {Wanted} wanted
 * @returns {{ plan: Plan, faults: Remark[] }}
 */
function readPlan(wanted) {
  /** @type {Remark[]} */
  const faults = [];
  /**
   * @template T
   * @param {() => T} read
   * @param {T} otherwise
   */
  const attempt = (read, otherwise) => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof BadInput)) throw error;
      faults.push(error.remark);
      return otherwise;
    }
  };
  const kind = KINDS[wanted.what];
  const isAnswer = wanted.what === "reaction" || wanted.what === "vote";
  const target = isAnswer ? attempt(() => readTarget(wanted.target), "") : "";
  const tags = attempt(() => writeTags(wanted, target), []);
  const content = attempt(() => readWords(wanted), "");
  const scheme = isAnswer ? "blsag" : wanted.scheme;
  const scope = isAnswer ? `${kind}:${target}` : attempt(() => readScope(wanted), null);
  const form = attempt(() => readForm(wanted), "bound");
  const bits = attempt(() => readBits(wanted.bits), 0);
  attempt(() => checkNames(wanted.names), undefined);
  const ring = wanted.ring.map((entry) => entry.key);
  return { plan: { ring, content, form, scheme, scope, kind, tags, bits, namesRing: !wanted.isOpen }, faults };
}

/**
 * Return what the author wrote, by the name of the text for where it stands.
 *
 * @param {Wanted} wanted
 */
function listPlaces({ what, words, title, target, options, scheme, scope }) {
  const isAnswer = what === "reaction" || what === "vote";
  return {
    where_message: what === "vote" ? "" : words,
    where_title: what === "article" ? title : "",
    where_target: isAnswer ? target : "",
    where_options: what === "vote" ? options : "",
    where_scope: scheme === "blsag" && !isAnswer ? scope : "",
  };
}

/** @param {Wanted} wanted */
function readWords({ what, words }) {
  if (what === "vote") return "";
  if (!words) throw new BadInput("message_empty");
  return words;
}

/**
 * Return the id of the note or poll that is answered, of its 64 digits, note1... or nevent1...
 *
 * @param {string} given
 */
function readTarget(given) {
  const text = given.trim().replace(/^nostr:/i, "");
  const id = isHex(text.toLowerCase(), 32) ? text.toLowerCase() : decodeNote(text) ?? decodeNevent(text);
  if (!id) throw new BadInput("target_wrong");
  return id;
}

/**
 * @param {Wanted} wanted
 * @param {string} target
 * @returns {string[][]}
 */
function writeTags({ what, title, options }, target) {
  if (what === "reaction") return [["e", target]];
  if (what === "article") {
    if (!title.trim()) throw new BadInput("title_missing");
    return [["d", toSlug(title)], ["title", title.trim()]];
  }
  if (what === "note") return [];
  const chosen = listLines(options);
  if (!chosen.length) throw new BadInput("options_missing");
  return [["e", target], ...chosen.map((option) => ["response", option])];
}

/**
 * Return the part of a long text's address that its author chooses (NIP-23): its title in small letters.
 *
 * @param {string} title
 */
function toSlug(title) {
  const words = title.normalize("NFKC").toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? ["text"];
  return [...words.join("-")].slice(0, MAX_SLUG_CHARS).join("");
}

/** @param {Wanted} wanted */
function readScope({ scheme, scope }) {
  if (scheme === "sag") return null;
  if (!scope) throw new BadInput("scope_missing");
  if (toUtf8(scope).length > MAX_SCOPE_BYTES) throw new BadInput("scope_long", { most: MAX_SCOPE_BYTES });
  if (scope === RELEASE_FLAG) throw new BadInput("scope_release", { scope });
  return scope;
}

/** @param {Wanted} wanted */
function readForm({ what, form, words }) {
  if (form === "bound") return form;
  if (what !== "note") throw new BadInput("form_only_notes");
  if (words.startsWith("nostr-ring-note:")) throw new BadInput("message_form_words");
  if (form === "text" && words !== words.trim()) throw new BadInput("message_form_space");
  return form;
}

/** @param {string} given */
function readBits(given) {
  const bits = /^[0-9]{1,2}$/.test(given.trim()) ? Number(given) : NaN;
  if (!(bits <= MAX_POW_BITS)) throw new BadInput("bits_wrong", { most: MAX_POW_BITS });
  return bits;
}

/** @param {string} names */
function checkNames(names) {
  if (listLines(names).some(couldBeKey)) throw new BadInput("names_key");
}

/** @param {string} text */
function listLines(text) {
  return text.split("\n").map((line) => line.trim()).filter(Boolean);
}
