// The four forms of docs/ring-notes.md: from an event to ring, signature and candidate messages. No curve operation.
import { bech32 } from '@scure/base'
import { hexToBytes } from '@noble/hashes/utils.js'
import { JSON_SIGNATURE, bytes, decodeCompact, decodeJson, demand, hash, hex, toRingId } from './scheme.mjs'

const MAX_RING = 65535
const MAX_LINES = 2500
const PREFIX = 'nostr-ring-note:'
const HEX_KEY = /^[0-9a-f]{64}$/
const named = (event, name) => event.tags.filter(tag => tag[0] === name)
const strip = text => text.replace(/^[ \t\r\n]+/, '').replace(/(?<![ \t\r\n])[ \t\r\n]+$/, '')

export function computeId({ pubkey, created_at, kind, tags, content }) {
  return hex(hash(bytes(JSON.stringify([0, pubkey, created_at, kind, tags, content]))))
}

export function readClaim(event) {
  const has = (...names) => names.some(name => named(event, name).length > 0)
  const nip97 = has('ring-members', 'ring-signature')
  if (has('ring', 'ringsig')) {
    demand(!nip97)
    return readBound(event)
  }
  const read = nip97 ? readNip97 : isNostringer(event.content) ? readNostringer : holdsSignature(event.content) ? readText : null
  demand(read !== null && event.kind === 1 && !has('expiration', 'R', 'J', 'scope'))
  const claim = { ...read(event), binding: 'message' }
  demand(claim.ring.length >= 3 && claim.ring.length <= MAX_RING && new Set(claim.ring.map(hex)).size === claim.ring.length)
  demand(claim.candidates.length > 0 && claim.candidates.every(({ text }) => text !== '' && !text.startsWith(PREFIX)))
  return claim
}

// Form A

function readBound(event) {
  const [ring, ...rings] = named(event, 'ring')
  const [ringsig, ...ringsigs] = named(event, 'ringsig')
  const nonces = named(event, 'nonce')
  demand(ring && ringsig && rings.length + ringsigs.length === 0 && ringsig.length === 2 && nonces.length <= 1)
  demand(nonces.every(tag => (tag.length === 2 || tag.length === 3) && tag.slice(1).every(v => /^[0-9]{1,39}$/.test(v))))
  const last = event.tags.at(-1)
  demand((last[0] === 'nonce' ? event.tags.at(-2) : last) === ringsig)
  const keys = ring.slice(1)
  demand(keys.length >= 2 && keys.length <= MAX_RING && !keys.includes(event.pubkey))
  demand(keys.every((key, i) => HEX_KEY.test(key) && (i === 0 || keys[i - 1] < key)))
  const members = keys.map(hexToBytes)
  const signature = decodeCompact(ringsig[1], keys.length)
  const linkable = signature.scheme === 'blsag'
  const copy = (name, value) => named(event, name).every((tag, i) => i === 0 && tag.length === 2 && tag[1] === value)
  demand(named(event, 'scope').length === (linkable ? 1 : 0) && copy('scope', signature.flag))
  demand(copy('R', toRingId(members)) && copy('J', linkable ? hex(signature.image) : null))
  const tags = event.tags.filter(tag => tag[0] !== 'ringsig' && tag[0] !== 'nonce')
  const text = `nostr-ring-note:v1:${computeId({ ...event, tags })}`
  return { form: 'bound', binding: 'event', ring: members, signature, candidates: [{ text }] }
}

// Form B

function readNip97(event) {
  const [members, ...otherMembers] = named(event, 'ring-members')
  const [signature, ...otherSignatures] = named(event, 'ring-signature')
  demand(members && signature && otherMembers.length + otherSignatures.length === 0 && signature.length === 2)
  demand(members.slice(1).every(key => HEX_KEY.test(key)))
  const ring = members.slice(1).map(hexToBytes)
  return { form: 'nip97', ring, signature: decode(signature[1], ring.length), candidates: [{ text: event.content }] }
}

const decode = (text, size) => (text.startsWith('ringA') ? decodeCompact : decodeJson)(text, size)

// Form C

const STRING_OR_NAME = /"(?:[^"\\]|\\.)*"([ \t\r\n]*:)?/g

function isNostringer(content) {
  try {
    const value = JSON.parse(content)
    return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, 'ring_signature')
  } catch {
    return false
  }
}

function readNostringer(event) {
  const { message, ring_members, ring_signature, ...others } = JSON.parse(event.content)
  const names = [...event.content.matchAll(STRING_OR_NAME)].filter(match => match[1] !== undefined)
  demand(Object.keys(others).length === 0 && names.length === 3)
  demand(typeof message === 'string' && message.isWellFormed() && Array.isArray(ring_members))
  demand(typeof ring_signature === 'string' && ring_members.every(key => typeof key === 'string'))
  const ring = ring_members.map(parseKey)
  return { form: 'nostringer', ring, signature: decodeCompact(ring_signature, ring.length), candidates: [{ text: message }] }
}

function parseKey(key) {
  if (HEX_KEY.test(key)) return hexToBytes(key)
  demand(/^npub1[02-9ac-hj-np-z]{58}$/.test(key))
  return bech32.decodeToBytes(key).bytes
}

// Form D. `_`, Q and MARK are spelled out where a pattern is made.

const pattern = (source, flags = '') =>
  new RegExp(source.replaceAll('MARK', '(?:[-*]|([0-9]{1,4})[.)])[ \\t]+').replaceAll('Q', '["\'`]?').replaceAll('_', '[ \\t\\r\\n]*'), flags)
const MARK_COMPACT = /ringA[A-Za-z0-9_-]{100}/
const MARK_C0 = pattern('"c0"_:_"[0-9A-Fa-f]{64}"')
const MARK_S = pattern('"s"_:_\\[_"[0-9A-Fa-f]{64}"')
const SIGNATURE = new RegExp(`ringA[A-Za-z0-9_-]{100,}|${JSON_SIGNATURE}`, 'g')
const KEY = /(?<![0-9A-Za-z])(?:[0-9a-f]{64}|(?:nostr:)?npub1[02-9ac-hj-np-z]{58})(?![0-9A-Za-z])/g
const BEFORE = pattern('(?:(?<![^ \\t\\r\\n])MARK)?(?:\\[_)?Q$')
const GAP = pattern('^Q(?:_\\])?_(?:,_)?(?:(?<=[ \\t\\r\\n])MARK)?(?:\\[_)?Q$')
const AFTER = pattern('^Q(?:_\\])?,?')
const label = names =>
  `(?:#{1,6} )?(?:NAME:|\\*\\*NAME:\\*\\*|\\*\\*NAME\\*\\*:|__NAME:__|__NAME__:)`.replaceAll('NAME', `(?:${names})`)
const LABEL = new RegExp(`^(?:${label('message|ring|ring members|members|signature|ring signature')}|---)$`, 'i')
const MESSAGE_LABEL = new RegExp(`^[ \\t]*${label('message')}`, 'i')

const holdsSignature = text => MARK_COMPACT.test(text) || (MARK_C0.test(text) && MARK_S.test(text))
const isLabel = line => LABEL.test(strip(line))
const isFence = line => /^```(json|text)?$/.test(strip(line))
const holdsLabelsOnly = text => text.split('\n').every(line => strip(line) === '' || isLabel(line) || isFence(line))

function readText({ content }) {
  demand(content.split('\n').length <= MAX_LINES)
  const cut = findSignature(content)
  const block = findMembers(content, cut)
  const ring = block.keys.map(key => parseKey(key.replace('nostr:', '')))
  const [first, second] = cut.start < block.start ? [cut, block] : [block, cut]
  const pieces = [content.slice(0, first.start), content.slice(first.end, second.start), content.slice(second.end)]
  return { form: 'text', ring, signature: decode(cut.text, ring.length), candidates: listCandidates(pieces) }
}

function findSignature(content) {
  const [found, ...others] = content.matchAll(SIGNATURE)
  demand(found && others.length === 0)
  let [start, end] = [found.index, found.index + found[0].length]
  if (found[0].startsWith('ringA') && start > 0 && '"\'`'.includes(content[start - 1]) && content[start - 1] === content[end]) {
    start--
    end++
  }
  return { text: found[0], start, end }
}

function findMembers(content, cut) {
  const runs = [...listRuns(content.slice(0, cut.start), 0), ...listRuns(content.slice(cut.end), cut.end)]
  const most = Math.max(...runs.map(run => run.keys.length))
  const [block, ...others] = runs.filter(run => run.keys.length === most)
  demand(block && others.length === 0)
  demand(block.numbers.every((number, i) => number === undefined || number === String(i + 1)))
  return block
}

function listRuns(text, offset) {
  const runs = []
  let end = 0
  for (const match of text.matchAll(KEY)) {
    const gap = runs.length > 0 && GAP.exec(text.slice(end, match.index))
    if (!gap) {
      const before = BEFORE.exec(text.slice(0, match.index))
      runs.push({ start: offset + before.index, keys: [], numbers: [before[1]] })
    } else runs.at(-1).numbers.push(gap[1])
    end = match.index + match[0].length
    runs.at(-1).keys.push(match[0])
    runs.at(-1).end = offset + end + AFTER.exec(text.slice(end))[0].length
  }
  return runs
}

function listCandidates(pieces) {
  const all = []
  const add = (piece, from, text) => {
    const outside = [pieces[piece].slice(0, from), pieces[piece].slice(from + text.length), ...pieces.filter((_, i) => i !== piece)]
    if (text !== '' && all.every(other => other.text !== text)) all.push({ text, isWhole: outside.every(holdsLabelsOnly) })
  }
  const stripAt = (piece, from, to) => {
    const text = strip(pieces[piece].slice(from, to))
    return [piece, text === '' ? from : pieces[piece].indexOf(text, from), text]
  }
  const trimmed = pieces.map((piece, i) => stripAt(i, 0, lengthWithoutLabels(piece)))
  add(0, 0, pieces[0])
  add(...stripAt(0, 0))
  add(...trimmed[0])
  const labelled = trimmed.map(findLabelled).find(found => found !== null)
  add(...unfence(...(labelled ? stripAt(...labelled) : trimmed[0])))
  return all
}

function lengthWithoutLabels(piece) {
  const lines = piece.split('\n')
  let isOpen = lines.filter(isFence).length % 2 === 1
  while (lines.length > 0) {
    const line = lines.at(-1)
    if (isFence(line) && isOpen) isOpen = false
    else if (strip(line) !== '' && !isLabel(line)) break
    lines.pop()
  }
  return lines.join('\n').length
}

// Return the piece and the places in it where what follows the label begins and ends.
function findLabelled([piece, from, text]) {
  let at = from
  for (const line of text.split('\n')) {
    const match = MESSAGE_LABEL.exec(line)
    if (match) return [piece, at + match[0].length, from + text.length]
    at += line.length + 1
  }
  return null
}

function unfence(piece, from, text) {
  const lines = text.split('\n')
  if (lines.length < 2 || !isFence(lines[0]) || !isFence(lines.at(-1))) return [piece, from, text]
  return [piece, from + lines[0].length + 1, lines.slice(1, -1).join('\n')]
}
