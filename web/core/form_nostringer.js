// Form C: the content is Nostringer's JSON. The ring signs its member `message`.

import { isText } from "./hex.js";
import { readObject } from "./json.js";
import { readRing } from "./keys.js";
import { buildMessageClaim } from "./message_only.js";
import { demand } from "./refusal.js";
import { decodeSignature } from "./signature.js";

const MARK = "ring_signature";
const MEMBERS = ["message", "ring_members", MARK];

/**
 * @param {string} content
 * @returns {boolean} whether it is a JSON object with a `ring_signature`
 */
export function isNostringer(content) {
  return content.includes("{") && (readObject(content)?.members.some(({ name }) => name === MARK) ?? false);
}

/**
 * @param {string} content
 * @param {import("./message_only.js").Envelope} envelope
 * @returns {import("./claim.js").Claim}
 */
export function readNostringer(content, envelope) {
  const read = readObject(content);
  const names = read?.members.map(({ name }) => name) ?? [];
  const isWhole = read && names.length === MEMBERS.length && MEMBERS.every((name) => names.includes(name));
  demand(isWhole, "the JSON must have message, ring_members and ring_signature, each once and nothing else");
  const { message, ring_members: keys, ring_signature: text } = read.value;
  const isKeys = Array.isArray(keys) && keys.every((key) => typeof key === "string");
  demand(isText(message) && isKeys, "the JSON's message must be text, and its ring_members a list of keys");
  demand(typeof text === "string" && text.startsWith("ringA"), "the JSON's ring_signature must begin with ringA");
  const ring = readRing(keys);
  const candidates = [{ text: message, problem: null }];
  return buildMessageClaim("nostringer", ring, decodeSignature(text, ring.length), candidates, envelope);
}
