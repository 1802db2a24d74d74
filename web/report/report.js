// A report of a note (NIP-56), made in the reader's browser by a key that is thrown away, and sent by WebSocket.
//
// All words are the relay's, in the page. The report says what the reader chose and wrote, and nothing of the reader.

import { schnorr } from "@noble/curves/secp256k1.js";

import { encodeEvent, signEvent } from "../core/sign_event.js";
import { toHex } from "../core/hex.js";
import { holdsSecretKey, pad } from "../post/message.js";
import { send } from "../post/send.js";

const REPORT = 1984;
const ANSWER_TIMEOUT_MS = 30_000;
const AUX_BYTES = 32;

const form = /** @type {HTMLFormElement | null} */ (document.getElementById("report-form"));

/**
 * Return the report, signed by a new key that nobody has afterwards.
 *
 * @param {{ noteId: string, pubkey: string, type: string, content: string, powBits: number }} report
 */
export function makeReport({ noteId, pubkey, type, content, powBits }) {
  const { secretKey, publicKey } = schnorr.keygen();
  const unsigned = {
    pubkey: toHex(publicKey),
    created_at: Math.floor(Date.now() / 1000),
    kind: REPORT,
    // NIP-56: what is wrong stands at the note; the key that posted it is named, too.
    tags: [
      ["e", noteId, type],
      ["p", pubkey],
    ],
    content,
  };
  const aux = crypto.getRandomValues(new Uint8Array(AUX_BYTES));
  const event = signEvent(unsigned, secretKey, aux, powBits);
  secretKey.fill(0);
  return event;
}

/**
 * Return the relay's own words, which are English in a page of any language.
 *
 * @param {string} text
 */
function quote(text) {
  const quoted = document.createElement("span");
  quoted.lang = "en";
  quoted.textContent = text;
  return quoted;
}

/** @param {HTMLFormElement} page */
function start(page) {
  const { noteId = "", pubkey = "", path = "/", powBits = "0", maxBytes = "0", ...words } = page.dataset;
  const outcome = /** @type {HTMLElement} */ (page.querySelector("[role=status]"));
  const button = /** @type {HTMLButtonElement} */ (page.querySelector("button"));

  /** @param {string | undefined} text */
  const show = (text) => {
    outcome.textContent = text ?? "";
  };

  /** @param {FormData} fields */
  const sendReport = (fields) => {
    const content = String(fields.get("words") ?? "").trim();
    const type = String(fields.get("type"));
    const event = makeReport({ noteId, pubkey, type, content, powBits: Number(powBits) });
    const url = `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}${path}`;
    const message = pad(`["EVENT",${encodeEvent(event)}]`, Number(maxBytes));
    send(
      { url, id: event.id, message, timeoutMs: ANSWER_TIMEOUT_MS },
      ({ isAccepted, text }) => {
        button.disabled = isAccepted;
        show(isAccepted ? words.sent : words.refused);
        if (!isAccepted) outcome.append(" ", quote(text));
      },
      () => {
        button.disabled = false;
        show(words.failed);
      },
    );
  };

  page.hidden = false;
  page.addEventListener("submit", (submission) => {
    submission.preventDefault();
    const fields = new FormData(page);
    if (holdsSecretKey(String(fields.get("words") ?? ""))) return show(words.key);
    button.disabled = true;
    show(words.sending);
    // The words are painted before the work, which takes a moment, begins.
    setTimeout(() => sendReport(fields), 50);
  });
}

if (form !== null) start(form);
