// What somebody pasted: a note, a message with a note, a link, or a text. Verifies nothing, and fetches nothing.

import { decodeNevent, decodeNote } from "../core/nip19.js";

/**
 * @typedef {{ kind: "event", json: string }
 *   | { kind: "note", id: string }
 *   | { kind: "text", text: string }
 *   | { kind: "none", why: "nothing" | "secret" | "person" | "address" | "mistyped" | "cut" | "long" }} Pasted
 */

// As the command line: a ring of 65,535 members, as tags and as a signature, with room to spare.
const MAX_CHARACTERS = 16 * 2 ** 20;
const URI = /^(web\+)?nostr:/i;
const HEX_ID = /^[0-9a-f]{64}$/i;
// NIP-01: the one object in an EVENT message is the event. Its text is cut out, because how it is written decides, too.
const MESSAGE = /^\[\s*"EVENT"\s*,\s*(?:"(?:[^"\\]|\\.)*"\s*,\s*)?(\{[^]*\})\s*\]$/;
const LINK = /^(note|nevent|naddr|npub|nprofile|nsec|ncryptsec)1[0-9a-z]*$/;
// The link of a note's page, here or at another relay: its note is looked for here.
const PAGE = /^https?:\/\/[^\s/?#]+\/note\/([0-9A-Za-z]+)(?:\.json|\/evidence\.html)?$/;

/**
 * @param {string} pasted
 * @returns {Pasted}
 */
export function readPasted(pasted) {
  if (pasted.length > MAX_CHARACTERS) return { kind: "none", why: "long" };
  const trimmed = pasted.trim();
  if (trimmed === "") return { kind: "none", why: "nothing" };
  const named = readLink((PAGE.exec(trimmed)?.[1] ?? trimmed).replace(URI, ""));
  if (named) return named;
  const message = MESSAGE.exec(trimmed);
  return readJson(message ? message[1] : trimmed) ?? { kind: "text", text: pasted };
}

/**
 * @param {string} text
 * @returns {Pasted | null}
 */
function readLink(text) {
  if (HEX_ID.test(text)) return { kind: "note", id: text.toLowerCase() };
  // BIP-173: all letters in upper case say the same.
  const lower = text === text.toUpperCase() ? text.toLowerCase() : text;
  switch (LINK.exec(lower)?.[1]) {
    case "note":
      return toNote(decodeNote(lower));
    case "nevent":
      return toNote(decodeNevent(lower));
    case "naddr":
      return { kind: "none", why: "address" };
    case "npub":
    case "nprofile":
      return { kind: "none", why: "person" };
    case "nsec":
    case "ncryptsec":
      return { kind: "none", why: "secret" };
    default:
      return null;
  }
}

/**
 * @param {string | null} id
 * @returns {Pasted}
 */
function toNote(id) {
  return id ? { kind: "note", id } : { kind: "none", why: "mistyped" };
}

/**
 * Tell an event from the other JSON that people paste: Nostringer's, which is a text of its own.
 *
 * @param {string} text
 * @returns {Pasted | null}
 */
function readJson(text) {
  if (!text.startsWith("{")) return null;
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    // A whole event that was cut is no text that anybody signed.
    return /^\{\s*"(id|pubkey|created_at|kind|tags|content|sig)"\s*:/.test(text) ? { kind: "none", why: "cut" } : null;
  }
  return "pubkey" in value || "sig" in value ? { kind: "event", json: text } : null;
}
