// What a worker does: it gets one task, tells its progress, and answers with one verdict.

import { judge } from "./judge.js";

// More often would cost more than it tells.
const TELL_EVERY_MS = 50;

/** Answer the page that made this worker. */
export function answerTasks() {
  addEventListener("message", ({ data }) => {
    let told = 0;
    const verdict = judge(data, (done, all) => {
      const now = performance.now();
      if (now - told < TELL_EVERY_MS) return;
      told = now;
      postMessage({ done, all });
    });
    postMessage({ verdict });
  });
}
