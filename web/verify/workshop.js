// What verifies here: the worker's file and the curve in WebAssembly, from this page's own relay and nowhere else.

const OWN = /^\/static\/verify-worker\.js\?v=[0-9a-f]{16}$/;
const WASM_TIMEOUT_MS = 120_000;

/** @type {{ createScriptURL: (url: string) => any }} */
const policy = /** @type {any} */ (globalThis).trustedTypes?.createPolicy("ringrelay", { createScriptURL: check }) ?? {
  createScriptURL: check,
};

/**
 * @param {DOMStringMap} addresses of both files, as the page names them
 * @returns {import("./job.js").Workshop}
 */
export function openWorkshop({ worker = "", wasm = "" }) {
  return { makeWorker: () => new Worker(policy.createScriptURL(worker)), fetchWasm: () => fetchWasm(wasm) };
}

/**
 * @param {string} url
 * @returns {string}
 */
function check(url) {
  if (!OWN.test(url)) throw new TypeError("a page of this relay runs no script of another address");
  return url;
}

/**
 * @param {string} url
 * @returns {Promise<ArrayBuffer | null>}
 */
async function fetchWasm(url) {
  try {
    const answer = await fetch(url, { credentials: "omit", redirect: "error", signal: AbortSignal.timeout(WASM_TIMEOUT_MS) });
    return answer.ok ? await answer.arrayBuffer() : null;
  } catch {
    // It is slower without.
    return null;
  }
}
