// A note that is fetched from this relay and verified.

import { fetchNote } from "./fetch_note.js";

/**
 * @param {string} id 64 hex
 * @param {import("./panel.js").Verify} verify
 * @param {(what: string) => void} tell
 * @returns {ReturnType<import("./panel.js").Run>}
 */
export async function verifyFetched(id, verify, tell) {
  const relay = location.host;
  tell("fetching");
  const fetched = await fetchNote(id);
  if ("why" in fetched) return { verdict: { outcome: "unknown", why: fetched.why }, relay: "" };
  const verdict = await verify({ kind: "event", json: fetched.json });
  // The id is the hash of what was verified. So a relay cannot give another note for it, valid or not.
  if (verdict?.outcome === "true" && verdict.event?.id !== id) return { verdict: { outcome: "unknown", why: "other" }, relay: "" };
  return { verdict, relay };
}
