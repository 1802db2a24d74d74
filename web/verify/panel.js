// The part of a page that verifies: its buttons, its progress, its verdict. Knows what is verified, and not where it comes from.

import { startJob } from "./job.js";
import { openWorker } from "./open_worker.js";
import { showVerdict } from "./show.js";

/** @typedef {import("./judge.js").Verdict} Verdict */
/** @typedef {Verdict | { outcome: "unknown", why: string }} Shown */
/** @typedef {(task: import("./judge.js").Task) => Promise<Verdict | null>} Verify */

/**
 * What a start leads to: a verdict, and the host that the note was fetched from, if it was. It is null where it was cancelled.
 *
 * @typedef {(verify: Verify, tell: (what: string) => void) => Promise<{ verdict: Shown | null, relay: string }>} Run
 */

/**
 * Have a click run a verification, and show what comes of it.
 *
 * @param {HTMLElement} root with the elements of verify_progress.html in it
 * @param {Run} run
 * @param {(verdict: Shown, place: HTMLElement) => void} [onShown]
 */
export function startPanel(root, run, onShown = () => {}) {
  const find = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (root.querySelector(selector));
  const [start, cancel, told, outcome] = ["#start", "#cancel", "#told", "#outcome"].map(find);
  const bar = /** @type {HTMLProgressElement} */ (root.querySelector("progress"));
  const tell = (/** @type {string} */ what) => void (told.textContent = told.dataset[what] ?? "");
  let stop = () => {};

  /** @type {Verify} */
  const verify = (task) => {
    tell("verifying");
    const job = startJob(() => openWorker(root.dataset.worker ?? ""), task, (done, all) => void (bar.value = done / all));
    stop = job.cancel;
    return job.verdict;
  };

  const setBusy = (/** @type {boolean} */ isBusy) => {
    find("#progress").hidden = cancel.hidden = !isBusy;
    start.hidden = isBusy;
    if (isBusy) bar.value = 0;
  };

  cancel.addEventListener("click", () => stop());
  start.addEventListener("click", async () => {
    outcome.replaceChildren();
    setBusy(true);
    const { verdict, relay } = await run(verify, tell).catch(() => ({ verdict: BROKEN, relay: "" }));
    setBusy(false);
    tell(verdict ? "done" : "cancelled");
    if (!verdict) return start.focus();
    onShown(verdict, showVerdict(outcome, verdict, relay));
  });
  root.hidden = false;
}

/** @type {Shown} */
const BROKEN = { outcome: "unknown", why: "broken" };
