// The page for posting: the note goes by WebSocket, padded, and only the note. All words are the relay's, in the page.
//
// Where that fails, the button sends the form as it does without this script.

import { holdsSecretKey, measure, pad, readMessage } from "./message.js";
import { send } from "./send.js";

const ANSWER_TIMEOUT_MS = 45_000;

const form = /** @type {HTMLFormElement} */ (document.getElementById("post"));
const field = /** @type {HTMLTextAreaElement} */ (document.getElementById("note"));
const button = /** @type {HTMLButtonElement} */ (document.getElementById("send"));
const outcome = /** @type {HTMLElement} */ (document.getElementById("outcome"));
const words = /** @type {HTMLElement} */ (document.getElementById("texts")).dataset;
let sendsForm = false;

/**
 * Show what became of the note: a sentence, the relay's own words, and a link to a page of this relay.
 *
 * @param {string | undefined} sentence
 * @param {string} [reason]
 * @param {{ path: string, words: string | undefined }} [link]
 */
function show(sentence, reason = "", link = undefined) {
  const parts = [makeElement("p", sentence ?? "")];
  if (reason) {
    const quoted = makeElement("code", reason);
    // A relay answers in English, whatever the page's language.
    quoted.lang = "en";
    parts.push(wrap("p", quoted));
  }
  if (link) {
    const anchor = makeElement("a", link.words ?? "");
    anchor.className = "button";
    // eslint-disable-next-line no-restricted-syntax -- a path of our own making, which the reader follows
    anchor.setAttribute("href", link.path);
    const actions = wrap("p", anchor);
    actions.className = "actions";
    parts.push(actions);
  }
  outcome.replaceChildren(...parts);
  outcome.hidden = false;
  document.getElementById("problem")?.remove();
}

/** @param {string} name @param {string} text */
function makeElement(name, text) {
  // eslint-disable-next-line no-restricted-syntax -- called with names that stand in this file
  const element = document.createElement(name);
  element.textContent = text;
  return element;
}

/** @param {string} name @param {HTMLElement} child */
function wrap(name, child) {
  // eslint-disable-next-line no-restricted-syntax -- called with names that stand in this file
  const element = document.createElement(name);
  element.append(child);
  return element;
}

/** @param {string} id @param {import("./send.js").Answer} answer */
function showAnswer(id, { isAccepted, text, payPath }) {
  button.disabled = false;
  const path = `/note/${encodeURIComponent(id)}`;
  if (payPath) show(words.pay, "", { path: payPath, words: words.payLink });
  else if (!isAccepted) show(words.refused, text);
  else if (text === "" || text.startsWith("duplicate:")) show(words.published, "", { path, words: words.open });
  else show(words.accepted, text, { path, words: words.later });
}

form.addEventListener("submit", (submission) => {
  const text = field.value;
  if (holdsSecretKey(text)) {
    // Nothing of it leaves this page, and nothing of it stays.
    submission.preventDefault();
    field.value = "";
    return show(words.key);
  }
  if (sendsForm) return;
  submission.preventDefault();
  const read = readMessage(text);
  if (read === null) return show(words.unreadable);
  const maxBytes = Number(form.dataset.maxBytes);
  if (measure(read.message) > maxBytes) return show(words.large);
  const path = String(new FormData(form).get("path") ?? "/");
  const url = `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}${path}`;
  button.disabled = true;
  show(words.sending);
  send(
    { url, id: read.id, message: pad(read.message, maxBytes), timeoutMs: ANSWER_TIMEOUT_MS },
    (answer) => showAnswer(read.id, answer),
    () => {
      sendsForm = true;
      button.disabled = false;
      show(words.failed);
    },
  );
});
