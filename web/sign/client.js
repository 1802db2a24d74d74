// The page's side of the worker: one request at a time, each with its progress. Forgetting ends the worker with all it holds.

/**
 * @typedef {import("../core/bad_input.js").Remark} Remark
 * @typedef {(progress: Remark) => void} Report
 * @typedef {typeof import("./worker.js").actions} Actions
 */

/** What the worker refused. */
export class Refused extends Error {
  /** @param {Remark} remark */
  constructor(remark) {
    super(remark.text);
    this.remark = remark;
  }
}

export class Client {
  /** @type {Worker | null} */
  #worker = null;
  /** @type {((error: Refused) => void) | null} */
  #reject = null;

  /** @param {() => Worker} start */
  constructor(start) {
    this.start = start;
  }

  /**
   * Have the worker do something. Throws Refused.
   *
   * @template {keyof Actions} Name
   * @param {Name} action
   * @param {Parameters<Actions[Name]>[0]} given
   * @param {Report} [report]
   * @returns {Promise<ReturnType<Actions[Name]>>}
   */
  ask(action, given, report) {
    this.#worker ??= this.start();
    const worker = this.#worker;
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      worker.onmessage = ({ data }) => {
        if (data.progress) report?.(data.progress);
        else if (data.refused) reject(new Refused(data.refused));
        else resolve(data.found);
      };
      worker.onerror = () => reject(new Refused({ text: "failed", values: { fault: "worker" } }));
      worker.postMessage({ action, given });
    });
  }

  /** End the worker, and with it the key and whatever it is doing. */
  forget() {
    this.#worker?.terminate();
    this.#worker = null;
    this.#reject?.(new Refused({ text: "stopped", values: {} }));
    this.#reject = null;
  }
}
