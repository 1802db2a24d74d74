// Checking a note that somebody pasted: the verdict, and the very words that the ring signed.

import { remark } from "../core/bad_input.js";
import { toShown } from "../verify/shown.js";
import { Refused } from "./client.js";
import { find, onClick } from "./dom.js";
import { toPrintable } from "./printable.js";

/**
 * @typedef {import("./page.js").Page} Page
 * @typedef {import("./read_note.js").Proved} Proved
 */

/** @param {Page} page */
export function startVerify({ voice, reader }) {
  const refused = find("verify-refused", HTMLElement);

  /** @param {Proved} proved */
  const show = ({ verdict, words, tags }) => {
    const { ringSize: size, keyImage: image, scope } = verdict;
    voice.say(find("verdict-says", HTMLElement), remark("verify_valid", { size }));
    voice.say(find("verdict-binds", HTMLElement), remark(verdict.binding === "event" ? "verify_whole" : "verify_message"));
    const links = scope === null ? "verify_linkable_everywhere" : "verify_linkable";
    voice.say(find("verdict-links", HTMLElement), image ? remark(links, { image, scope: toPrintable(scope ?? "") }) : null);
    find("verdict-words", HTMLElement).textContent = toShown(words);
    find("verdict-tagged", HTMLElement).hidden = tags.length === 0;
    find("verdict-tags", HTMLElement).replaceChildren(...tags.map((tag) => listItem(JSON.stringify(tag))));
    find("verdict-keys", HTMLElement).replaceChildren(...verdict.ring.map(listItem));
    find("verdict", HTMLElement).hidden = false;
  };

  const field = find("verify", HTMLTextAreaElement);
  let asked = 0;
  // What is said is of what stands in the field: an answer about another text than that is none.
  const clear = () => {
    asked += 1;
    voice.say(refused, null);
    find("verdict", HTMLElement).hidden = true;
    return asked;
  };
  field.addEventListener("input", clear);

  onClick("verify-go", async () => {
    const mine = clear();
    try {
      const found = await reader.ask("verify", { text: field.value });
      if (mine !== asked) return;
      if ("verdict" in found) show(found);
      else voice.say(refused, remark("verify_invalid", { reason: toPrintable(found.reason) }));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (mine !== asked) return;
      voice.say(refused, error.remark);
      if (error.remark.text === "holds_secret") field.value = "";
    }
  });
}

/** @param {string} text */
function listItem(text) {
  const item = document.createElement("li");
  item.textContent = toShown(text);
  return item;
}
