// The page's side of the worker: requests in turn, each with its progress. Forgetting ends the worker with all it holds.

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

/**
 * @typedef {{ resolve: (found: any) => void, reject: (error: Refused) => void, report?: Report }} Waiting
 */

export class Client {
  /** @type {Worker | null} */
  #worker = null;
  /** @type {Map<number, Waiting>} */
  #waiting = new Map();
  #asked = 0;

  /** @param {() => Worker} start */
  constructor(start) {
    this.start = start;
  }

  /**
   * Have the worker do something, after what it was asked before. Throws Refused.
   *
   * @template {keyof Actions} Name
   * @param {Name} action
   * @param {Parameters<Actions[Name]>[0]} given
   * @param {Report} [report]
   * @returns {Promise<ReturnType<Actions[Name]>>}
   */
  ask(action, given, report) {
    this.#worker ??= this.#startWorker();
    const worker = this.#worker;
    const number = (this.#asked += 1);
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject, report });
      worker.postMessage({ number, action, given });
    });
  }

  /** End the worker, and with it the key and whatever it is doing. */
  forget() {
    this.#worker?.terminate();
    this.#worker = null;
    this.#refuseAll({ text: "stopped", values: {} });
  }

  #startWorker() {
    const worker = this.start();
    worker.onmessage = ({ data: { number, progress, refused, found } }) => {
      const waiting = this.#waiting.get(number);
      if (progress) {
        waiting?.report?.(progress);
        return;
      }
      this.#waiting.delete(number);
      if (refused) waiting?.reject(new Refused(refused));
      else waiting?.resolve(found);
    };
    worker.onerror = () => this.#refuseAll({ text: "failed", values: { fault: "worker" } });
    return worker;
  }

  /** @param {Remark} remark */
  #refuseAll(remark) {
    for (const { reject } of this.#waiting.values()) reject(new Refused(remark));
    this.#waiting.clear();
  }
}
