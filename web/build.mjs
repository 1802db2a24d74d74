// Build what the relay serves: `node build.mjs` writes it, `node build.mjs --check` fails where what is committed differs.
//
// The same sources and lock file give the same bytes in any folder, so that anybody can check what they run.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const TARGET = join(HERE, "..", "relay", "pages", "static");
const VERSION = /^version = "([^"]+)"$/m.exec(readFileSync(join(HERE, "..", "pyproject.toml"), "utf8"))[1];

// Scripts that pages load: the name of each file, and its source.
const SCRIPTS = {
  "post.js": "post/post.js",
  "report.js": "report/report.js",
  "verify.js": "verify/page.js",
  "verify-note.js": "verify/note.js",
  "verify-worker.js": "verify/worker.js",
};

// Files that pages load as they come in packages.
const COPIES = {
  "secp256k1.wasm": "node_modules/tiny-secp256k1/lib/secp256k1.wasm",
};

// Packages that are part of what is built. Their licences ask that their notices go with every copy.
const PACKAGES = ["@noble/ciphers", "@noble/curves", "@noble/hashes", "@scure/base", "qr", "tiny-secp256k1"];
const NOTICES = PACKAGES.map(readNotice).join("\n");

function readNotice(name) {
  const folder = join(HERE, "node_modules", name);
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  // qr may be taken under either of two.
  const file = ["LICENSE-MIT", "LICENSE"].find((name) => existsSync(join(folder, name)));
  return `${name} ${version}\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
}

// Whole pages in one file, which run from disk: the name of each, its template, its script, its style.
const FILES = {
  ...Object.fromEntries(listLanguages().map((language) => [`evidence.${language}.html`, describeEvidence(language)])),
  [`sign-${VERSION}.html`]: { template: "sign/sign.html", script: "sign/main.js", style: "sign/sign.css" },
};

/** The languages that `python -m tests.references.write` wrote the evidence file's page in. */
function listLanguages() {
  return readdirSync(join(HERE, "evidence")).flatMap((name) => /^page\.([a-z]+)\.html$/.exec(name)?.[1] ?? []).sort();
}

function describeEvidence(language) {
  return { template: `evidence/page.${language}.html`, script: "evidence/evidence.js", style: "evidence/evidence.css" };
}

/** Bundle one script. esbuild is told where it is, since paths of sources are in what it orders by. */
async function bundle(source) {
  const { outputFiles } = await build({
    absWorkingDir: HERE,
    entryPoints: [source],
    bundle: true,
    charset: "utf8",
    define: { VERSION: JSON.stringify(VERSION) },
    format: "iife",
    legalComments: "none",
    minify: true,
    target: ["chrome109", "firefox115"],
    write: false,
  });
  return outputFiles[0].text;
}

/** Put script and style into a page, with a policy that allows just them (CSP, section 2.3.1). */
async function assemble({ template, script, style }) {
  const text = readFileSync(join(HERE, template), "utf8");
  const parts = { SCRIPT: await bundle(script), STYLE: readFileSync(join(HERE, style), "utf8"), VERSION };
  for (const name of ["SCRIPT", "STYLE"]) {
    const hash = createHash("sha256").update(parts[name]).digest("base64");
    const place = `${name}_HASH`;
    parts[place] = `'sha256-${hash}'`;
  }
  const page = text.replace(/\{\{([A-Z_]+)\}\}/g, (_, name) => parts[name]);
  return `${page}<!--\n${NOTICES}-->\n`;
}

const built = {};
for (const [name, source] of Object.entries(SCRIPTS)) built[name] = Buffer.from(await bundle(source));
for (const [name, parts] of Object.entries(FILES)) built[name] = Buffer.from(await assemble(parts));
built["notices.txt"] = Buffer.from(NOTICES);
for (const [name, source] of Object.entries(COPIES)) built[name] = readFileSync(join(HERE, source));

const isCheck = process.argv.includes("--check");
mkdirSync(TARGET, { recursive: true });
for (const [name, bytes] of Object.entries(built)) {
  const path = join(TARGET, name);
  if (!isCheck) {
    writeFileSync(path, bytes);
  } else if (!readFileSync(path).equals(bytes)) {
    console.error(`${relative(process.cwd(), path)} is not what its sources give; run "make web" and commit what it writes`);
    process.exitCode = 1;
  }
}
