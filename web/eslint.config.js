// What a page of this relay must never do is an error here: text becomes text and never markup, and nothing navigates.
//
// A name that is put together at run time is out of a linter's sight. Trusted Types and the pages' policies stand behind it.

import { DOERS, MARKUP, NAVIGATION, PARTS } from "./lint_names.js";

const TEXT = "use textContent and <template>";
const STAY = "a page never navigates by script; links are in its template";
const PLAIN = "name it as it is: a linter must see it";

const never = (selector, message) => ({ selector, message });
const oneOf = (names) => `/^(${names.join("|")})$/`;
/** A property of one of these names, written as a word or as a string. */
const property = (names, within = "") => ["name", "value"].map((as) => `[${within}property.${as}=${oneOf(names)}]`);
const members = (names, message) => property(names).map((found) => never(`MemberExpression${found}`, message));
const calls = (names, message) => property(names, "callee.").map((found) => never(`CallExpression${found}`, message));
const writes = (names, message) => property(names, "left.").map((found) => never(`AssignmentExpression${found}`, message));

/** What may be read of `location`: it says where a page comes from. */
const isOrigin = "[property.name=/^(protocol|host)$/]";

export default [
  { ignores: ["node_modules/"] },
  {
    languageOptions: { ecmaVersion: 2023, sourceType: "module" },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      eqeqeq: "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-unused-vars": "error",
      "no-var": "error",
      "prefer-const": "error",
      "no-restricted-syntax": [
        "error",
        ...members(MARKUP, TEXT),
        ...calls(NAVIGATION, STAY),
        ...writes(["location", "href", "src", "srcset", "action", "formAction"], STAY),
        ...members(["location"], "read location itself, and its protocol and host only"),
        never(`MemberExpression[object.name="location"]:not(${isOrigin})`, STAY),
        never('AssignmentExpression[left.name="location"]', STAY),
        never('CallExpression[callee.name="open"]', STAY),
        never(`VariableDeclarator[id.type="ObjectPattern"][init.name=${oneOf(PARTS)}]`, PLAIN),
        never('VariableDeclarator[init.name="location"]', STAY),
        ...calls(["setAttribute"], TEXT).map(({ selector, message }) =>
          never(`${selector}:not([arguments.0.value=/^(aria|data)-/])`, message)),
        ...calls(["createElement"], TEXT).map(({ selector }) =>
          never(`${selector}:not([arguments.0.value=/^(li|span|code|p)$/])`, "make what a text stands in, and nothing that loads or leads")),
        ...calls(DOERS, TEXT),
        never('MemberExpression[computed=true][property.type="TemplateLiteral"]', PLAIN),
        // Of numbers a sum is a place, and one of the two is mostly written as a number.
        never('MemberExpression[computed=true][property.operator="+"]:not([property.right.raw=/^[0-9]/])', PLAIN),
        never("CallExpression[callee.name=/^set(Timeout|Interval)$/][arguments.0.type=/Literal|BinaryExpression/]", "give a function"),
        never("ImportExpression", "a page loads no script by itself"),
        never("NewExpression[callee.name=/^(DOMParser|XSLTProcessor|MouseEvent|PointerEvent|SubmitEvent)$/]", TEXT),
        never('MemberExpression[object.name="Reflect"]', PLAIN),
      ],
    },
  },
];
