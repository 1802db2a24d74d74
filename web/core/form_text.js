// Form D: message, members and signature in one text, as people post it. Everything in it that is neither must be a label.

import { JSON_SIGNATURE } from "./json_signature.js";
import { readRing } from "./keys.js";
import { buildMessageClaim } from "./message_only.js";
import { demand } from "./refusal.js";
import { decodeSignature } from "./signature.js";
import { openQuotation } from "./text_ends.js";
import { isCounted, listBlocks } from "./text_members.js";
import { QUOTES, listReadings } from "./text_words.js";

const MAX_LINES = 2500;
const MARK_COMPACT = /ringA[A-Za-z0-9_-]{100}/;
const MARK_C0 = /"c0"[ \t\r\n]*:[ \t\r\n]*"[0-9A-Fa-f]{64}"/;
const MARK_S = /"s"[ \t\r\n]*:[ \t\r\n]*\[[ \t\r\n]*"[0-9A-Fa-f]{64}"/;
const SIGNATURE = new RegExp(`ringA[A-Za-z0-9_-]{100,}|${JSON_SIGNATURE}`, "g");
const AROUND_SIGNATURE = [...QUOTES, "<>", "()", "[]"];
const OUTSIDE =
  "text outside the signed message: leave out all but the message, the ring, the signature and labels such as Ring: with " +
  "their colon";

/**
 * @param {string} content
 * @returns {boolean} whether it has the marks of a ring signature
 */
export function isText(content) {
  return MARK_COMPACT.test(content) || (MARK_C0.test(content) && MARK_S.test(content));
}

/**
 * @param {string} content
 * @param {import("./message_only.js").Envelope} envelope
 * @returns {import("./claim.js").Claim}
 */
export function readText(content, envelope) {
  demand(content.split("\n", MAX_LINES + 1).length <= MAX_LINES, `a text has at most ${MAX_LINES} lines: shorten it`);
  const { before, signature, after } = cutSignature(openQuotation(content));
  const { text, block } = chooseBlock(before, after);
  const ring = readRing(block.keys);
  const [left, right] = [text.slice(0, block.start), text.slice(block.end)];
  const pieces = text === before ? [left, right, after] : [before, left, right];
  const candidates = listReadings(pieces).map(({ words, outside }) => ({
    text: words,
    problem: outside === undefined ? null : OUTSIDE,
    found: outside,
  }));
  demand(candidates.length > 0, "the text does not say which words were signed: they stand first, or behind a line Message:");
  return buildMessageClaim("text", ring, decodeSignature(signature, ring.length), candidates, envelope);
}

/**
 * Cut the one signature out of a text, with the quotes around it and the full stop behind it.
 *
 * @param {string} content
 * @returns {{ before: string, signature: string, after: string }}
 */
function cutSignature(content) {
  const found = [...content.matchAll(SIGNATURE)];
  demand(found.length > 0, "the ring signature in the text is not whole: copy it as it was printed");
  demand(found.length === 1, "the text holds more than one ring signature");
  const [[signature], start] = [found[0], found[0].index];
  const end = start + signature.length;
  if (!signature.startsWith("ringA")) return { before: content.slice(0, start), signature, after: content.slice(end) };
  const isQuoted = start > 0 && AROUND_SIGNATURE.includes(content.slice(start - 1, start) + content.slice(end, end + 1));
  const room = isQuoted ? 1 : 0;
  return { before: content.slice(0, start - room), signature, after: content.slice(end + room).replace(/^\./, "") };
}

/**
 * Return the list of keys that is the ring, and the text that it stands in.
 *
 * @param {string} before
 * @param {string} after
 * @returns {{ text: string, block: import("./text_members.js").Block }}
 */
function chooseBlock(before, after) {
  const blocks = [before, after].flatMap((text) => listBlocks(text).map((block) => ({ text, block })));
  const labelled = blocks.filter(({ block }) => block.isLabelled);
  const looked = labelled.length > 0 ? labelled : blocks;
  const most = Math.max(0, ...looked.map(({ block }) => block.keys.length));
  const [chosen, ...others] = looked.filter(({ block }) => block.keys.length === most);
  demand(chosen, "the text must list its ring once, as npubs or hex keys in one list");
  demand(others.length === 0, "the text has several lists of keys that could be its ring");
  demand(isCounted(chosen.block), "the ring's list is not numbered 1, 2, 3");
  demand(!chosen.block.hasNamesOnBothSides, "the ring's list has names before keys and behind keys");
  return chosen;
}
