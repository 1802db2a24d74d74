// The worker's file, from this page's own relay and nowhere else.

const OWN = /^\/static\/verify-worker\.js\?v=[0-9a-f]{16}$/;

/** @type {{ createScriptURL: (url: string) => any }} */
const policy = /** @type {any} */ (globalThis).trustedTypes?.createPolicy("ringrelay", { createScriptURL: check }) ?? {
  createScriptURL: check,
};

/**
 * @param {string} url as the page names it
 * @returns {Worker}
 */
export function openWorker(url) {
  return new Worker(policy.createScriptURL(url));
}

/**
 * @param {string} url
 * @returns {string}
 */
function check(url) {
  if (!OWN.test(url)) throw new TypeError("a page of this relay runs no script of another address");
  return url;
}
