// "Verify in this browser" on the page of a note: fetched once more, verified, and compared with what the page shows.

import { fill } from "./fill.js";
import { verifyFetched } from "./fetched.js";
import { startPanel } from "./panel.js";
import { findWords } from "./show.js";
import { toShown } from "./shown.js";
import { openWorkshop } from "./workshop.js";

const root = /** @type {HTMLElement} */ (document.getElementById("verify-note"));

startPanel(root, {
  workshop: openWorkshop(root.dataset),
  run: (verify, tell) => verifyFetched(root.dataset.note ?? "", verify, tell),
  onShown(verdict, place) {
    if (!("proof" in verdict)) return;
    const template = /** @type {HTMLTemplateElement} */ (document.getElementById("compared"));
    place.querySelector("h2")?.after(fill(template, new Set([compare(verdict)]), {}));
  },
});

/**
 * Compare what the page shows with what is signed. Words that it shows formatted cannot be compared.
 *
 * @param {Extract<import("./judge.js").Verdict, { outcome: "true" }>} verdict
 * @returns {"exact" | "part" | "formatted" | "different" | "unshown"}
 */
function compare({ proof, event }) {
  if (root.dataset.ring !== proof.ringId) return "different";
  const element = document.querySelector("[data-shown-words]");
  if (!(element instanceof HTMLElement)) return "unshown";
  if (element.dataset.shownWords === "formatted") return "formatted";
  // A browser drops a line end at the start of what is shown.
  const shown = toShown(element.textContent ?? "").trim();
  const signed = toShown(findWords(proof, event)).trim();
  if (shown === signed) return "exact";
  return element.dataset.shownWords === "part" && signed.includes(shown) ? "part" : "different";
}
