// Looking a note over, and signing it. What was changed since is looked over again before it can be signed.

import { remark } from "../core/bad_input.js";
import { Refused } from "./client.js";
import { find, onClick } from "./dom.js";
import { readFields } from "./words_part.js";

/**
 * @typedef {import("./page.js").Page} Page
 * @typedef {import("../core/bad_input.js").Remark} Remark
 * @typedef {{ refusals: Remark[], warnings: Remark[] }} Found
 */

const MENTIONS = ["names_own_key", "names_you"];

/**
 * Return what is to be called when the key is another.
 *
 * @param {Page} page
 * @param {(json: string, createdAt: number, warnings: Remark[]) => void} showResult
 */
export function startReview({ voice, client }, showResult) {
  const working = find("working-status", HTMLElement);

  /** @param {Found} found */
  const show = ({ refusals, warnings }) => {
    find("refusals", HTMLElement).hidden = refusals.length === 0;
    voice.list(find("refusal-list", HTMLElement), refusals);
    find("warnings", HTMLElement).hidden = refusals.length > 0;
    voice.say(find("warned", HTMLElement), remark(warnings.length ? "review_warned" : "review_clear"));
    voice.list(find("warning-list", HTMLElement), warnings);
    find("sign", HTMLElement).hidden = refusals.length > 0;
    voice.say(find("sign", HTMLElement), remark(warnings.length ? "sign_anyway" : "sign_button"));
    const canForce = refusals.some(({ text }) => MENTIONS.includes(text));
    find("force-ask", HTMLElement).hidden = !canForce && !find("force", HTMLInputElement).checked;
  };
  let changes = 0;
  const hide = () => {
    changes += 1;
    for (const id of ["refusals", "warnings", "sign"]) find(id, HTMLElement).hidden = true;
  };

  /**
   * Do one thing with the key, with no second one beside it.
   *
   * @param {() => Promise<void>} act
   */
  const work = async (act) => {
    const busy = [find("review", HTMLButtonElement), find("sign", HTMLButtonElement)];
    for (const button of busy) button.disabled = true;
    find("working", HTMLElement).hidden = false;
    voice.say(working, remark("working"));
    try {
      await act();
      voice.say(working, null);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      voice.say(working, null);
      show({ refusals: [error.remark], warnings: [] });
    } finally {
      for (const button of busy) button.disabled = false;
      find("working", HTMLElement).hidden = true;
    }
  };

  onClick("review", () => work(async () => {
    const before = changes;
    const found = await client.ask("review", readFields());
    // What was changed meanwhile was not looked over.
    if (before === changes) show(found);
  }));
  onClick("sign", () => work(async () => {
    const { json, createdAt, warnings } = await client.ask("sign", readFields(), (said) => voice.say(working, said));
    showResult(json, createdAt, warnings);
  }));
  for (const id of ["ring-heading", "words-heading", "how-heading"]) {
    for (const name of ["input", "change"]) find(id, HTMLElement).parentElement?.addEventListener(name, hide);
  }
  find("force", HTMLInputElement).addEventListener("change", hide);
  return hide;
}
