// "Verify in this browser" on the page of a note: fetched once more, verified, and compared with what the page shows.

import { fill } from "./fill.js";
import { verifyFetched } from "./fetched.js";
import { startPanel } from "./panel.js";
import { findWords } from "./show.js";
import { toShown } from "./shown.js";

const root = /** @type {HTMLElement} */ (document.getElementById("verify-note"));

startPanel(
  root,
  (verify, tell) => verifyFetched(root.dataset.note ?? "", verify, tell),
  (verdict, place) => {
    if (verdict.outcome !== "true" || !("proof" in verdict)) return;
    const template = /** @type {HTMLTemplateElement} */ (document.getElementById("compared"));
    place.querySelector("h2")?.after(fill(template, new Set([compare(verdict)]), {}));
  },
);

/**
 * Compare what the page shows with what is signed. It may show the words formatted, and then only its ring is compared.
 *
 * @param {Extract<import("./judge.js").Verdict, { outcome: "true" }>} verdict
 * @returns {"same" | "formatted" | "different"}
 */
function compare({ proof, event }) {
  const words = document.querySelector("[data-shown-words]");
  const ring = document.querySelector("[data-shown-ring]");
  if (ring && ring.textContent?.trim() !== proof.ringId) return "different";
  if (words instanceof HTMLElement && words.dataset.shownWords === "formatted") return "formatted";
  const shown = toShown(words?.textContent ?? "").trim();
  return shown === toShown(findWords(proof, event)).trim() ? "same" : "different";
}
