// Verify ring notes by docs/ring-notes.md alone: one event a line on stdin, one JSON result a line on stdout.
import { createInterface } from 'node:readline'
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { attempt, demand } from './errors.mjs'
import { parseKey } from './keys.mjs'
import { checkTags, repeatWords } from './tags.mjs'
import { WHOLE_JSON_SIGNATURE, readText } from './text.mjs'

const { Point } = secp256k1
const ORDER = Point.Fn.ORDER
const MAX_RING = 65535
const PREFIX = 'nostr-ring-note:'
const RELEASE_FLAG = 'NostringerHp'
const isText = value => typeof value === 'string' && value.isWellFormed()
const isHex = (value, size) => isText(value) && value.length === size && /^[0-9a-f]+$/.test(value)
const isNumber = (value, most) => Number.isInteger(value) && value >= 0 && value <= most
// Bytes are written in hex throughout.
const toHex = text => bytesToHex(utf8ToBytes(text))
const hash = data => bytesToHex(sha256(hexToBytes(data)))
const toRingId = ring => hash(ring.map(({ x }) => x).toSorted().join(''))
const toId = event =>
  hash(toHex(JSON.stringify([0, event.pubkey, event.created_at, event.kind, event.tags, event.content])))

// CBOR in hex, each number in its shortest form: an integer below 256, the head of an array, a short text. 5820 is the
// head of 32 bytes; the head of the map says how many entries it has, and thereby which.
const BYTE = '(?:0.|1[0-7]|18(?:1[89a-f]|[2-9a-f].))'
const arrayOf = size => (size < 24 ? 0x80 + size : size < 256 ? 0x9800 + size : 0x990000 + size).toString(16)
const textOf = name => (0x60 + name.length).toString(16) + toHex(name)
const joinBytes = integers => integers.replace(/18(..)|(..)/g, '$1$2')
const IMAGE = `${textOf('i')}${arrayOf(33)}(?<i>${BYTE}{33})`
const FLAG = `${textOf('l')}(?<head>8.|9[0-7]|98..)(?<l>${BYTE}{1,128})`
const MAPS = { a3: ['sag', ''], a4: ['blsag', IMAGE], a5: ['blsag', IMAGE + FLAG] }

function readCompact(text, size) {
  const raw = Buffer.from(text.slice('ringA'.length), 'base64url')
  demand('ringA' + raw.toString('base64url') === text)
  const data = raw.toString('hex')
  const [scheme, end] = MAPS[data.slice(0, 2)]
  const start = `a.${textOf('v')}${textOf(scheme)}${textOf('c')}5820(?<c0>.{64})`
  const array = `${textOf('s')}${arrayOf(size)}(?<s>(?:${arrayOf(32)}${BYTE}{32}){${size}})`
  const { c0, s, i, head, l } = new RegExp(`^${start}${array}${end}$`).exec(data).groups
  const responses = [...s.matchAll(`${arrayOf(32)}(${BYTE}{32})`)].map(match => joinBytes(match[1]))
  const flag = hexToBytes(joinBytes(l ?? ''))
  demand(!l || head === arrayOf(flag.length))
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  return { scheme, c0, s: responses, image: i && joinBytes(i), flag: l && decoder.decode(flag) }
}

function decode(text, size) {
  const isCompact = text.startsWith('ringA')
  demand(isCompact || (text.length <= 128 * (size + 2) && WHOLE_JSON_SIGNATURE.test(text)))
  const { c0, s, scheme = 'sag', image = null, flag = null } = isCompact ? readCompact(text, size) : JSON.parse(text)
  const scalars = [c0, ...s].map(scalar => BigInt('0x' + scalar))
  demand(s.length === size && scalars.every(scalar => scalar > 0n && scalar < ORDER))
  return { scheme, c0: scalars[0], responses: scalars.slice(1), image, flag }
}

const hashToPoint = (x, counter = 0) =>
  attempt(() => Point.fromHex('02' + x)) ?? hashToPoint(hash(x + counter.toString(16).padStart(8, '0')), counter + 1)
// Some keys are members of many notes. Multiples of their points are kept.
const points = new Map()
function toPoint(hex) {
  if (!points.has(hex)) points.set(hex, Point.fromHex(hex).precompute(5))
  return points.get(hex)
}
// The point at infinity has no such form: toHex refuses it.
const combine = (s, base, c, point) => base.multiplyUnsafe(s).add(point.multiplyUnsafe(c)).toHex(true)

function closes(text, ring, { scheme, c0, responses, image, flag }, dialect) {
  const members = ring.map(({ x, point }) => (dialect === 'typescript' ? x : point))
  const head = scheme === 'sag' ? toHex(text) + members.join('') : toHex('NostringerBlsagChallenge' + text)
  const flagBytes = toHex(flag ?? (dialect === 'rust-0.1.8' ? RELEASE_FLAG : ''))
  const imagePoint = image && Point.fromHex(image)
  const last = ring.reduce((c, { point }, i) => {
    const left = combine(responses[i], Point.BASE, c, toPoint(point))
    const right = image ? combine(responses[i], hashToPoint(hash(point + flagBytes)), c, imagePoint) : ''
    return BigInt('0x' + hash(head + left + right)) % ORDER || 1n
  }, c0)
  return last === c0
}

const has = (event, ...names) => event.tags.some(tag => names.includes(tag[0]))

// The elements after the name of the only tag that has it; with a length, the whole tag has this length.
function one(event, name, length) {
  const [tag, ...others] = event.tags.filter(tag => tag[0] === name)
  demand(tag && others.length === 0 && tag.length === (length ?? tag.length))
  return tag.slice(1)
}

function readBound(event) {
  const keys = one(event, 'ring')
  demand(keys.every((key, i) => isHex(key, 64) && key !== event.pubkey && (i === 0 || keys[i - 1] < key)))
  demand(!has(event, 'ring-members', 'ring-signature'))
  const ring = keys.map(parseKey)
  demand(ring.length >= 2 && ring.length <= MAX_RING)
  const nonce = has(event, 'nonce') ? one(event, 'nonce') : ['0']
  demand((nonce.length === 1 || nonce.length === 2) && nonce.every(value => /^[0-9]{1,39}$/.test(value)))
  demand(event.tags.at(event.tags.at(-1)[0] === 'nonce' ? -2 : -1)[0] === 'ringsig')
  const [text] = one(event, 'ringsig', 2)
  demand(text.startsWith('ringA'))
  const signature = decode(text, ring.length)
  demand(has(event, 'scope') === (signature.scheme === 'blsag'))
  const copies = { scope: signature.flag, R: toRingId(ring), J: signature.image }
  demand(Object.keys(copies).every(name => !has(event, name) || one(event, name, 2)[0] === copies[name]))
  const preId = toId({ ...event, tags: event.tags.filter(tag => tag[0] !== 'ringsig' && tag[0] !== 'nonce') })
  return { form: 'bound', ring, signature, candidates: [{ text: `${PREFIX}v1:${preId}`, isWhole: true }] }
}

function readNip97(event) {
  const keys = one(event, 'ring-members')
  const [signature] = one(event, 'ring-signature', 2)
  return { form: 'nip97', keys, signature, candidates: [{ text: event.content, isWhole: true }] }
}

function readNostringer({ content }) {
  const { message, ring_members: keys, ring_signature: signature, ...others } = JSON.parse(content)
  // A repeated name leaves no trace in the object, but one more colon outside the strings.
  const names = content.replace(/"(?:[^"\\]|\\.)*"/g, '').split(':').length - 1
  demand(names === 3 && Object.keys(others).length === 0 && Array.isArray(keys))
  demand([message, signature, ...keys].every(isText) && signature.startsWith('ringA'))
  return { form: 'nostringer', keys, signature, candidates: [{ text: message, isWhole: true }] }
}

function readMessage(event) {
  const isNostringer = attempt(() => JSON.parse(event.content))?.ring_signature !== undefined
  const isNip97 = has(event, 'ring-members', 'ring-signature')
  const read = isNip97 ? readNip97 : isNostringer ? readNostringer : readText
  const { form, keys, signature, candidates } = read(event)
  const ring = keys.map(parseKey)
  demand(event.kind === 1)
  checkTags(event.tags)
  demand(ring.length >= 2 && ring.length <= MAX_RING && new Set(ring.map(({ x }) => x)).size === ring.length)
  demand(candidates.length > 0 && candidates.every(({ text }) => text !== '' && !text.startsWith(PREFIX)))
  return { form, ring, signature: decode(signature, ring.length), candidates }
}

// The canonical dialect, and the older one where it is tried, too.
function listDialects(form, ring, { scheme, flag }) {
  if (form === 'bound' || ring.length < 3) return ['canonical']
  if (scheme === 'sag') return ring.every(({ isBare }) => isBare) ? ['canonical', 'typescript'] : ['canonical']
  return flag === null ? ['canonical', 'rust-0.1.8'] : ['canonical']
}

function verify(event) {
  const { id, pubkey, sig, kind, created_at, tags, content } = event
  demand(isHex(id, 64) && isHex(pubkey, 64) && isHex(sig, 128) && isText(content))
  demand(isNumber(kind, 65535) && isNumber(created_at, Number.MAX_SAFE_INTEGER))
  demand(Array.isArray(tags) && tags.every(tag => Array.isArray(tag) && tag.length > 0 && tag.every(isText)))
  demand(toId(event) === id && schnorr.verify(...[sig, id, pubkey].map(value => hexToBytes(value))))
  const { form, ring, signature, candidates } = (has(event, 'ring', 'ringsig') ? readBound : readMessage)(event)
  const { scheme, image, flag } = signature
  demand(scheme === 'sag' || ring.every(({ point }) => point.startsWith('02')))
  const dialects = listDialects(form, ring, signature)
  const trials = candidates.flatMap(candidate => dialects.map(dialect => ({ ...candidate, dialect })))
  const found = trials.find(({ text, dialect }) => attempt(() => closes(text, ring, signature, dialect)))
  demand(found?.isWhole && (form === 'bound' || repeatWords(tags, found.text)))
  const binding = form === 'bound' ? 'event' : 'message'
  const scope = flag === RELEASE_FLAG ? null : flag
  const words = { form, scheme, dialect: found.dialect, binding, signed_text: found.text }
  return { valid: true, ...words, ring_size: ring.length, ring_id: toRingId(ring), key_image: image, scope }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(attempt(() => verify(JSON.parse(line))) ?? { valid: false }))
}
