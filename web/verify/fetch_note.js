// A note of this very relay, by its id. No other host is ever asked, whatever a link names.

const TIMEOUT_MS = 30_000;

/**
 * @param {string} id 64 hex
 * @returns {Promise<{ json: string } | { why: "missing" | "unreachable" }>}
 */
export async function fetchNote(id) {
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const answer = await fetch(`/note/${id}.json`, { cache: "no-store", credentials: "omit", redirect: "error", signal });
    if (answer.ok) return { json: await answer.text() };
    return { why: answer.status === 404 || answer.status === 410 ? "missing" : "unreachable" };
  } catch {
    return { why: "unreachable" };
  }
}
