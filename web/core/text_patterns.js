// The patterns of a list of keys in form D, under the names that they have in docs/ring-notes.md, step 2.

import { NPROFILE, NPUB } from "./keys.js";

const WS = "[ \\t\\r\\n]*";
const AND = "(?:and|or|und|oder|et|ou|y|e|o|en|of|i|lub|и|или|&|\\+)(?=[ \\t\\r\\n])";
const COMMA = "[,;|、，；]";
const L =
  "A-Za-zÀ-ÖØ-öø-\\u024f\\u0386\\u0388-\\u03ff\\u0400-\\u0481\\u048a-\\u052f\\u05d0-\\u05ea\\u0620-\\u064a\\u1e00-\\u1eff";
const K = "\\u3041-\\u3096\\u30a1-\\u30fa\\u30fc\\u4e00-\\u9fff\\uac00-\\ud7a3";
const TAIL = "0-9_'’-";
const END = `(?![.${L}${K}${TAIL}])`;
const NO =
  "(?:[Nn](?:o|on|ot|ever|icht|ie|iemals|unca|ão|iet|ooit|igdy)|[Kk]eine?|[Pp]as|[Jj]amais|[Mm]ai|[Ww]ithout|[Oo]hne" +
  "|[Ss]ans|[Ss]in|[Ss]em|[Ss]enza|[Zz]onder|[Bb]ez|не|Не|без|Без|不|没|非|無)";
const WORD = `(?!${AND})(?!${NO}${END})(?:[${K}]{1,8}|[${L}][${L}${TAIL}]{0,15}\\.?)${END}`;
const NUMBER = `[0-9]{1,4}${END}`;
const SECOND = `(?:(?![a-zß-öø-ÿ\\u03ac-\\u03ce\\u0430-\\u045f])${WORD}|${NUMBER})`;
const NAME = `${WORD}(?: ${SECOND})?(?: ${NUMBER})?`;
const SIGN = "[ \\t]*[:=#–—-][ \\t]+";
const B = "(?:\\*\\*|__|[\"'])?";
const MARK = "(?:[*+][ \\t]+|[-–—•‣▪·>][ \\t]*|\\(?(?<place>[0-9]{1,4})[.):][ \\t]*)";
const LEFT = `(?:${B}@?(?<name>${NAME}):?${B}(?:${SIGN}|[ \\t]+)|\\[@?(?<link>${NAME})\\](?=\\())`;
const Q = "(?:[\"'`«»‘’“”„]|\\*\\*|__)?";

/**
 * A pattern to be read at a place: it takes the longest match that it has there.
 *
 * @param {string} pattern
 * @returns {RegExp}
 */
function reading(pattern) {
  return new RegExp(pattern, "uy");
}

export const key = new RegExp(
  `(?<![0-9A-Za-z])(?:(?:0[23])?[0-9a-f]{64}|(?:nostr:)?(?:${NPUB}|${NPROFILE}))(?![0-9A-Za-z])`,
  "g",
);
export const space = reading(WS);
export const open = reading(`(?:[\\[({<]${WS})?${Q}@?`);
export const close = reading(`${Q}(?:${WS}[\\])}>])?`);
export const mark = reading(MARK);
export const left = reading(LEFT);
export const right = reading(
  `[ \\t]*(?<bracket>\\()[ \\t]*@?${NAME}[ \\t]*\\)` +
    `|(?:(?<sign>${SIGN})|[ \\t]+)@?${NAME}(?=[ \\t\\r]*(?:${COMMA}|\\n|${AND}|$))`,
);
export const breaking = reading(
  `[ \\t\\r]*${COMMA}${WS}(?:${AND}${WS})?|[ \\t\\r]+${AND}${WS}|[ \\t\\r]*\\n${WS}(?:${AND}${WS})?`,
);
// The end of a text that is cut off where OPEN begins. The bracket of a link is no longer there.
export const markAtEnd = new RegExp(`(?<![^ \\t\\r\\n])${MARK}$`, "gu");
export const nameAtEnd = new RegExp(
  `(?:(?<![^\\n])[ \\t]*(?:${MARK})?|(?<=[:：])[ \\t]*)${LEFT.replace("(?=\\()", "")}$`,
  "gu",
);
export const OPENING = "[({<";
export const QUOTES_BEFORE = ["**", "__", ..."\"'`«»‘’“”„"];
