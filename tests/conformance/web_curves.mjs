// Compute on both curves of web/core: one JSON line of operands in hex on stdin, one JSON line of both results on stdout.
// null stands for what is refused: no point, a sum at infinity, a number that is no scalar.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { isScalar, noble } from '../../web/core/curve.js'
import { loadWasmCurve } from '../../web/core/curve_wasm.js'
import { fromHex, toHex } from '../../web/core/hex.js'

const WASM = new URL('../../web/node_modules/tiny-secp256k1/lib/secp256k1.wasm', import.meta.url)
const curves = [noble, await loadWasmCurve(readFileSync(WASM))]

function compute(curve, { operation, scalars, points, bytes }) {
  if (operation === 'schnorr') return curve.verifySchnorr(...bytes.map(fromHex))
  const [s, c] = scalars.map(fromHex)
  const read = points.map(point => curve.read(fromHex(point)))
  if (!isScalar(s) || !isScalar(c) || read.includes(null)) return null
  const sum = operation === 'base' ? curve.addToBase(s, c, read[0]) : curve.add(s, read[0], c, read[1])
  return sum && toHex(sum)
}

for await (const line of createInterface({ input: process.stdin })) {
  const given = JSON.parse(line)
  console.log(JSON.stringify(curves.map(curve => compute(curve, given))))
}
