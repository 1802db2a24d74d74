// Verify with web/core, what the relay's pages run in a browser: one JSON line on stdin, one JSON result on stdout.
// A line is ["event", an event's JSON as text], ["text", a text without an event], ["object", an event], ["work", an event, a
// relay's terms] or ["name", a name of NIP-19]. With --wasm the curve is the one in WebAssembly.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { noble } from '../../web/core/curve.js'
import { loadWasmCurve } from '../../web/core/curve_wasm.js'
import { parseEvent } from '../../web/core/event.js'
import { toHex } from '../../web/core/hex.js'
import { decodeNevent, decodeNote, decodeNprofile, decodeNpub, encodeNpub } from '../../web/core/nip19.js'
import { Refusal } from '../../web/core/refusal.js'
import { readClaim, verify, verifyText } from '../../web/core/verify.js'
import { askBits, countLinks, countZeroBits } from '../../web/core/work.js'

const WASM = new URL('../../web/node_modules/tiny-secp256k1/lib/secp256k1.wasm', import.meta.url)
const curve = process.argv.includes('--wasm') ? await loadWasmCurve(readFileSync(WASM)) : noble

function read(kind, given) {
  const progress = { told: 0, isEven: true, all: 0 }
  const onProgress = (done, all) => {
    progress.isEven &&= done === progress.told + 1 && done <= all && (progress.told === 0 || all === progress.all)
    Object.assign(progress, { told: done, all })
  }
  const options = { curve, onProgress }
  const found =
    kind === 'text' ? verifyText(given, options) : verify(kind === 'event' ? parseEvent(given) : given, options)
  return { ...found, progress }
}

function work(event, terms) {
  const links = countLinks(readClaim(event))
  return { links, asked: askBits(links, terms), done: countZeroBits(event.id) }
}

function decode(text) {
  const [npub, nprofile] = [decodeNpub(text), decodeNprofile(text)]
  const keys = { npub: npub && toHex(npub), nprofile: nprofile && toHex(nprofile) }
  return { ...keys, note: decodeNote(text), nevent: decodeNevent(text), again: npub && encodeNpub(npub) }
}

for await (const line of createInterface({ input: process.stdin })) {
  const start = process.cpuUsage()
  let result
  try {
    const [kind, ...given] = JSON.parse(line)
    result = kind === 'work' ? work(...given) : kind === 'name' ? decode(...given) : read(kind, ...given)
  } catch (error) {
    // Of a hostile event nothing else may be thrown.
    if (!(error instanceof Refusal)) throw error
    result = { valid: false, isEvent: false, reason: error.message }
  }
  const { user, system } = process.cpuUsage(start)
  console.log(JSON.stringify({ ...result, cpuSeconds: (user + system) / 1e6 }))
}
