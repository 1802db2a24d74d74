// A Nostr event (NIP-01): its shape, its bytes, its id, its author's signature. Knows no ring.

import { sha256 } from "@noble/hashes/sha2.js";

import { fromHex, isHex, isText, toHex, toUtf8 } from "./hex.js";
import { readObject } from "./json.js";
import { demand } from "./refusal.js";

/**
 * @typedef {object} Event
 * @property {string} id
 * @property {string} pubkey
 * @property {number} created_at
 * @property {number} kind
 * @property {string[][]} tags
 * @property {string} content
 * @property {string} sig
 */

/** @typedef {Omit<Event, "id" | "sig">} Unsigned */

const MAX_KIND = 65535;
// JSON has one spelling of an integer here: 1.0 and 1e0 are numbers of another type to other parsers.
const INTEGER = /^-?[0-9]+$/;

/**
 * Read one event's JSON. Of members with equal names the last counts, but each must be what an event may have; members with
 * other names say nothing.
 *
 * @param {string} text
 * @returns {Event}
 */
export function parseEvent(text) {
  const read = readObject(text);
  demand(read, "this is not one event's JSON: copy the whole event, from { to }");
  demand(read.isText, "a string in the event's JSON has half of a surrogate pair: this is not an event");
  const isRepeating = read.members.length > Object.keys(read.value).length;
  for (const { name, spelling } of read.members) {
    const isNumber = name === "created_at" || name === "kind";
    demand(!isNumber || INTEGER.test(spelling), `the event's ${name} is not written as an integer`);
    if (isRepeating) toEvent({ ...read.value, [name]: JSON.parse(spelling) });
  }
  return toEvent(read.value);
}

/**
 * Return what a value has of an event, and nothing else.
 *
 * @param {unknown} value
 * @returns {Event}
 */
export function toEvent(value) {
  demand(typeof value === "object" && value !== null, "this is not an event");
  const { id, pubkey, created_at, kind, tags, content, sig } = /** @type {Record<string, unknown>} */ (value);
  demand(isHex(id, 32), "the event's id is not 64 lower-case hex digits");
  demand(isHex(pubkey, 32), "the event's pubkey is not 64 lower-case hex digits");
  demand(isHex(sig, 64), "the event's sig is not 128 lower-case hex digits");
  demand(isWithin(kind, MAX_KIND), "the event's kind is not an integer from 0 to 65535");
  demand(isWithin(created_at, Number.MAX_SAFE_INTEGER), "the event's created_at is not a time in whole seconds");
  demand(isText(content), "the event's content is not text");
  demand(Array.isArray(tags) && tags.every(isTag), "the event's tags are not lists of text, each with a name");
  return { id, pubkey, created_at, kind, tags, content, sig };
}

/**
 * Return what NIP-01 hashes: `[0,pubkey,created_at,kind,tags,content]` without white space.
 *
 * @param {Unsigned} event
 * @returns {string}
 */
export function serialize({ pubkey, created_at, kind, tags, content }) {
  return JSON.stringify([0, pubkey, created_at, kind, tags, content]);
}

/**
 * @param {Unsigned} event
 * @returns {string} 64 hex
 */
export function computeId(event) {
  return toHex(sha256(toUtf8(serialize(event))));
}

/**
 * Refuse an event that is not what its author signed.
 *
 * @param {import("./curve.js").Curve<any>} curve
 * @param {Event} event
 */
export function checkSignature(curve, event) {
  demand(computeId(event) === event.id, "the id is not the hash of the event: it was changed after it was signed");
  const isSigned = curve.verifySchnorr(fromHex(event.sig), fromHex(event.id), fromHex(event.pubkey));
  demand(isSigned, "the event's signature is not its pubkey's: it was changed, or somebody else signed it");
}

/**
 * @param {unknown} value
 * @param {number} most
 * @returns {value is number}
 */
function isWithin(value, most) {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= most;
}

/**
 * @param {unknown} value
 * @returns {value is string[]}
 */
function isTag(value) {
  return Array.isArray(value) && value.length > 0 && value.every(isText);
}
