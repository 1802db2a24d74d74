// Ring signatures as docs/ring-notes.md describes them, under "Signatures": how they are written, and when they verify.
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'

const Point = secp256k1.Point
const ORDER = Point.Fn.ORDER
const MAX_FLAG = 128
const RELEASE_FLAG = 'NostringerHp'

export const bytes = utf8ToBytes
export const hex = bytesToHex
export const hash = (...parts) => sha256(concatBytes(...parts))
export const toRingId = ring => hex(hash(...ring.map(hex).sort().map(hexToBytes)))
export const schnorrVerifies = (sig, id, pubkey) => schnorr.verify(hexToBytes(sig), hexToBytes(id), hexToBytes(pubkey))

export function demand(condition) {
  if (!condition) throw new Error('not valid')
}

const toScalar = raw => {
  const value = BigInt('0x' + hex(raw))
  demand(raw.length === 32 && value > 0n && value < ORDER)
  return value
}

// CBOR (RFC 8949), as far as a compact signature needs it: definite lengths, each number in its shortest form.
class Reader {
  constructor(data) {
    this.data = data
    this.at = 0
  }
  byte() {
    demand(this.at < this.data.length)
    return this.data[this.at++]
  }
  number(major) {
    const head = this.byte()
    demand(head >> 5 === major)
    const short = head & 31
    if (short < 24) return short
    demand(short === 24 || short === 25)
    const value = short === 24 ? this.byte() : this.byte() * 256 + this.byte()
    demand(value >= (short === 24 ? 24 : 256))
    return value
  }
  take(size) {
    demand(this.at + size <= this.data.length)
    return this.data.slice(this.at, (this.at += size))
  }
  text = () => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.take(this.number(3)))
  name = expected => demand(this.text() === expected)
  integers = () => Uint8Array.from({ length: this.number(4) }, () => {
    const value = this.number(0)
    demand(value < 256)
    return value
  })
}

export function decodeCompact(text, size) {
  demand(text.startsWith('ringA'))
  const data = Buffer.from(text.slice(5), 'base64url')
  demand('ringA' + data.toString('base64url') === text)
  const reader = new Reader(data)
  const members = reader.number(5)
  reader.name('v')
  const scheme = reader.text()
  demand(scheme === 'sag' ? members === 3 : scheme === 'blsag' && (members === 4 || members === 5))
  reader.name('c')
  const c0 = toScalar(reader.take(reader.number(2)))
  reader.name('s')
  demand(reader.number(4) === size)
  const responses = Array.from({ length: size }, () => toScalar(reader.integers()))
  const signature = { scheme, c0, responses, image: null, flag: null }
  if (scheme === 'blsag') {
    reader.name('i')
    signature.image = reader.integers()
    demand(signature.image.length === 33)
    if (members === 5) {
      reader.name('l')
      const flag = reader.integers()
      demand(flag.length >= 1 && flag.length <= MAX_FLAG)
      signature.flag = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(flag)
    }
  }
  demand(reader.at === data.length)
  return signature
}

const HEX = '"[0-9a-f]{64}"'
const C0 = `"c0"_:_${HEX}`
const S = `"s"_:_\\[_${HEX}(?:_,_${HEX})*_\\]`
export const JSON_SIGNATURE = `\\{_(?:${C0}_,_${S}|${S}_,_${C0})_\\}`.replaceAll('_', '[ \\t\\r\\n]*')
const WHOLE_JSON = new RegExp(`^[ \\t\\r\\n]*${JSON_SIGNATURE}[ \\t\\r\\n]*$`)

export function decodeJson(text, size) {
  demand(text.length <= 128 * (size + 2) && WHOLE_JSON.test(text))
  const { c0, s } = JSON.parse(text)
  demand(s.length === size)
  const responses = s.map(response => toScalar(hexToBytes(response)))
  return { scheme: 'sag', c0: toScalar(hexToBytes(c0)), responses, image: null, flag: null }
}

const toChallenge = digest => BigInt('0x' + hex(digest)) % ORDER || 1n
const lift = x => Point.fromBytes(concatBytes(Uint8Array.of(2), x))

function hashToPoint(member, flag) {
  let x = hash(Uint8Array.of(2), member, flag)
  for (let counter = 0; ; counter++) {
    try {
      return lift(x)
    } catch {
      const bigEndian = new Uint8Array(4)
      new DataView(bigEndian.buffer).setUint32(0, counter)
      x = hash(x, bigEndian)
    }
  }
}

// The point s*B + c*Q, compressed; neither scalar is 0.
function combine(s, base, c, point) {
  const sum = base.multiplyUnsafe(s).add(point.multiplyUnsafe(c))
  demand(!sum.is0())
  return sum.toBytes(true)
}

function closes(message, ring, signature, dialect) {
  const points = ring.map(lift)
  let head = concatBytes(bytes('NostringerBlsagChallenge'), message)
  let leg = () => new Uint8Array()
  if (signature.scheme === 'sag') {
    head = concatBytes(message, ...(dialect === 'typescript' ? ring : points.map(point => point.toBytes(true))))
  } else {
    const image = Point.fromBytes(signature.image)
    const flag = bytes(signature.flag ?? (dialect === 'rust-0.1.8' ? RELEASE_FLAG : ''))
    leg = (i, c) => combine(signature.responses[i], hashToPoint(ring[i], flag), c, image)
  }
  let c = signature.c0
  for (let i = 0; i < ring.length; i++) {
    c = toChallenge(hash(head, combine(signature.responses[i], Point.BASE, c, points[i]), leg(i, c)))
  }
  return c === signature.c0
}

// Return the first of the form's dialects in which the signature verifies, null if it does in none.
export function findDialect(message, ring, signature, canonicalOnly) {
  const other = signature.scheme === 'sag' ? 'typescript' : signature.flag === null ? 'rust-0.1.8' : null
  for (const dialect of canonicalOnly || other === null ? ['canonical'] : ['canonical', other]) {
    try {
      if (closes(message, ring, signature, dialect)) return dialect
    } catch {
      // A point that is not on the curve, or a sum at infinity: not valid in this dialect.
    }
  }
  return null
}

export const scopeOf = signature => (signature.flag === RELEASE_FLAG ? null : signature.flag)
