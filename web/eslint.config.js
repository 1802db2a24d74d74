// What a page of this relay must never do is an error here: text becomes text and never markup, and nothing navigates.

const never = (selector, message) => ({ selector, message });

const MARKUP = ["innerHTML", "outerHTML", "insertAdjacentHTML", "write", "writeln", "createContextualFragment", "srcdoc"];
const NAVIGATION = ["assign", "replace", "reload", "pushState", "replaceState", "open", "submit", "requestSubmit"];

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
        ...MARKUP.map((name) => never(`MemberExpression[property.name="${name}"]`, "use textContent and <template>")),
        never(`MemberExpression[object.name=/^(location|history|window|document)$/][property.name=/^(${NAVIGATION.join("|")})$/]`,
              "a page of this relay never navigates by script"),
        never('AssignmentExpression[left.type="Identifier"][left.name="location"]', "a page never navigates by script"),
        never('AssignmentExpression[left.type="MemberExpression"][left.property.name=/^(location|href|action|formAction)$/]',
              "a page never navigates by script; links are in its template"),
        never('CallExpression[callee.name="open"]', "a page never navigates by script"),
      ],
    },
  },
];
