// The lists of keys in a text: form D of docs/ring-notes.md, step 2. A list begins and ends where its keys do, with what
// stands around them; nobody signed the names beside them, so they are short, and on one side.

import * as patterns from "./text_patterns.js";
import { findLabel, findPart } from "./text_labels.js";
import { WHITE_SPACE, clear } from "./text_ends.js";

/**
 * @typedef {object} Block a list of keys in a text
 * @property {number} start
 * @property {number} end
 * @property {string[]} keys
 * @property {(string | undefined)[]} places the number that stands before each key, if there is one
 * @property {boolean} isLabelled
 * @property {boolean} hasNamesOnBothSides
 */

/**
 * What stands between two keys of a list, or at one of its ends.
 *
 * @typedef {object} Joint
 * @property {boolean} hasRight whether a name stands behind the key before
 * @property {boolean} hasLeft whether a name stands before the key behind
 * @property {string} [place] the number before the key behind
 */

const LABEL_WINDOW = 200;
const NAME_WINDOW = 120;

/**
 * Return the lists of two keys and more, in their order.
 *
 * @param {string} text
 * @returns {Block[]}
 */
export function listBlocks(text) {
  /** @type {{ keys: Found[], joints: Joint[] }[]} */
  const lists = [];
  for (const found of text.matchAll(patterns.key)) {
    const next = { start: found.index, end: found.index + found[0].length };
    const list = lists.at(-1);
    const joint = list && readJoint(text.slice(list.keys[list.keys.length - 1].end, next.start));
    if (joint) {
      list.joints.push(joint);
      list.keys.push(next);
    } else lists.push({ keys: [next], joints: [] });
  }
  return lists.filter(({ joints }) => joints.length > 0).map(({ keys, joints }) => buildBlock(text, keys, joints));
}

/**
 * @param {Block} block
 * @returns {boolean} whether each number before a key is its place in the list: any other could say something
 */
export function isCounted({ places }) {
  return places.every((place, before) => place === undefined || place === String(before + 1));
}

/** @typedef {import("./text_ends.js").Span} Found */

/**
 * Read a pattern at a place of a text.
 *
 * @param {RegExp} pattern
 * @param {string} text
 * @param {number} start
 * @returns {RegExpExecArray | null}
 */
function readAt(pattern, text, start) {
  pattern.lastIndex = start;
  return pattern.exec(text);
}

/**
 * Return where a match ends, or where it would begin if there is none.
 *
 * @param {RegExpExecArray | null} match
 * @param {number} start
 * @returns {number}
 */
function endOf(match, start) {
  return match ? match.index + match[0].length : start;
}

/**
 * Read the text between two keys.
 *
 * @param {string} text
 * @returns {Joint | undefined} undefined where it does not join them
 */
function readJoint(text) {
  let end = endOf(readAt(patterns.close, text, 0), 0);
  const right = readAt(patterns.right, text, end);
  end = endOf(right, end);
  const broken = readAt(patterns.breaking, text, end);
  if (right && !broken) return undefined;
  end = broken ? endOf(broken, end) : endOf(readAt(patterns.space, text, end), end);
  const mark = end > 0 && WHITE_SPACE.includes(text[end - 1]) ? readAt(patterns.mark, text, end) : null;
  end = endOf(mark, end);
  const left = broken ? refuseLabel(readAt(patterns.left, text, end)) : null;
  end = endOf(left, end);
  if (endOf(readAt(patterns.open, text, end), end) < text.length) return undefined;
  return { hasRight: right !== null, hasLeft: left !== null, place: mark?.groups?.place };
}

/**
 * Return a match of LEFT, null where its name is a label's: that begins another part of the text.
 *
 * @param {RegExpExecArray | null} match
 * @returns {RegExpExecArray | null}
 */
function refuseLabel(match) {
  return match && findPart(match.groups?.name ?? match.groups?.link ?? "") ? null : match;
}

/**
 * @param {string} text
 * @param {Found[]} keys
 * @param {Joint[]} joints
 * @returns {Block}
 */
function buildBlock(text, keys, joints) {
  const first = findStart(text, keys[0].start, joints[0].hasLeft);
  const last = findEnd(text, keys[keys.length - 1].end, joints[joints.length - 1].hasRight);
  const all = [first, ...joints, last];
  return {
    start: first.at,
    end: last.at,
    keys: keys.map(({ start, end }) => text.slice(start, end).replace("nostr:", "")),
    places: [first.place, ...joints.map(({ place }) => place)],
    isLabelled: isLabelled(text, first.at),
    hasNamesOnBothSides: all.some(({ hasLeft }) => hasLeft) && all.some(({ hasRight }) => hasRight),
  };
}

/**
 * Return where a list begins whose first key begins at `start`.
 *
 * @param {string} text
 * @param {number} start
 * @param {boolean} isNamed whether the second key has a name before it
 * @returns {Joint & { at: number }}
 */
function findStart(text, start, isNamed) {
  const end = findOpen(text, start);
  // Everything that a name or a mark can be has one code unit a character.
  const from = Math.max(text.lastIndexOf("\n", end - 1) + 1, end - NAME_WINDOW);
  const line = text.slice(0, end);
  const named = refuseLabel(readAt(patterns.nameAtEnd, line, from));
  const isBroken = named?.groups?.link !== undefined && text[end] !== "(";
  if (named && !isBroken && (isNamed || isLabelled(text, named.index))) {
    return { at: named.index, hasLeft: true, hasRight: false, place: named.groups?.place };
  }
  const mark = readAt(patterns.markAtEnd, line, from);
  return { at: mark?.index ?? end, hasLeft: false, hasRight: false, place: mark?.groups?.place };
}

/**
 * Return where the longest OPEN begins that ends at a place. Read backwards, so that it takes time in its own length.
 *
 * @param {string} text
 * @param {number} end
 * @returns {number}
 */
function findOpen(text, end) {
  if (text[end - 1] === "@") end -= 1;
  end -= patterns.QUOTES_BEFORE.find((sign) => text.endsWith(sign, end))?.length ?? 0;
  let bracket = end;
  while (bracket > 0 && WHITE_SPACE.includes(text[bracket - 1])) bracket -= 1;
  return bracket > 0 && patterns.OPENING.includes(text[bracket - 1]) ? bracket - 1 : end;
}

/**
 * Return where a list ends whose last key ends at a place.
 *
 * @param {string} text
 * @param {number} start
 * @param {boolean} isNamed whether the last key but one has a name behind it
 * @returns {Joint & { at: number }}
 */
function findEnd(text, start, isNamed) {
  const end = endOf(readAt(patterns.close, text, start), start);
  const right = readAt(patterns.right, text, end);
  const hasRight = right !== null && (isNamed || Boolean(right.groups?.bracket ?? right.groups?.sign));
  const at = hasRight ? endOf(right, end) : end;
  return { at: ",;.".includes(text[at] ?? " ") ? at + 1 : at, hasLeft: false, hasRight };
}

/**
 * @param {string} text
 * @param {number} end
 * @returns {boolean} whether what is before a place ends with a label of the members
 */
function isLabelled(text, end) {
  const window = [...text.slice(Math.max(0, end - 2 * LABEL_WINDOW), end)].slice(-LABEL_WINDOW).join("");
  return findLabel(clear(window).split("\n").at(-1) ?? "") === "members";
}
