// A worker made of this page's own script, so that there is one script, and one hash of it in the page's policy.

/** @type {{ createScriptURL: (url: string) => any } | undefined} */
let policy;

/**
 * @param {string} script
 * @returns {Worker}
 */
export function openOwnWorker(script) {
  policy ??= /** @type {any} */ (globalThis).trustedTypes?.createPolicy("ringrelay", { createScriptURL: check });
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  return new Worker(policy ? policy.createScriptURL(url) : url);
}

/**
 * @param {string} url
 * @returns {string}
 */
function check(url) {
  if (!url.startsWith("blob:")) throw new TypeError("this page runs no script but its own");
  return url;
}
