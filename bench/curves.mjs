// Measure the verification of ring signatures in JavaScript: `node bench/curves.mjs`, after `make web`. It prints CPU
// milliseconds for a ring, and what a member costs in noble's own Schnorr verifications of the same run, since the
// milliseconds say as much about the machine.
import { readFileSync } from 'node:fs'
import { closesBlsag } from '../web/core/blsag.js'
import { toChallenge } from '../web/core/challenge.js'
import { noble } from '../web/core/curve.js'
import { loadWasmCurve } from '../web/core/curve_wasm.js'
import { fromHex } from '../web/core/hex.js'
import { lift } from '../web/core/ring.js'
import { closesSag } from '../web/core/sag.js'

const SIZES = [10, 100, 1000]
const read = path => readFileSync(new URL(path, import.meta.url))
const random = () => crypto.getRandomValues(new Uint8Array(32))

function measure(times, work) {
  work()
  const start = process.cpuUsage()
  for (let turn = 0; turn < times; turn += 1) work()
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000 / times
}

function drawRing(size) {
  const ring = []
  while (ring.length < size) {
    const member = lift(random())
    if (noble.read(member.point)) ring.push(member)
  }
  return ring
}

// A signature that does not verify costs as much as one that does.
function walk(curve, closes, ring, signature) {
  const points = ring.map(({ point }) => curve.read(point))
  closes({ curve, ring, points, onMember() {} }, random(), signature, 'canonical')
}

const { event } = JSON.parse(read('../tests/vectors/ring_notes.json')).vectors[0]
const [sig, id, pubkey] = [event.sig, event.id, event.pubkey].map(fromHex)
const wasm = await loadWasmCurve(read('../web/node_modules/tiny-secp256k1/lib/secp256k1.wasm'))
for (const size of SIZES) {
  const ring = drawRing(size)
  const scalars = { c0: toChallenge(random()), responses: ring.map(() => toChallenge(random())) }
  const signature = { ...scalars, keyImage: ring[0].point, flag: 'poll' }
  for (const [name, curve] of Object.entries({ noble, wasm })) {
    for (const [scheme, closes] of Object.entries({ sag: closesSag, blsag: closesBlsag })) {
      const schnorr = measure(50, () => noble.verifySchnorr(sig, id, pubkey))
      const spent = measure(Math.max(1, 100 / size), () => walk(curve, closes, ring, signature))
      console.log(`${size} members, ${scheme}, ${name}: ${spent.toFixed(1)} ms, ${(spent / size / schnorr).toFixed(2)} a member`)
    }
  }
}
