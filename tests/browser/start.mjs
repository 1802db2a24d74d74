// Starts a headless Chromium or Firefox with a profile of its own, from which nothing but loopback can be reached.

import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";

import { CDP_WEBSOCKET_ENDPOINT_REGEX, WEBDRIVER_BIDI_WEBSOCKET_ENDPOINT_REGEX, createProfile, launch } from "@puppeteer/browsers";
import puppeteer from "puppeteer-core";

// What Chromium must do for a test, or leave; most of it is what puppeteer itself asks for.
const CHROMIUM = [
  "--headless=new",
  "--remote-debugging-port=0",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-extensions",
  "--disable-sync",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-default-apps",
  "--disable-domain-reliability",
  "--disable-breakpad",
  "--disable-search-engine-choice-screen",
  "--no-first-run",
  "--no-default-browser-check",
  // What it would ask of its maker.
  "--allow-browser-signin=false",
  "--disable-client-side-phishing-detection",
  "--disable-component-extensions-with-background-pages",
  "--disable-features=AutofillServerCommunication,MediaRouter,NetworkTimeServiceQuerying,OptimizationHints,Translate",
  "--component-updater=url-source=http://127.0.0.1:9/",
  "--gaia-url=http://127.0.0.1:9/",
  "--metrics-recording-only",
  "--no-pings",
  "--password-store=basic",
  "--use-mock-keychain",
  // Scroll bars take no room, as on a phone: a page's width is the same in both browsers.
  "--hide-scrollbars",
  // A page in a tab that is not in front would be timed once a second at most.
  "--disable-background-timer-throttling",
  "--disable-renderer-backgrounding",
];

// Beside the preferences that @puppeteer/browsers sets for a test.
const FIREFOX = {
  // These two it loosens: a page gets no right here that it would not have elsewhere.
  "dom.disable_open_during_load": true,
  "security.fileuri.strict_origin_policy": true,
  // What Firefox would fetch by itself.
  "app.normandy.enabled": false,
  "browser.aboutConfig.showWarning": false,
  "browser.contentblocking.report.monitor.enabled": false,
  "browser.newtabpage.activity-stream.asrouter.providers.message-groups": "",
  // Taken with MOZ_REMOTE_SETTINGS_DEVTOOLS only.
  "services.settings.server": "data:,#remote-settings-dummy/v1",
  "browser.region.network.url": "",
  "browser.region.update.enabled": false,
  "browser.topsites.contile.enabled": false,
  "captivedetect.canonicalURL": "",
  "dom.push.connection.enabled": false,
  "extensions.systemAddon.update.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "network.dns.disablePrefetch": true,
  "network.prefetch-next": false,
  "network.trr.mode": 5,
  "security.OCSP.enabled": 0,
  "security.remote_settings.crlite_filters.enabled": false,
  "security.remote_settings.intermediates.enabled": false,
  "toolkit.telemetry.enabled": false,
  "toolkit.telemetry.server": "",
  // Scroll bars take no room, as in Chromium above.
  "ui.useOverlayScrollbars": 1,
  // One process for all pages, as puppeteer wants it.
  "fission.webContentIsolationStrategy": 0,
  // A download is kept without a question.
  "browser.download.always_ask_before_handling_new_types": false,
  "browser.download.folderList": 2,
  "browser.download.manager.addToRecentDocs": false,
  "browser.download.useDownloadDir": true,
  "browser.helperApps.neverAsk.saveToDisk": "application/json,application/octet-stream,text/html,text/plain",
};

// What Tor Browser's security level Safer takes away from scripts: every compiler. https://support.torproject.org/tor-browser/security/
const WITHOUT_COMPILERS = Object.fromEntries(
  ["asmjs", "baselinejit", "ion", "native_regexp", "wasm"].map((name) => [`javascript.options.${name}`, false]),
);

// Whom a browser asks by itself, if a version of it finds a reason that is not switched off below: no page is to blame.
const MAKERS = /^\S+ (?:https?:\/\/)?(?:[\w-]+\.)*(?:google|googleapis|gstatic|gvt1|firefox|mozilla)\.(?:com|net|org)[:\/]/;

/** Listens in place of the world: whatever wants to leave the machine comes here, and is written down and refused. */
async function openTrap() {
  const strays = [];
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (data) => {
      const line = data.toString("latin1").split("\r\n", 1)[0];
      if (!MAKERS.test(line)) strays.push(line);
      socket.end("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  return { strays, port: server.address().port };
}

/**
 * Returns the browser, and the list of what it wanted from elsewhere.
 *
 * With loopback = false this machine counts as elsewhere too. Firefox takes script, dark and languages at its start only.
 */
export async function start({ name, path, profile, downloads, isRoot, script, dark, languages, loopback, insecure, compilers }) {
  const trap = await openTrap();
  const env = { ...process.env, HOME: profile, TZ: "UTC", MOZ_REMOTE_SETTINGS_DEVTOOLS: "1" };
  const common = { executablePath: path, env, detached: false };
  const shared = { defaultViewport: null, acceptInsecureCerts: insecure };
  if (name === "chromium") {
    const args = [
      ...CHROMIUM,
      // Its sandbox does not start as root.
      ...(isRoot ? ["--no-sandbox"] : []),
      `--user-data-dir=${profile}`,
      `--accept-lang=${languages}`,
      `--proxy-server=http://127.0.0.1:${trap.port}`,
      ...(loopback ? [] : ["--proxy-bypass-list=<-loopback>"]),
      ...(compilers ? [] : ["--js-flags=--jitless"]),
      "about:blank",
    ];
    await mkdir(join(profile, "Default"), { recursive: true });
    await writeFile(join(profile, "Default", "Preferences"), JSON.stringify({ browser: { enable_spellchecking: false } }));
    const started = launch({ ...common, args });
    const endpoint = await started.waitForLineOutput(CDP_WEBSOCKET_ENDPOINT_REGEX, 60_000);
    const downloadBehavior = { policy: "allow", downloadPath: downloads };
    return { ...trap, browser: await puppeteer.connect({ ...shared, browserWSEndpoint: endpoint, downloadBehavior }) };
  }
  const preferences = {
    ...FIREFOX,
    ...(compilers ? {} : WITHOUT_COMPILERS),
    "browser.download.dir": downloads,
    "intl.accept_languages": languages,
    "javascript.enabled": script,
    "layout.css.prefers-color-scheme.content-override": dark ? 0 : 1,
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": trap.port,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": trap.port,
    "network.proxy.allow_hijacking_localhost": !loopback,
    "network.proxy.no_proxies_on": "",
  };
  await createProfile("firefox", { path: profile, preferences });
  const args = ["--headless", "--no-remote", "--remote-debugging-port=0", "--profile", profile, "about:blank"];
  const started = launch({ ...common, args });
  const endpoint = await started.waitForLineOutput(WEBDRIVER_BIDI_WEBSOCKET_ENDPOINT_REGEX, 60_000);
  const options = { ...shared, browserWSEndpoint: `${endpoint}/session`, protocol: "webDriverBiDi" };
  return { ...trap, browser: await puppeteer.connect(options) };
}
