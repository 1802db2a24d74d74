// Form B: tags `ring-members` and `ring-signature`. The ring signs the content.

import { readRing } from "./keys.js";
import { buildMessageClaim } from "./message_only.js";
import { decodeSignature } from "./signature.js";
import { getOnlyTag } from "./tags.js";

/**
 * @param {import("./event.js").Event} event
 * @returns {import("./claim.js").Claim}
 */
export function readNip97(event) {
  const [, ...keys] = getOnlyTag(event, "ring-members");
  const [, text] = getOnlyTag(event, "ring-signature", 2);
  const ring = readRing(keys);
  const candidates = [{ text: event.content, problem: null }];
  return buildMessageClaim("nip97", ring, decodeSignature(text, ring.length), candidates, event);
}
