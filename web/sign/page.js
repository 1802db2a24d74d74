// The page: what its parts share, and how it starts. It starts from a file only.

import { remark } from "../core/bad_input.js";
import { Client } from "./client.js";
import { Voice, find } from "./dom.js";
import { startKey } from "./key_part.js";
import { startResult } from "./result_part.js";
import { startReview } from "./review_part.js";
import { startRing } from "./ring_part.js";
import { chooseLanguage } from "./say.js";
import { startVerify } from "./verify_part.js";
import { startWords } from "./words_part.js";

/**
 * @typedef {object} Page
 * @property {Voice} voice
 * @property {Client} client the worker that holds the key
 * @property {Client} reader a worker without the key, which reads rings and checks notes
 */

/** Show the page, or why it does not work where it was opened. */
export function startPage() {
  const voice = new Voice(chooseLanguage(navigator.languages));
  voice.switchTo(voice.language);
  const refusal = findRefusal();
  if (refusal) {
    voice.say(find("refusal", HTMLElement), refusal);
    find("refused", HTMLElement).hidden = false;
    return;
  }
  const script = document.currentScript?.textContent ?? "";
  const page = { voice, client: new Client(() => startWorker(script)), reader: new Client(() => startWorker(script)) };
  startLanguage(voice);
  voice.say(find("version", HTMLElement), remark("version", { version: VERSION }));
  startRing(page);
  startWords();
  startVerify(page);
  const showResult = startResult(page);
  const resetReview = startReview(page, showResult);
  keepPage(page, startKey(page, resetReview));
  find("page", HTMLElement).hidden = false;
}

/** Return why no key is asked for here, null where one may be. */
function findRefusal() {
  if (location.protocol !== "file:") return remark("only_from_disk", { protocol: location.protocol });
  // Another page could lay its own fields over these. A policy in a page cannot forbid that (CSP, section 3.3).
  return self === top ? null : remark("only_alone");
}

/**
 * Start a worker with this page's own script: so there is one script, and one hash of it.
 *
 * @param {string} script
 * @returns {Worker}
 */
function startWorker(script) {
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  return new Worker(/** @type {string} */ (trust(url)));
}

const types = /** @type {{ trustedTypes?: { createPolicy: (name: string, rules: object) => { createScriptURL: (url: string) => unknown } } }} */ (
  globalThis
).trustedTypes;
// The one policy that the page's own policy allows; the only URL that it trusts is a blob of this page.
const policy = types?.createPolicy("ringrelay-worker", {
  /** @param {string} url */
  createScriptURL(url) {
    if (!url.startsWith("blob:")) throw new TypeError("not a blob of this page");
    return url;
  },
});

/** @param {string} url */
function trust(url) {
  return policy ? policy.createScriptURL(url) : url;
}

/** @param {Voice} voice */
function startLanguage(voice) {
  const chosen = find("language", HTMLSelectElement);
  chosen.value = voice.language;
  chosen.addEventListener("change", () => voice.switchTo(chooseLanguage([chosen.value])));
}

/**
 * Keep a dropped file from replacing the page, and have a page that is left hold no key: a browser may keep it to go back to.
 *
 * @param {Page} page
 * @param {() => void} forgetKey
 */
function keepPage({ reader }, forgetKey) {
  for (const name of ["dragover", "drop"]) document.addEventListener(name, (event) => event.preventDefault());
  addEventListener("pagehide", () => {
    forgetKey();
    reader.forget();
  });
}
