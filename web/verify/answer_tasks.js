// What a worker does: it gets one task, tells its progress, and answers with one verdict.

import { judge } from "./judge.js";

// More often would cost more than it tells.
const TELL_EVERY_MS = 50;

/** @typedef {(task: import("./judge.js").Task) => Promise<import("../core/curve.js").Curve<any>>} ChooseCurve */

/**
 * Answer the page that made this worker.
 *
 * @param {ChooseCurve} chooseCurve
 */
export function answerTasks(chooseCurve) {
  addEventListener("message", async ({ data: { task } }) => {
    if (!task) return;
    try {
      const curve = await chooseCurve(task);
      postMessage({ verdict: judge(task, { curve, onProgress: limit(postProgress) }) });
    } catch (error) {
      postMessage({ failed: String(error) });
    }
  });
}

/**
 * @param {number} done
 * @param {number} all
 */
function postProgress(done, all) {
  postMessage({ done, all });
}

/**
 * @param {(done: number, all: number) => void} tell
 * @returns {(done: number, all: number) => void} the same, now and then
 */
function limit(tell) {
  let told = 0;
  return (done, all) => {
    const now = performance.now();
    if (now - told < TELL_EVERY_MS) return;
    told = now;
    tell(done, all);
  };
}
