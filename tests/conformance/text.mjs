// Form D of docs/ring-notes.md: where a text says its members, its signature and its message. No curve operation.
import { demand } from './errors.mjs'
import { unquote } from './labels.mjs'
import { findMembers } from './members.mjs'
import { PAIRS, listReadings } from './readings.mjs'

const MOST_LINES = 2500
const _ = '[ \\t\\r\\n]*'
const HEX = '"[0-9a-f]{64}"'
const C0 = `"c0"${_}:${_}${HEX}`
const S = `"s"${_}:${_}\\[${_}${HEX}(?:${_},${_}${HEX})*${_}\\]`
const JSON_SIGNATURE = `\\{${_}(?:${C0}${_},${_}${S}|${S}${_},${_}${C0})${_}\\}`
export const WHOLE_JSON_SIGNATURE = new RegExp(`^${_}${JSON_SIGNATURE}${_}$`)
const SIGNATURE = new RegExp(`ringA[A-Za-z0-9_-]{100,}|${JSON_SIGNATURE}`, 'g')
const MARK_COMPACT = /ringA[A-Za-z0-9_-]{100}/
const MARK_C0 = /"c0"[ \t\r\n]*:[ \t\r\n]*"[0-9A-Fa-f]{64}"/
const MARK_S = /"s"[ \t\r\n]*:[ \t\r\n]*\[[ \t\r\n]*"[0-9A-Fa-f]{64}"/

export function readText({ content }) {
  demand(MARK_COMPACT.test(content) || (MARK_C0.test(content) && MARK_S.test(content)))
  demand(content.split('\n').length <= MOST_LINES)
  const text = unquote(content) ?? content
  const signature = findSignature(text)
  const block = findMembers(text.slice(0, signature.start), text.slice(signature.end), signature.end)
  const [first, second] = signature.start < block.start ? [signature, block] : [block, signature]
  const pieces = [text.slice(0, first.start), text.slice(first.end, second.start), text.slice(second.end)]
  return { form: 'text', keys: block.keys, signature: signature.text, candidates: listReadings(pieces) }
}

function findSignature(text) {
  const [found, ...others] = text.matchAll(SIGNATURE)
  demand(found && others.length === 0)
  const [start, end] = [found.index, found.index + found[0].length]
  if (!found[0].startsWith('ringA')) return { text: found[0], start, end }
  const isQuoted = PAIRS.includes(text.slice(start - 1, start) + text.slice(end, end + 1))
  const [from, to] = isQuoted ? [start - 1, end + 1] : [start, end]
  return { text: found[0], start: from, end: text[to] === '.' ? to + 1 : to }
}
