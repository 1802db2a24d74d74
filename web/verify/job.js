// One verification in a worker of its own, so that the page answers meanwhile, and can stop it.

/** @typedef {import("./judge.js").Verdict} Verdict */

/**
 * @typedef {object} Job
 * @property {Promise<Verdict | null>} verdict null where it was cancelled; it rejects where the worker could not do its work
 * @property {() => void} cancel
 */

/**
 * What a worker is made of. Where there is no WebAssembly, `fetchWasm` gives null.
 *
 * @typedef {{ makeWorker: () => Worker, fetchWasm: () => Promise<ArrayBuffer | null> }} Workshop
 */

/**
 * @param {Workshop} workshop
 * @param {import("./judge.js").Task} task
 * @param {(done: number, all: number) => void} onProgress
 * @returns {Job}
 */
export function startJob({ makeWorker, fetchWasm }, task, onProgress) {
  const worker = makeWorker();
  /** @type {(verdict: Verdict | null) => void} */
  let settle = () => {};
  /** @type {Promise<Verdict | null>} */
  const verdict = new Promise((resolve, reject) => {
    settle = resolve;
    worker.addEventListener("message", async ({ data }) => {
      if ("verdict" in data) resolve(data.verdict);
      else if ("failed" in data) reject(new Error(data.failed));
      else if ("wants" in data) worker.postMessage({ wasm: await fetchWasm() });
      else onProgress(data.done, data.all);
    });
    worker.addEventListener("error", reject);
    worker.addEventListener("messageerror", reject);
  });
  worker.postMessage({ task });
  return { verdict: verdict.finally(() => worker.terminate()), cancel: () => settle(null) };
}
