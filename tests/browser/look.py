"""What a person would see of a page that shows strangers' texts, asked of the browser."""

import base64
import json
from pathlib import Path
from typing import Any

from tests.support.browsers import Page

# The elements that hold what strangers wrote, and nothing else; and those beyond which nothing of it may be painted.
STRANGERS = "bdi, .title, .words, .article, .signed"
BOXES = "bdi, .box, .signed"
# What a stranger's text must not have become, wherever it is on the page.
_FIND_FAULTS = """
(strangers) => {
  const faults = [];
  const say = (fault, element) => faults.push(`${fault}: ${element.outerHTML.slice(0, 200)}`);
  const runs = "script:not([src]), iframe, frame, object, embed, base, style, meta[http-equiv]:not(noscript *), plaintext, portal, "
    + "img:not([src^='/static/']), video, audio, source, svg script, svg foreignObject";
  for (const element of document.querySelectorAll(runs)) say("an element that no page has", element);
  for (const element of document.querySelectorAll("*")) {
    for (const { name } of element.attributes) if (name.startsWith("on") || name === "style") say(`the attribute ${name}`, element);
  }
  for (const link of document.querySelectorAll("a[href], area[href], form[action]")) {
    const url = new URL(link.getAttribute("href") ?? link.getAttribute("action"), location.href);
    const isOwn = url.origin === location.origin;
    if (!isOwn && !/^(https?|nostr|lightning|mailto):$/.test(url.protocol)) say("a link that may run", link);
    if (/^https?:$/.test(url.protocol) && !isOwn && !/noreferrer/.test(link.rel)) say("a link that tells where it was", link);
    if (link.closest(strangers) && isOwn && !link.getAttribute("href").startsWith("#") && !link.matches("bdi > a, a > bdi"))
      say("a stranger's link into the relay", link);
  }
  for (const element of document.querySelectorAll(strangers)) {
    const { unicodeBidi, display } = getComputedStyle(element);
    const isBlock = /^(block|flex|grid|list-item|table|flow-root|inline-block)/.test(display);
    if (!/isolate|plaintext/.test(unicodeBidi) && !isBlock) say("a text that is not isolated", element);
  }
  return faults;
}
"""
# The page's own sentences, of which each line must run from left to right whatever stands between them.
_FIND_TURNED = """
(strangers) => {
  const turned = [];
  const range = document.createRange();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text !== null; text = texts.nextNode()) {
    const parent = text.parentElement;
    if (parent.closest(strangers) || !text.data.trim() || !parent.checkVisibility()) continue;
    let last = null;
    for (let at = 0; at < text.length; at += 1) {
      range.setStart(text, at);
      range.setEnd(text, at + 1);
      const box = range.getClientRects()[0];
      if (box === undefined || box.width === 0) continue;
      const isOneLine = last !== null && Math.abs(box.top - last.top) < 2;
      if (isOneLine && box.left < last.left - 0.5) turned.push(text.data.trim().slice(0, 100));
      last = box;
    }
  }
  return [...new Set(turned)];
}
"""
# What sticks out of a page at either side, and is not itself within something that scrolls.
_FIND_WIDE = """
() => {
  const scrolls = (element) => element !== null && element !== document.documentElement
    && (/auto|scroll|hidden|clip/.test(getComputedStyle(element).overflowX) || scrolls(element.parentElement));
  const isOut = ({ left, right, width }) => width > 0 && (right > innerWidth + 0.5 || left < -0.5);
  const found = [...document.body.querySelectorAll("*:not(.skip)")].filter((element) =>
    element.checkVisibility() && isOut(element.getBoundingClientRect()) && !scrolls(element.parentElement));
  const page = document.documentElement.scrollWidth > innerWidth ? [`the page has ${document.documentElement.scrollWidth} px`] : [];
  return [...page, ...found.map((element) => element.outerHTML.slice(0, 200))];
}
"""
# In whole pixels of the screen, with the pixel that a letter may be smoothed into.
_LIST_BOXES = """
(boxes) => [...document.querySelectorAll(boxes)].filter((element) => element.checkVisibility()).flatMap((element) =>
  [...element.getClientRects()].map(({ left, top, right, bottom }) =>
    [Math.floor(left) - 1, Math.floor(top) - 1, Math.ceil(right) + 1, Math.ceil(bottom) + 1]))
"""
_HIDE = "(strangers) => { for (const element of document.querySelectorAll(strangers)) element.style.visibility = 'hidden'; }"
# Where two pictures differ beside the boxes: the corners of a box around it, null where they do not.
_COMPARE = """
async ([before, after, boxes]) => {
  const read = async (data) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    for (const [left, top, right, bottom] of boxes) context.clearRect(left, top, right - left, bottom - top);
    return context.getImageData(0, 0, bitmap.width, bitmap.height);
  };
  const [one, other] = [await read(before), await read(after)];
  if (one.width !== other.width || one.height !== other.height) return [one.width, one.height, other.width, other.height];
  // A round corner is not smoothed the same way each time.
  const differs = (at) => [0, 1, 2].some((channel) => Math.abs(one.data[at + channel] - other.data[at + channel]) > 24);
  let found = null;
  for (let at = 0; at < one.width * one.height; at += 1) {
    if (!differs(4 * at)) continue;
    const [x, y] = [at % one.width, Math.floor(at / one.width)];
    found ??= [x, y, x, y];
    found = [Math.min(found[0], x), Math.min(found[1], y), Math.max(found[2], x), Math.max(found[3], y)];
  }
  return found;
}
"""


async def find_intrusions(page: Page) -> list[str]:
    """Return where strangers' texts are more than text, or change the order of the page's own words."""
    faults: list[str] = await page.evaluate(_FIND_FAULTS, STRANGERS)
    turned: list[str] = await page.evaluate(_FIND_TURNED, STRANGERS)
    return faults + [f"a sentence that is turned round: {text}" for text in turned]


async def find_wide(page: Page) -> list[str]:
    """Return what is wider than the screen, and is not within something that scrolls by itself."""
    wide: list[str] = await page.evaluate(_FIND_WIDE)
    return wide


async def find_spilt_paint(page: Page, blank: Page, folder: Path) -> Any:
    """Return where on the screen something of a stranger's text is painted outside its box, None if nowhere. Hides the texts."""
    boxes = await page.evaluate(_LIST_BOXES, BOXES)
    pictures = []
    for name in ("before.png", "after.png"):
        await page.take_picture(folder / name, whole=False)
        pictures.append(base64.b64encode((folder / name).read_bytes()).decode())
        await page.evaluate(_HIDE, STRANGERS)
    return await blank.evaluate(_COMPARE, [*pictures, boxes])


def describe(found: dict[str, Any]) -> str:
    """Return what was found on each page, a line each; "" where nothing was."""
    return "\n".join(
        f"{name}: {json.dumps(value, ensure_ascii=False)[:1_500]}" for name, value in found.items() if value
    )
