// A browser that does as it is told: `node drive.mjs SETTINGS` reads commands on stdin, a line of JSON each, and answers each on
// stdout with a line. The commands are the functions below; tests/support/browsers.py gives them their Python names.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { start } from "./start.mjs";

const NAVIGATION_MS = 30_000;
// What puppeteer says where a page went away under it.
const NAVIGATED = /context was destroyed|no such frame|detached Frame|Cannot find context|DiscardedBrowsingContext|AbortError/i;
// Firefox wants an icon of its own accord, and complains where the page's policy has none.
const OWN_WISH = /^Content-Security-Policy: .* blocked the loading of a resource \(img-src\) at \S+\/favicon\.ico /;
// An answer with a status of 400 or more is no fault of the page's.
const REFUSED_BY_SERVER = /^Failed to load resource: the server responded with a status of/;

const settings = JSON.parse(process.argv[2]);
const { browser, strays } = await start(settings);
const pages = new Map();

/** Makes a list of all that a page asks for and complains of. Nothing of it is ever forgotten. */
async function watch(page) {
  const seen = { page, requests: [], faults: [], dialogs: [] };
  // What an address holds itself is asked of nobody.
  page.on("request", (request) => request.url().startsWith("data:") || seen.requests.push(request.url()));
  page.on("pageerror", (error) => {
    const text = error.message ?? String(error);
    if (!OWN_WISH.test(text)) seen.faults.push(`thrown: ${text}`);
  });
  page.on("popup", () => seen.faults.push("the page opened another"));
  page.on("dialog", async (dialog) => {
    seen.dialogs.push(`${dialog.type()}: ${dialog.message()}`);
    await dialog.dismiss();
  });
  page.on("console", (message) => {
    if (["error", "warn", "assert"].includes(message.type()) && !REFUSED_BY_SERVER.test(message.text())) {
      seen.faults.push(`console: ${message.text()}`);
    }
  });
  if (settings.name === "chromium") {
    const session = await page.createCDPSession();
    session.on("Audits.issueAdded", ({ issue }) => seen.faults.push(`issue: ${JSON.stringify(issue)}`));
    await session.send("Audits.enable");
    if (!settings.script) await page.setJavaScriptEnabled(false);
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: settings.dark ? "dark" : "light" }]);
  }
  return seen;
}

async function find(page, selector) {
  const element = await page.$(selector);
  if (element === null) throw new Error(`no element ${selector} on ${page.url()}`);
  return element;
}

/** Clicks on the middle of an element. puppeteer's own click waits for an event that a page without script never gets. */
async function click(page, selector) {
  const [x, y, isOnTop] = await (await find(page, selector)).evaluate((element) => {
    element.scrollIntoView({ block: "center", behavior: "instant" });
    // A link in a text can have several boxes, and its middle can be beside all of them.
    const box = element.getClientRects()[0];
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const top = document.elementFromPoint(x, y);
    return [x, y, top !== null && (element.contains(top) || top.contains(element))];
  });
  if (!isOnTop) throw new Error(`something lies over ${selector} on ${page.url()}`);
  await page.mouse.click(x, y);
}

const commands = {
  async openPage({ id, width, height }) {
    const page = await browser.newPage();
    page.setDefaultTimeout(NAVIGATION_MS);
    await page.setViewport({ width, height });
    pages.set(id, await watch(page));
  },
  async closePage({ seen, id }) {
    pages.delete(id);
    await seen.page.close();
  },
  async resize({ seen, width, height }) {
    await seen.page.setViewport({ width, height });
  },
  /** Opens an address and returns the status of its answer, 0 for a file. */
  async open({ seen, url }) {
    const response = await seen.page.goto(url, { waitUntil: "load" });
    return url.startsWith("file:") ? 0 : (response?.status() ?? 0);
  },
  /** Returns what a function of the page's own world gives. It is no script of the page: neither its policy nor script off holds for it. */
  async evaluate({ seen, code, given }) {
    const called = new Function(`return (${code})`)();
    try {
      return await seen.page.evaluate(called, ...given);
    } catch (error) {
      if (!NAVIGATED.test(error.message)) throw error;
      await seen.page.waitForSelector("body");
      return await seen.page.evaluate(called, ...given);
    }
  },
  async click({ seen, selector }) {
    await click(seen.page, selector);
  },
  /** Clicks a link or a button that leads to another page of this tab, and waits for that page. */
  async follow({ seen, selector }) {
    const [response] = await Promise.all([seen.page.waitForNavigation({ waitUntil: "load" }), click(seen.page, selector)]);
    return response?.status() ?? 0;
  },
  /** Types as a person does, in place of what was there. */
  async fill({ seen, selector, text }) {
    const element = await find(seen.page, selector);
    await element.evaluate((field) => {
      field.focus();
      field.select?.();
    });
    await seen.page.keyboard.press("Delete");
    await element.type(text);
  },
  /** Puts a text into a field as a paste does: at once. */
  async paste({ seen, selector, text }) {
    await (await find(seen.page, selector)).evaluate((field, pasted) => {
      field.focus();
      field.value = pasted;
      field.dispatchEvent(new InputEvent("input", { bubbles: true, inputType: "insertFromPaste", data: pasted }));
      field.dispatchEvent(new Event("change", { bubbles: true }));
    }, text);
  },
  async press({ seen, key }) {
    await seen.page.keyboard.press(key);
  },
  async attach({ seen, selector, paths }) {
    await (await find(seen.page, selector)).uploadFile(...paths);
  },
  async takePicture({ seen, path, whole }) {
    await seen.page.screenshot({ path, fullPage: whole });
  },
  /** Runs the file's default function, `async (page, given) => result`, with puppeteer's page. */
  async run({ seen, path, given }) {
    return await (await import(path)).default(seen.page, given);
  },
  /** Returns what axe-core finds wrong on the page: under the rules with these tags ("tag"), or under these rules ("rule"). */
  async audit({ seen, type, values }) {
    await seen.page.evaluate(readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8"));
    const found = await seen.page.evaluate(
      async (runOnly) => await globalThis.axe.run(document, { runOnly, resultTypes: ["violations"] }),
      { type, values },
    );
    return found.violations.map(({ id, help, nodes }) => ({
      rule: id,
      help,
      nodes: nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)}: ${failureSummary}`),
    }));
  },
  async report({ seen }) {
    const { requests, faults, dialogs } = seen;
    return { requests, faults, dialogs };
  },
  async listStrays() {
    return strays;
  },
  async describe() {
    return await browser.version();
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...given } = JSON.parse(line);
  let answer;
  try {
    answer = { result: (await commands[command]({ ...given, seen: pages.get(given.id) })) ?? null };
  } catch (error) {
    answer = { error: `${command}: ${error.stack}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
process.exit(0);
