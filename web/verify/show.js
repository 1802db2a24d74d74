// A verdict on the page: the words, the ring, what is proved and what is not. All texts are the page's own templates.

import { groupDigits } from "./digits.js";
import { fill } from "./fill.js";
import { toShown } from "./shown.js";

/** @typedef {import("./judge.js").Verdict} Verdict */

// Below these, other members can name the signer by saying no, or rumour can: the command line has the same bound.
const SMALL = 5;
// A ring that is read at a glance needs no click.
const OPEN_RING = 12;
// One that is folded is still printed, if it is not longer than this.
const LISTED_RING = 1_000;
// The last second of the calendar. A note may claim a later one.
const LAST_SECOND = 253402300799;
// What the other lines say of the ring, and the work, which the ring did not sign.
const TOLD_ELSEWHERE = new Set(["ring", "ringsig", "scope", "R", "J", "nonce"]);

/**
 * Show a verdict in the place of the last one.
 *
 * @param {HTMLElement} place
 * @param {Verdict | { outcome: "unknown", why: string }} verdict
 * @param {string} relay the host that the note was fetched from, "" where it was not
 */
export function showVerdict(place, verdict, relay) {
  const { flags, values } = describe(verdict);
  if (relay) flags.add("fetched");
  const template = /** @type {HTMLTemplateElement} */ (document.querySelector(`template[data-verdict="${verdict.outcome}"]`));
  place.replaceChildren(fill(template, flags, { ...values, relay }));
  if (verdict.outcome === "true") listKeys(place, verdict.npubs);
}

/**
 * @param {Verdict | { outcome: "unknown", why: string }} verdict
 * @returns {{ flags: Set<string>, values: Record<string, string> }}
 */
function describe(verdict) {
  switch (verdict.outcome) {
    case "true":
      return describeProof(verdict);
    case "false": {
      const { reason, found } = verdict;
      return { flags: new Set(found ? ["found"] : []), values: { reason: toShown(reason), found: toShown(found ?? "") } };
    }
    default:
      return { flags: new Set([verdict.why]), values: {} };
  }
}

/**
 * @param {Extract<Verdict, { outcome: "true" }>} verdict
 * @returns {{ flags: Set<string>, values: Record<string, string> }}
 */
function describeProof({ proof, event }) {
  const signed = findWords(proof, event);
  const words = toShown(signed);
  const flags = new Set([proof.scheme, proof.binding === "event" ? "bound" : "message", countFlag(proof.ringSize)]);
  if (signed === "") flags.add("empty");
  if (words !== signed) flags.add("marked");
  if (proof.scope !== null) flags.add("scope");
  const tags = proof.binding === "event" && event ? listTags(event) : "";
  if (tags) flags.add("tags");
  return {
    flags,
    values: {
      words,
      tags,
      size: groupDigits(proof.ringSize, document.documentElement.lang),
      kind: String(event?.kind),
      time: formatTime(event?.created_at ?? 0),
      form: proof.form,
      dialect: proof.dialect,
      scope: toShown(proof.scope ?? ""),
      keyImage: proof.keyImage ?? "",
      ringId: proof.ringId,
    },
  };
}

/**
 * Return what the ring signed, as far as it is words.
 *
 * @param {import("./judge.js").Valid} proof
 * @param {import("./judge.js").Event | null} event
 * @returns {string}
 */
export function findWords(proof, event) {
  return proof.binding === "event" && event ? event.content : proof.signedText;
}

/**
 * @param {number} size
 * @returns {string}
 */
function countFlag(size) {
  if (size >= SMALL) return "many";
  return size === 2 ? "two" : "few";
}

/**
 * @param {import("./judge.js").Event} event
 * @returns {string} a line a tag
 */
function listTags({ tags }) {
  const told = tags.filter(([name]) => !TOLD_ELSEWHERE.has(name));
  return told.map((tag) => toShown(tag.join("  ").replaceAll("\n", " "))).join("\n");
}

/**
 * @param {number} seconds
 * @returns {string} date and minute, in UTC
 */
function formatTime(seconds) {
  return new Date(1000 * Math.min(seconds, LAST_SECOND)).toISOString().slice(0, 16).replace("T", " ");
}

/**
 * List the keys, of a long ring once they are asked for: it can have tens of thousands.
 *
 * @param {HTMLElement} place
 * @param {string[]} npubs
 */
function listKeys(place, npubs) {
  const details = /** @type {HTMLDetailsElement} */ (place.querySelector("details[data-ring]"));
  const list = /** @type {HTMLElement} */ (details.querySelector("ol"));
  const fillList = () => list.replaceChildren(...npubs.map(makeItem));
  if (npubs.length <= LISTED_RING) fillList();
  else details.addEventListener("toggle", fillList, { once: true });
  details.open = npubs.length <= OPEN_RING;
}

/**
 * @param {string} npub
 * @returns {HTMLLIElement}
 */
function makeItem(npub) {
  const code = document.createElement("code");
  code.textContent = npub;
  const item = document.createElement("li");
  item.append(code);
  return item;
}
