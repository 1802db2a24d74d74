// "Verify in this browser" on the page of a note: fetched once more, verified, and compared with what the page shows.

import { fill } from "./fill.js";
import { verifyFetched } from "./fetched.js";
import { openWorker } from "./open_worker.js";
import { startPanel } from "./panel.js";
import { findWords } from "./show.js";
import { toShown } from "./shown.js";

const root = /** @type {HTMLElement} */ (document.getElementById("verify-note"));

startPanel(root, {
  makeWorker: () => openWorker(root.dataset.worker ?? ""),
  run: (verify, tell) => verifyFetched(root.dataset.note ?? "", verify, tell),
  onShown(verdict, place) {
    if (!("proof" in verdict)) return;
    const template = /** @type {HTMLTemplateElement} */ (document.getElementById("compared"));
    place.querySelector("h2")?.after(fill(template, new Set([compare(verdict)]), {}));
  },
});

/**
 * Compare what the page shows with what is signed. It may show the words formatted, and then only its ring is compared.
 *
 * @param {Extract<import("./judge.js").Verdict, { outcome: "true" }>} verdict
 * @returns {"same" | "formatted" | "different"}
 */
function compare({ proof, event }) {
  if (root.dataset.ring !== proof.ringId) return "different";
  const shown = document.querySelector("[data-shown-words]");
  if (shown instanceof HTMLElement && shown.dataset.shownWords === "formatted") return "formatted";
  const words = toShown(shown?.textContent ?? "").trim();
  return words === toShown(findWords(proof, event)).trim() ? "same" : "different";
}
