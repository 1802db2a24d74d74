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

/** Show the page, or why it works from a file only. */
export function startPage() {
  const voice = new Voice(chooseLanguage(navigator.languages));
  voice.switchTo(voice.language);
  if (location.protocol !== "file:") {
    voice.say(find("only-from-disk", HTMLElement), remark("only_from_disk", { protocol: location.protocol }));
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
  startKey(page, resetReview);
  keepPage(page);
  find("page", HTMLElement).hidden = false;
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
 * Keep a dropped file from replacing the page, and end the workers with the page.
 *
 * @param {Page} page
 */
function keepPage({ client, reader }) {
  for (const name of ["dragover", "drop"]) document.addEventListener(name, (event) => event.preventDefault());
  addEventListener("pagehide", () => {
    client.forget();
    reader.forget();
  });
}
