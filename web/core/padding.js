// The EVENT message as it is sent: padded, so that its size says little. Knows no socket.

import { toUtf8 } from "./hex.js";
import { encodeEvent } from "./sign_event.js";

// An observer of the connection sees the size of a message. Four sizes for all notes say little.
export const PADDED_SIZES = [4, 16, 64, 256].map((kib) => kib * 1024);

/**
 * Return the EVENT message, with white space after it up to the next of PADDED_SIZES. A larger one gets none.
 *
 * @param {import("./event.js").Event} event
 */
export function encodePadded(event) {
  const frame = `["EVENT",${encodeEvent(event)}]`;
  const bytes = toUtf8(frame).length;
  const size = PADDED_SIZES.find((most) => bytes <= most) ?? bytes;
  return frame + " ".repeat(size - bytes);
}
