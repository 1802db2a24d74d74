// The evidence file: the note in it is verified from disk, in a worker made of this very script. Nothing is fetched.

import { noble } from "../core/curve.js";
import { answerTasks } from "../verify/answer_tasks.js";
import { fill } from "../verify/fill.js";
import { judge } from "../verify/judge.js";
import { startPanel } from "../verify/panel.js";
import { toNostringer } from "./nostringer.js";
import { openOwnWorker } from "./own_worker.js";

const find = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @param {string} script this one's own text */
function startPage(script) {
  const json = find("json").textContent ?? "";
  /** @type {import("../verify/judge.js").Task} */
  const task = { kind: "event", json };
  startPanel(find("evidence"), {
    // A file that shall run for ten years has no WebAssembly, which takes a right of its own.
    workshop: { makeWorker: () => openOwnWorker(script), fetchWasm: async () => null },
    // Where a browser runs no worker from disk, the page does its work, and does not answer meanwhile.
    run: async (verify) => ({ verdict: await verify(task).catch(() => judge(task)), relay: "" }),
    onShown: showOtherForm,
  });
  startKeeping(json);
  // eslint-disable-next-line no-restricted-syntax -- a button of this page
  find("start").click();
}

/** @type {import("../verify/panel.js").OnShown} */
function showOtherForm(verdict, place) {
  if (!("proof" in verdict) || !verdict.event) return;
  const nostringer = toNostringer(verdict.event, verdict.proof);
  const template = /** @type {HTMLTemplateElement} */ (find("nostringer"));
  if (nostringer) place.append(fill(template, new Set([verdict.proof.dialect, verdict.proof.form]), { nostringer }));
}

/** @param {string} json */
function startKeeping(json) {
  const plain = toPlain(json);
  const kept = find("kept");
  find("copy").addEventListener("click", async () => {
    let told = "copied";
    try {
      await navigator.clipboard.writeText(plain);
    } catch {
      getSelection()?.selectAllChildren(find("json"));
      told = "selected";
    }
    kept.textContent = kept.dataset[told] ?? "";
  });
  const link = /** @type {HTMLAnchorElement} */ (find("download"));
  // eslint-disable-next-line no-restricted-syntax -- a file for the disk: the link has `download`, and leads nowhere
  link.href = URL.createObjectURL(new Blob([plain], { type: "application/json" }));
  find("keep").hidden = false;
}

/**
 * Return the JSON as relays send it, without the escapes of this page. What is none any more stays as it is.
 *
 * @param {string} json
 */
function toPlain(json) {
  try {
    return JSON.stringify(JSON.parse(json));
  } catch {
    return json;
  }
}

if (typeof document === "undefined") answerTasks(async () => noble);
else startPage(document.currentScript?.textContent ?? "");
