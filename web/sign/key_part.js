// The secret key: from its field to the worker, and out of the page at once.

import { remark } from "../core/bad_input.js";
import { Refused } from "./client.js";
import { find, onClick } from "./dom.js";

/** @typedef {import("./page.js").Page} Page */

/**
 * @param {Page} page
 * @param {() => void} onChange called when the key is another
 * @returns {() => void} what forgets the key, typed or held
 */
export function startKey({ voice, client }, onChange) {
  const status = find("key-status", HTMLElement);
  const refused = find("key-refused", HTMLElement);
  /** @param {"ask" | "passphrase" | "held"} step */
  const showStep = (step) => {
    find("key-ask", HTMLElement).hidden = step !== "ask";
    find("passphrase-ask", HTMLElement).hidden = step !== "passphrase";
    find("key-forget", HTMLElement).hidden = step === "ask";
  };

  let isBusy = false;
  /** @param {() => Promise<void>} act */
  const attempt = async (act) => {
    // A second click would find the field empty.
    if (isBusy) return;
    isBusy = true;
    voice.say(refused, null);
    voice.say(status, null);
    try {
      await act();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      voice.say(status, null);
      voice.say(refused, error.remark);
    } finally {
      isBusy = false;
    }
  };

  /** @param {string} npub */
  const hold = (npub) => {
    showStep("held");
    voice.say(status, remark("key_held", { npub }));
    onChange();
    find("key-forget", HTMLElement).focus();
  };

  onClick("key-use", () => attempt(async () => {
    const found = await client.ask("useKey", { text: take("key") });
    if ("npub" in found) {
      hold(found.npub);
      return;
    }
    voice.say(find("passphrase-about", HTMLElement), remark("key_asks", { memory: found.memory }));
    showStep("passphrase");
    find("passphrase", HTMLInputElement).focus();
  }));

  onClick("key-open", () => attempt(async () => {
    voice.say(status, remark("key_opening", { percent: 0 }));
    const { npub } = await client.ask("openKey", { passphrase: take("passphrase") }, (said) => voice.say(status, said));
    hold(npub);
  }));

  const forget = () => {
    client.forget();
    take("key");
    take("passphrase");
    showStep("ask");
    voice.say(refused, null);
    voice.say(status, remark("key_forgotten"));
    onChange();
  };
  onClick("key-forget", () => {
    forget();
    find("key", HTMLInputElement).focus();
  });
  onClick("stop", forget);
  pressOnEnter("key", "key-use");
  pressOnEnter("passphrase", "key-open");
  return forget;
}

/**
 * Return what a field holds, and empty it at once.
 *
 * @param {string} id
 */
function take(id) {
  const field = find(id, HTMLInputElement);
  const text = field.value;
  field.value = "";
  return text;
}

/**
 * @param {string} field
 * @param {string} button
 */
function pressOnEnter(field, button) {
  find(field, HTMLInputElement).addEventListener("keydown", (event) => {
    // eslint-disable-next-line no-restricted-syntax -- a button of this page
    if (event.key === "Enter") find(button, HTMLButtonElement).click();
  });
}
