// Puts a text on the clipboard, and pastes it over what is in a field, as a person does. Resolves once it is there.
export default async function paste(page, { text, selector }) {
  await page.evaluate((text) => {
    // A browser lets a page write to the clipboard where a person has just clicked on it.
    document.addEventListener("click", () => (globalThis.isCopied = navigator.clipboard.writeText(text)), { once: true });
  }, text);
  await page.click("h1");
  await page.evaluate(() => globalThis.isCopied);
  await page.$eval(selector, (field) => {
    field.focus();
    field.select();
    globalThis.isPasted = new Promise((resolve) => field.addEventListener("input", resolve, { once: true }));
  });
  await page.keyboard.down("Control");
  await page.keyboard.press("KeyV");
  await page.keyboard.up("Control");
  await page.evaluate(() => globalThis.isPasted.then(() => {}));
}
