"use strict";
// Count down to the invoice's expiry, copy it, and follow the state of the note. The texts are the relay's: where the state
// has changed, this asks for the page again and takes over its middle.
(() => {
  const EVERY_MS = 2500;
  const SELDOM_MS = 60000;
  const PATIENCE_MS = 10000;
  // A payment that was under way when its invoice expired may still be found: so many more looks are about an hour and a half.
  const LAST_LOOKS = 90;

  const find = (id) => document.getElementById(id);
  let fruitless = 0; // looks in a row that found nothing, or nobody
  let looking = false;
  let nextLook = 0;
  let countdown = 0;

  const ask = (type) =>
    fetch(location.href, {
      headers: { Accept: type },
      cache: "no-store",
      credentials: "omit",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });

  function start() {
    if (find("left")) startCountdown();
    if (find("copy")) {
      find("copy").addEventListener("click", copy);
      find("copy").hidden = false;
    }
  }

  // The reader's clock may be wrong, but it runs: only the seconds that are left come from the relay.
  function startCountdown() {
    const end = Date.now() + 1000 * Number(find("left").dataset.seconds);
    const tick = () => {
      const seconds = Math.ceil((end - Date.now()) / 1000);
      if (seconds <= 0) return expire();
      find("left").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    };
    countdown = setInterval(tick, 1000);
    tick();
  }

  // Nobody should pay it any more, even where the relay cannot be reached and the page stays as it is.
  function expire() {
    clearInterval(countdown);
    find("state").textContent = find("left").dataset.expired;
    find("left").parentElement.remove();
    find("payable").remove();
    look();
  }

  async function copy() {
    const button = find("copy");
    const invoice = find("invoice");
    let told = button.dataset.copied;
    try {
      await navigator.clipboard.writeText(invoice.textContent);
    } catch {
      // Without TLS there is no clipboard (a relay on an onion address): the older way, or the reader's own keys.
      getSelection().selectAllChildren(invoice);
      if (!document.execCommand("copy")) told = button.dataset.selected;
    }
    find("copied").textContent = told;
  }

  async function look() {
    if (looking) return;
    clearTimeout(nextLook);
    looking = true;
    try {
      const answer = await ask("application/json");
      if (![200, 202, 402, 404, 409].includes(answer.status)) throw new Error("the relay has no answer");
      const state = answer.status === 404 ? "unknown" : (await answer.json()).state;
      if (state !== find("body").dataset.state) await show();
      find("trouble").hidden = true;
      fruitless = answer.status === 404 ? fruitless + 1 : 0;
    } catch {
      // Whatever it was, the note is published without this page; ask again, and more and more seldom.
      fruitless += 1;
      find("trouble").hidden = fruitless < 2;
    }
    looking = false;
    const state = find("body").dataset.state;
    if (state === "published" || (state === "unknown" && fruitless > LAST_LOOKS)) return;
    nextLook = setTimeout(look, Math.min(EVERY_MS * 2 ** fruitless, SELDOM_MS));
  }

  async function show() {
    const answer = await ask("text/html");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!page.getElementById("body")) throw new Error("the relay has no page");
    clearInterval(countdown);
    const focused = find("body").contains(document.activeElement);
    document.title = page.title;
    find("body").replaceWith(page.getElementById("body"));
    find("state").textContent = page.getElementById("state").textContent;
    if (focused) find("state").focus();
    start();
  }

  // Whoever comes back from the wallet should not have to wait.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && find("body").dataset.state !== "published") look();
  });
  start();
  nextLook = setTimeout(look, EVERY_MS);
})();
