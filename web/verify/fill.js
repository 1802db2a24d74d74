// Templates of pages, filled with a verdict. What comes from a note becomes text, and never markup.

const NAME = /\{([a-zA-Z]+)\}/g;

/**
 * Return what a <template> has for a verdict. Elements with data-if stay where all its words are among the flags, and those with
 * data-unless where none is. A {name} in the template's own texts becomes that value, and data-value is a whole element's text.
 *
 * @param {HTMLTemplateElement} template
 * @param {Set<string>} flags
 * @param {Record<string, string>} values
 * @returns {DocumentFragment}
 */
export function fill(template, flags, values) {
  const filled = document.importNode(template.content, true);
  const has = (/** @type {string} */ flag) => flags.has(flag);
  for (const element of selectAll(filled, "[data-if]")) {
    if (!words(element.dataset.if).every(has)) element.remove();
  }
  for (const element of selectAll(filled, "[data-unless]")) {
    if (words(element.dataset.unless).some(has)) element.remove();
  }
  // First the template's texts, as a value can have anything in it, {names} too.
  const texts = document.createTreeWalker(filled, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = /** @type {Text} */ (texts.currentNode);
    text.data = text.data.replace(NAME, (whole, name) => (name in values ? values[name] : whole));
  }
  for (const element of selectAll(filled, "[data-value]")) {
    element.textContent = values[element.dataset.value ?? ""] ?? "";
  }
  return filled;
}

/**
 * @param {ParentNode} parent
 * @param {string} selector
 * @returns {HTMLElement[]}
 */
function selectAll(parent, selector) {
  return [...parent.querySelectorAll(selector)].filter((element) => element instanceof HTMLElement);
}

/**
 * @param {string | undefined} text
 * @returns {string[]}
 */
function words(text) {
  return (text ?? "").split(" ");
}
