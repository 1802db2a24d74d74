// The ring: typed, pasted or opened, and shown as it was read.

import { remark } from "../core/bad_input.js";
import { Refused } from "./client.js";
import { find } from "./dom.js";
import { toPrintable } from "./printable.js";

/** @typedef {import("../core/ring_file.js").Entry} Entry */

const PAUSE_MS = 300;

/** @param {import("./page.js").Page} page */
export function startRing({ voice, reader }) {
  const field = find("ring", HTMLTextAreaElement);
  const refused = find("ring-refused", HTMLElement);
  const status = find("ring-status", HTMLElement);

  /** @param {readonly Entry[]} ring */
  const show = (ring) => {
    voice.say(status, ring.length ? remark("ring_read", { size: ring.length }) : null);
    find("ring-keys", HTMLElement).hidden = ring.length === 0;
    find("ring-list", HTMLElement).replaceChildren(...ring.map(({ key, name, seen }) => {
      const item = document.createElement("li");
      item.dir = "auto";
      item.textContent = [key, toPrintable(name), seen].filter(Boolean).join(" · ");
      return item;
    }));
  };

  const readField = async () => {
    voice.say(refused, null);
    try {
      show(await reader.ask("readRing", { ringText: field.value }));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      show([]);
      voice.say(refused, error.remark);
    }
  };

  let timer = 0;
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = window.setTimeout(readField, PAUSE_MS);
  });
  find("ring-file", HTMLInputElement).addEventListener("change", async ({ target }) => {
    const chosen = /** @type {HTMLInputElement} */ (target);
    const [file] = chosen.files ?? [];
    if (!file) return;
    try {
      field.value = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
    } catch {
      voice.say(refused, remark("file_unreadable"));
      return;
    }
    // So that the same file, changed, can be opened again.
    chosen.value = "";
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
}
