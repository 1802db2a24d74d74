// The part of a page that verifies: its buttons, its progress, its verdict. Knows what is verified, and not where it comes from.

import { startJob } from "./job.js";
import { showVerdict } from "./show.js";

/** @typedef {import("./judge.js").Verdict} Verdict */
/** @typedef {Verdict | { outcome: "unknown", why: string }} Shown */
/** @typedef {(task: import("./judge.js").Task) => Promise<Verdict | null>} Verify it rejects where a worker cannot do its work */

/**
 * What a start leads to: a verdict, and the host that the note was fetched from, if it was. It is null where it was cancelled.
 *
 * @typedef {(verify: Verify, tell: (what: string) => void) => Promise<{ verdict: Shown | null, relay: string }>} Run
 * @typedef {(verdict: Shown, place: HTMLElement) => void} OnShown
 */

/** @type {Shown} */
const BROKEN = { outcome: "unknown", why: "broken" };

/**
 * Have a click run a verification, and show what comes of it.
 *
 * @param {HTMLElement} root with the elements of verify_progress.html in it
 * @param {{ workshop: import("./job.js").Workshop, run: Run, onShown?: OnShown }} parts
 * @returns {() => void} what takes the verdict away, and ends what is under way without a word
 */
export function startPanel(root, { workshop, run, onShown = () => {} }) {
  const find = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (root.querySelector(selector));
  const [start, cancel, told, outcome] = ["#start", "#cancel", "#told", "#outcome"].map(find);
  const bar = /** @type {HTMLProgressElement} */ (root.querySelector("progress"));
  const tell = (/** @type {string} */ what) => void (told.textContent = told.dataset[what] ?? "");
  /** @type {(why: "cancelled" | "cleared") => void} */
  let stop = () => {};

  /** @type {(signal: AbortSignal) => Verify} */
  const makeVerify = (signal) => async (task) => {
    if (signal.aborted) return null;
    tell("verifying");
    const job = startJob(workshop, task, (done, all) => void (bar.value = done / all));
    signal.addEventListener("abort", job.cancel);
    return job.verdict;
  };

  const setBusy = (/** @type {boolean} */ isBusy) => {
    find("#progress").hidden = cancel.hidden = !isBusy;
    start.hidden = isBusy;
    if (isBusy) bar.value = 0;
  };

  cancel.addEventListener("click", () => stop("cancelled"));
  start.addEventListener("click", async ({ isTrusted }) => {
    outcome.replaceChildren();
    setBusy(true);
    const cancelled = new AbortController();
    stop = (why) => cancelled.abort(why);
    const running = run(makeVerify(cancelled.signal), tell).catch(() => ({ verdict: BROKEN, relay: "" }));
    const { verdict, relay } = await Promise.race([running, waitForEnd(cancelled.signal)]);
    setBusy(false);
    tell(verdict ? "done" : cancelled.signal.reason);
    if (!verdict) return void (cancelled.signal.reason === "cancelled" && start.focus());
    showVerdict(outcome, verdict, relay);
    onShown(verdict, outcome);
    // A screen reader goes on there, where a person asked for it.
    if (isTrusted) outcome.querySelector("h2")?.focus();
  });
  root.hidden = false;
  return () => {
    stop("cleared");
    told.textContent = "";
    outcome.replaceChildren();
  };
}

/**
 * @param {AbortSignal} signal
 * @returns {ReturnType<Run>} at the signal, whatever is being fetched or computed then
 */
function waitForEnd(signal) {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve({ verdict: null, relay: "" })));
}
