// The names of what makes markup of text, and of what navigates, for eslint.config.js.

export const MARKUP = [
  "innerHTML", "outerHTML", "insertAdjacentHTML", "write", "writeln", "createContextualFragment", "srcdoc", "setHTML",
  "setHTMLUnsafe", "parseHTMLUnsafe", "parseFromString", "execCommand",
];
// As methods of any object: `assign` is location's, and copies properties with Object.
export const NAVIGATION = [
  "assign", "reload", "pushState", "replaceState", "back", "forward", "go", "navigate", "open", "submit", "requestSubmit", "click",
];
// What sets attributes or makes elements in other ways.
export const DOERS = [
  "setAttributeNS", "setAttributeNode", "setAttributeNodeNS", "toggleAttribute", "createElementNS", "createAttribute",
];
// What has the page in it.
export const PARTS = ["window", "globalThis", "self", "top", "parent", "document", "location", "history", "navigation"];
