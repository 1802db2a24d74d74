// The worker of the pages that verify. A long ring is verified in WebAssembly, which the page fetches for it: 1.2 MB.

import { noble } from "../core/curve.js";
import { loadWasmCurve } from "../core/curve_wasm.js";
import { answerTasks } from "./answer_tasks.js";
import { countLinks } from "./judge.js";

// noble's work for so many takes seconds, and on a phone as long as the download.
const LONG_LINKS = 2_000;

answerTasks(async (task) => {
  if (countLinks(task) < LONG_LINKS || typeof WebAssembly === "undefined") return noble;
  const bytes = await askForWasm();
  return (bytes && (await loadWasmCurve(bytes))) ?? noble;
});

/** @returns {Promise<ArrayBuffer | null>} null where it cannot be had */
function askForWasm() {
  return new Promise((resolve) => {
    addEventListener("message", ({ data: { wasm } }) => wasm === undefined || resolve(wasm));
    postMessage({ wants: "wasm" });
  });
}
