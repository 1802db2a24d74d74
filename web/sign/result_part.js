// The signed note: as text, as a file, and as QR codes.

import { remark } from "../core/bad_input.js";
import { splitParts } from "../core/qr_parts.js";
import { find, onClick } from "./dom.js";
import { drawQr } from "./draw_qr.js";

/**
 * @typedef {import("./page.js").Page} Page
 * @typedef {import("../core/bad_input.js").Remark} Remark
 */

const TURN_MS = 1200;

/**
 * Return what shows a signed note.
 *
 * @param {Page} page
 * @returns {(json: string, createdAt: number, warnings: Remark[]) => void}
 */
export function startResult({ voice }) {
  const codes = startCodes(voice);
  const note = find("note", HTMLTextAreaElement);
  const copyStatus = find("copy-status", HTMLElement);
  onClick("copy", async () => {
    note.select();
    try {
      await navigator.clipboard.writeText(note.value);
      voice.say(copyStatus, remark("result_copied"));
    } catch {
      voice.say(copyStatus, remark("result_not_copied"));
    }
  });
  return (json, createdAt, warnings) => {
    note.value = json;
    find("result", HTMLElement).hidden = false;
    const size = new TextEncoder().encode(json).length;
    const time = new Date(1000 * createdAt).toISOString().slice(0, 16).replace("T", " ") + " UTC";
    voice.say(find("result-status", HTMLElement), remark("result_done", { size, time }));
    voice.list(find("result-warnings", HTMLElement), warnings);
    voice.say(copyStatus, null);
    offerFile(json);
    codes(splitParts(json));
    find("result-heading", HTMLElement).focus();
  };
}

/** @param {string} json */
function offerFile(json) {
  const link = find("save", HTMLAnchorElement);
  if (link.href) URL.revokeObjectURL(link.href);
  // eslint-disable-next-line no-restricted-syntax -- a file of this page for the disk: the link has `download`, and leads nowhere
  link.href = URL.createObjectURL(new Blob([`${json}\n`], { type: "application/json" }));
}

/** @param {import("./dom.js").Voice} voice */
function startCodes(voice) {
  /** @type {string[]} */
  let parts = [];
  let place = 0;
  let timer = 0;
  const play = find("qr-play", HTMLButtonElement);

  const show = () => {
    drawQr(find("qr", HTMLCanvasElement), parts[place]);
    voice.say(find("qr-part", HTMLElement), remark("qr_part", { part: place + 1, total: parts.length }));
  };
  /** @param {number} step */
  const turn = (step) => {
    place = (place + step + parts.length) % parts.length;
    show();
  };
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    play.setAttribute("aria-pressed", "false");
    voice.say(play, remark("qr_play"));
  };
  const start = () => {
    timer = window.setInterval(() => turn(1), TURN_MS);
    play.setAttribute("aria-pressed", "true");
    voice.say(play, remark("qr_pause"));
  };
  onClick("qr-previous", () => turn(-1));
  onClick("qr-next", () => turn(1));
  play.addEventListener("click", () => (timer ? stop() : start()));

  /** @param {string[]} given */
  return (given) => {
    [parts, place] = [given, 0];
    stop();
    find("qr-turn", HTMLElement).hidden = parts.length === 1;
    const about = parts.length === 1 ? remark("qr_one") : remark("qr_parts", { total: parts.length });
    voice.say(find("qr-about", HTMLElement), about);
    show();
  };
}
