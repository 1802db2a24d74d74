// What is signed and how: which fields there are for it, and what they hold.

import { find, read } from "./dom.js";

/**
 * @typedef {import("./worker.js").Fields} Fields
 */

const REACTION_WORDS = "+";

/** Show the fields of what is chosen. */
export function startWords() {
  const what = find("what", HTMLSelectElement);
  const scheme = find("scheme", HTMLSelectElement);
  const show = () => {
    for (const part of document.querySelectorAll("[data-for]")) {
      const isFor = (part.getAttribute("data-for") ?? "").split(" ").includes(what.value);
      /** @type {HTMLElement} */ (part).hidden = !isFor;
    }
    find("scope-ask", HTMLElement).hidden = scheme.value === "sag";
  };
  what.addEventListener("change", () => {
    const words = find("words", HTMLTextAreaElement);
    if (what.value === "reaction" && !words.value) words.value = REACTION_WORDS;
    show();
  });
  scheme.addEventListener("change", show);
  show();
}

/**
 * Return what stands in the fields.
 *
 * @returns {Fields}
 */
export function readFields() {
  const what = /** @type {Fields["what"]} */ (read("what"));
  return {
    what,
    ringText: read("ring"),
    words: read("words"),
    title: read("title"),
    target: read("target"),
    options: read("options"),
    names: read("names"),
    scheme: /** @type {Fields["scheme"]} */ (read("scheme")),
    scope: read("scope"),
    // Another form than the usual is for notes only, and its field is hidden where something else is signed.
    form: what === "note" ? /** @type {Fields["form"]} */ (read("form")) : "bound",
    isOpen: find("open", HTMLInputElement).checked,
    bits: read("bits"),
    isForced: find("force", HTMLInputElement).checked,
  };
}
