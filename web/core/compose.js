// From a draft to a signed note that a reader accepts.

import { BadInput } from "./bad_input.js";
import { makeBoundNote } from "./sign_bound.js";
import { encodeEvent } from "./sign_event.js";
import { makeMessageNote } from "./sign_message.js";
import { parseEvent } from "./event.js";
import { verify } from "./verify.js";

/**
 * @typedef {import("./draft.js").Draft} Draft
 * @typedef {import("./event.js").Event} Event
 */

/**
 * Sign the draft as a member of its ring, and the outer event with a throwaway key. Throws BadInput.
 *
 * @param {Draft} draft
 * @param {import("./random.js").Chance} chance
 * @param {(tries: number) => void} [onTries]
 * @returns {Event}
 */
export function makeNote(draft, chance, onTries) {
  const make = draft.form === "bound" ? makeBoundNote : makeMessageNote;
  const note = make(draft, chance, onTries);
  checkResult(note, draft);
  return note;
}

/**
 * Verify the note as a relay will: a signature that a fault of the machine spoilt can reveal the secret key.
 *
 * @param {Event} note
 * @param {Draft} draft
 */
function checkResult(note, { form, content }) {
  const found = verify(parseEvent(encodeEvent(note)));
  if (!found.valid) throw new BadInput("not_verified", { reason: found.reason });
  if (found.form !== form || (form !== "bound" && found.signedText !== content)) throw new BadInput("not_read_as_signed");
}
