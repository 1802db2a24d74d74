// Notes in message-only forms, for other relays' readers: the ring signs the message, and nothing else of the event.
//
// Forms B, C and D of docs/ring-notes.md. They get no tags of the author's here: the ring would not sign them.

import { schnorr } from "@noble/curves/secp256k1.js";

import { BadInput } from "./bad_input.js";
import { encodeCompact } from "./compact.js";
import { TEXT_NOTE } from "./draft.js";
import { fromHex, toHex, toUtf8 } from "./hex.js";
import { encodeNpub } from "./nip19.js";
import { lift } from "./ring.js";
import { signEvent } from "./sign_event.js";
import { signBlsag, signSag } from "./sign_ring.js";

/** @typedef {import("./draft.js").Draft} Draft */

const MIN_RING = 2;
const RESERVED_START = "nostr-ring-note:";

/**
 * Return a text note (kind 1) in a form in which the ring signs the draft's content only.
 *
 * The scope goes into the signature of a linkable note. Throws BadInput for what no reader would accept.
 *
 * @param {Draft} draft
 * @param {import("./random.js").Chance} chance
 * @param {(tries: number) => void} [onTries]
 * @returns {import("./event.js").Event}
 */
export function makeMessageNote(draft, chance, onTries) {
  checkDraft(draft);
  const author = chance.drawScalar();
  const keys = [...draft.ring].sort();
  const { tags, content } = writeParts(draft, keys, signContent(draft, keys, chance));
  const pubkey = toHex(schnorr.getPublicKey(author));
  const unsigned = { pubkey, created_at: draft.createdAt, kind: TEXT_NOTE, tags, content };
  return signEvent(unsigned, author, chance.drawBytes(), draft.bits, onTries);
}

/** @param {Draft} draft */
function checkDraft({ ring, form, content, tags }) {
  if (ring.length < MIN_RING) throw new RangeError("in this form a ring needs two members or more");
  if (tags.length > 0) throw new RangeError("in this form the ring does not sign the tags");
  if (!content || content.startsWith(RESERVED_START)) throw new BadInput("message_form_words");
  if (form === "text" && content !== content.trim()) throw new BadInput("message_form_space");
}

/**
 * @param {Draft} draft
 * @param {string[]} keys
 * @param {import("./random.js").Chance} chance
 */
function signContent({ content, scheme, secret, scope }, keys, chance) {
  const members = keys.map((key) => lift(fromHex(key)));
  const message = toUtf8(content);
  return encodeCompact(scheme === "sag"
    ? signSag(message, members, secret, chance)
    : signBlsag(message, members, secret, scope, chance));
}

/**
 * Return the tags and the content that carry message, members and signature.
 *
 * @param {Draft} draft
 * @param {string[]} keys
 * @param {string} signature
 * @returns {{ tags: string[][], content: string }}
 */
function writeParts({ form, content }, keys, signature) {
  switch (form) {
    case "nip97":
      return { tags: [["ring-members", ...keys], ["ring-signature", signature]], content };
    case "nostringer": {
      const parts = { message: content, ring_members: keys, ring_signature: signature };
      return { tags: [], content: JSON.stringify(parts) };
    }
    case "text": {
      const npubs = keys.map((key) => encodeNpub(fromHex(key))).join("\n");
      return { tags: [], content: `${content}\n\nRing:\n${npubs}\n${signature}` };
    }
    default:
      throw new RangeError("the bound form is made by makeBoundNote");
  }
}
