// The page /verify: what is pasted is read here, and never sent. A link's note is fetched from this relay.

import { joinParts } from "../core/qr_parts.js";
import { verifyFetched } from "./fetched.js";
import { startPanel } from "./panel.js";
import { readPasted } from "./pasted.js";
import { openWorkshop } from "./workshop.js";

const BARE_DIGITS = /^[0-9a-f]{64}$/i;
const field = /** @type {HTMLTextAreaElement} */ (document.getElementById("pasted"));
// A field changes line ends, and they can have been signed. So what was pasted is kept as it came.
let raw = "";

field.addEventListener("paste", ({ clipboardData }) => {
  raw = clipboardData?.getData("text/plain") ?? "";
});

/** @returns {string} */
function readField() {
  return raw.replace(/\r\n?/g, "\n") === field.value ? raw : field.value;
}

/** @type {import("./panel.js").Run} */
async function run(verify, tell) {
  const text = readField();
  // A note's id, or a secret key: it must not get into a request.
  if (BARE_DIGITS.test(text.trim())) return { verdict: { outcome: "unknown", why: "digits" }, relay: "" };
  const pasted = readPasted(joinParts(text));
  if (pasted.kind === "note") return verifyFetched(pasted.id, verify, tell);
  if (pasted.kind !== "none") return { verdict: await verify(pasted), relay: "" };
  if (pasted.why === "secret") field.value = raw = "";
  return { verdict: { outcome: "unknown", why: pasted.why }, relay: "" };
}

const root = /** @type {HTMLElement} */ (document.getElementById("verify"));
const clear = startPanel(root, { workshop: openWorkshop(root.dataset), run });
// A verdict is about what stands in the field.
field.addEventListener("input", clear);
