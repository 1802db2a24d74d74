// The worker's side: it alone holds the secret key, and it does what takes long. It answers requests in their order.

import { toPublicKey, parseSecretKey } from "../core/author_keys.js";
import { BadInput, remark } from "../core/bad_input.js";
import { makeNote } from "../core/compose.js";
import { pickTime } from "../core/draft.js";
import { countMemory, decryptKey, parseEncryptedKey } from "../core/encrypted_key.js";
import { toHex } from "../core/hex.js";
import { encodeNpub } from "../core/nip19.js";
import { estimateWork } from "../core/pow.js";
import { system } from "../core/random.js";
import { review } from "../core/review.js";
import { parseRing } from "../core/ring_file.js";
import { listSizeRefusals } from "../core/risks.js";
import { encodeEvent } from "../core/sign_event.js";
import { readNote } from "./read_note.js";

/**
 * @typedef {import("../core/bad_input.js").Remark} Remark
 * @typedef {import("../core/review.js").Wanted} Wanted
 * @typedef {Omit<Wanted, "ring"> & { ringText: string }} Fields
 * @typedef {(progress: Remark) => void} Report
 */

const REPORT_MS = 1_000;

/** @type {{ secret: Uint8Array | null, encrypted: import("../core/encrypted_key.js").EncryptedKey | null }} */
const held = { secret: null, encrypted: null };

export const actions = {
  /** @param {{ text: string }} given */
  useKey({ text }) {
    held.encrypted = parseEncryptedKey(text);
    if (held.encrypted) return { memory: countMemory(held.encrypted) };
    return keep(parseSecretKey(text));
  },

  /**
   * @param {{ passphrase: string }} given
   * @param {Report} report
   */
  openKey({ passphrase }, report) {
    if (!held.encrypted) throw new BadInput("key_missing");
    let percent = 0;
    const secret = decryptKey(held.encrypted, passphrase, (share) => {
      if (Math.floor(100 * share) === percent) return;
      percent = Math.floor(100 * share);
      report(remark("key_opening", { percent }));
    });
    held.encrypted = null;
    return keep(secret);
  },

  /** @param {{ ringText: string }} given */
  readRing({ ringText }) {
    return parseRing(ringText);
  },

  /** @param {Fields} fields */
  review(fields) {
    const { refusals, warnings } = look(fields);
    return { refusals, warnings };
  },

  /**
   * @param {Fields} fields
   * @param {Report} report
   */
  sign(fields, report) {
    const { plan, secret, refusals } = look(fields);
    if (!plan) throw new BadInput(refusals[0]);
    report(remark("signing"));
    const expected = 2 ** plan.bits;
    const createdAt = pickTime(Math.floor(Date.now() / 1000), system);
    const note = makeNote({ ...plan, secret, createdAt }, system, (tries) => report(remark("mining", { tries, expected })));
    const json = encodeEvent(note);
    return { json, createdAt, warnings: listSizeRefusals(json) };
  },

  /** @param {{ text: string }} given */
  verify({ text }) {
    return readNote(text);
  },
};

/**
 * Answer the page's requests.
 *
 * @param {{ onmessage: ((event: MessageEvent) => void) | null, postMessage: (message: unknown) => void }} scope
 */
export function serve(scope) {
  scope.onmessage = ({ data: { number, action, given } }) => {
    const report = slowDown((progress) => scope.postMessage({ number, progress }));
    try {
      const answer = /** @type {(given: any, report: Report) => unknown} */ (actions[/** @type {keyof typeof actions} */ (action)]);
      scope.postMessage({ number, found: answer(given, report) });
    } catch (error) {
      const fault = error instanceof BadInput ? error.remark : remark("failed", { fault: nameFault(error) });
      scope.postMessage({ number, refused: fault });
    }
  };
}

/**
 * Return a report that passes on one in a second: each is read out to those who do not see the page.
 *
 * @param {Report} report
 * @returns {Report}
 */
function slowDown(report) {
  let last = -Infinity;
  return (progress) => {
    const now = performance.now();
    if (now - last < REPORT_MS) return;
    last = now;
    report(progress);
  };
}

/**
 * Return what sort of fault it is. Its text is a library's, and might repeat what it was given.
 *
 * @param {unknown} error
 */
function nameFault(error) {
  return error instanceof Error ? error.name : "unknown";
}

/** @param {Uint8Array} secret */
function keep(secret) {
  held.secret = secret;
  const own = toPublicKey(secret);
  return { npub: encodeNpub(own), key: toHex(own) };
}

/** @param {Fields} fields */
function look({ ringText, ...fields }) {
  const secret = held.secret;
  if (!secret) throw new BadInput("key_needed");
  if (!ringText.trim()) throw new BadInput("ring_needed");
  const wanted = { ...fields, ring: readRing(ringText) };
  const found = review(wanted, secret);
  const { plan } = found;
  const seconds = plan?.bits ? estimateWork(plan.content, plan.bits) : 0;
  const minutes = Math.round(seconds / 60);
  const long = plan && minutes >= 1 ? [remark("work_long", { bits: plan.bits, minutes })] : [];
  return { ...found, secret, warnings: [...found.warnings, ...long] };
}

/** @param {string} text */
function readRing(text) {
  try {
    return parseRing(text);
  } catch (error) {
    if (!(error instanceof BadInput)) throw error;
    throw new BadInput("in_ring", { fault: error.remark });
  }
}
