"use strict";
// Count down to the invoice's expiry, copy the invoice, and follow the state of the note. The relay writes all texts: when the
// state changes, this script fetches the page again and replaces its middle part.
(() => {
  const POLL_INTERVAL_MS = 2500;
  const MAX_POLL_INTERVAL_MS = 60000;
  const REQUEST_TIMEOUT_MS = 10000;
  // A payment that was under way when its invoice expired may still be found. So many more polls take about an hour and a half.
  const MAX_UNKNOWN_POLLS = 90;

  // The relay's own page may be parsed; nothing else of it may become markup (Trusted Types).
  const ownPages = globalThis.trustedTypes?.createPolicy("ringrelay", { createHTML: (text) => text }) ?? {
    createHTML: (text) => text,
  };
  const byId = (id) => document.getElementById(id);
  let failures = 0; // polls in a row that found no page, or no relay
  let isPolling = false;
  let nextPoll = 0;
  let countdown = 0;

  const fetchPage = (type) =>
    fetch(location.href, {
      headers: { Accept: type },
      cache: "no-store",
      credentials: "omit",
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });

  function startPage() {
    if (byId("left")) startCountdown();
    if (byId("copy")) {
      byId("copy").addEventListener("click", copyInvoice);
      byId("copy").hidden = false;
    }
  }

  // The reader's clock may be wrong, but it runs at the right speed: the relay sends only the seconds that are left.
  function startCountdown() {
    const end = Date.now() + 1000 * Number(byId("left").dataset.seconds);
    const updateCountdown = () => {
      const seconds = Math.ceil((end - Date.now()) / 1000);
      if (seconds <= 0) return expireInvoice();
      byId("left").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    };
    countdown = setInterval(updateCountdown, 1000);
    updateCountdown();
  }

  // Nobody should pay the invoice now, even if the relay cannot be reached and the page stays as it is.
  function expireInvoice() {
    clearInterval(countdown);
    byId("state").textContent = byId("left").dataset.expired;
    byId("left").parentElement.remove();
    byId("payable").remove();
    pollState();
  }

  async function copyInvoice() {
    const button = byId("copy");
    const invoice = byId("invoice");
    let outcome = button.dataset.copied;
    try {
      await navigator.clipboard.writeText(invoice.textContent);
    } catch {
      // Without TLS, as on an onion address, there is no clipboard: use the older way, or let the reader copy by hand.
      getSelection().selectAllChildren(invoice);
      if (!document.execCommand("copy")) outcome = button.dataset.selected;
    }
    byId("copied").textContent = outcome;
  }

  async function pollState() {
    if (isPolling) return;
    clearTimeout(nextPoll);
    isPolling = true;
    try {
      const answer = await fetchPage("application/json");
      if (![200, 202, 402, 404, 409].includes(answer.status)) throw new Error("the relay has no answer");
      const state = answer.status === 404 ? "unknown" : (await answer.json()).state;
      if (state !== byId("body").dataset.state) await replaceBody();
      byId("trouble").hidden = true;
      failures = answer.status === 404 ? failures + 1 : 0;
    } catch {
      // Whatever failed, the note is published without this page. Poll again, at longer and longer intervals.
      failures += 1;
      byId("trouble").hidden = failures < 2;
    }
    isPolling = false;
    const state = byId("body").dataset.state;
    if (state === "published" || (state === "unknown" && failures > MAX_UNKNOWN_POLLS)) return;
    nextPoll = setTimeout(pollState, Math.min(POLL_INTERVAL_MS * 2 ** failures, MAX_POLL_INTERVAL_MS));
  }

  async function replaceBody() {
    const answer = await fetchPage("text/html");
    const page = new DOMParser().parseFromString(ownPages.createHTML(await answer.text()), "text/html");
    if (!page.getElementById("body")) throw new Error("the relay has no page");
    clearInterval(countdown);
    const focused = byId("body").contains(document.activeElement);
    document.title = page.title;
    byId("body").replaceWith(page.getElementById("body"));
    byId("state").textContent = page.getElementById("state").textContent;
    if (focused) byId("state").focus();
    startPage();
  }

  // A reader who comes back from the wallet should not have to wait.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && byId("body").dataset.state !== "published") pollState();
  });
  startPage();
  nextPoll = setTimeout(pollState, POLL_INTERVAL_MS);
})();
