// The list of members in a text of form D of docs/ring-notes.md: its keys, and the block that it takes. No curve operation.
import { demand } from './errors.mjs'
import { KEY } from './keys.mjs'
import { clear, isInTable, isLabelOf } from './labels.mjs'

const LONGEST_LEFT = 120
const LONGEST_LABEL = 200
const { raw } = String
const _ = raw`[ \t\r\n]*`
const Q = raw`(?:["'${'`'}«»‘’“”„]|\*\*|__)?`
const OPEN = raw`(?:[\[({<]${_})?${Q}@?`
const CLOSE = raw`${Q}(?:${_}[\])}>])?`
const MARK = raw`(?:[*+][ \t]+|[-–—•‣▪·>][ \t]*|\(?(?<number>[0-9]{1,4})[.):][ \t]*)`
const COMMA = '[,;|、，；]'
const AND = raw`(?:(?:and|or|und|oder|et|ou|y|e|o|en|of|i|lub|и|или|&|\+)(?=[ \t\r\n]))`
const L = raw`A-Za-zÀ-ÖØ-öø-\u024f\u0386\u0388-\u03ff\u0400-\u0481\u048a-\u052f\u05d0-\u05ea\u0620-\u064a\u1e00-\u1eff`
const K = raw`\u3041-\u3096\u30a1-\u30fa\u30fc\u4e00-\u9fff\uac00-\ud7a3`
const NO_MORE = `(?![${L}${K}0-9_'’-]|\\.)`
const NO = [
  '[Nn](?:o|on|ot|ever|icht|ie|iemals|unca|ão|iet|ooit|igdy)|[Kk]eine?|[Pp]as|[Jj]amais|[Mm]ai|[Ww]ithout|[Oo]hne|[Ss]ans',
  '[Ss]in|[Ss]em|[Ss]enza|[Zz]onder|[Bb]ez|не|Не|без|Без|不|没|非|無',
].join('|')
const WORD = `(?!${AND})(?!(?:${NO})${NO_MORE})(?:[${K}]{1,8}|[${L}](?:[${L}]|[0-9_'’-]){0,15}\\.?)${NO_MORE}`
const NUMBER = `[0-9]{1,4}${NO_MORE}`
const SECOND = raw`(?:(?![a-zß-öø-ÿ\u03ac-\u03ce\u0430-\u045f])${WORD}|${NUMBER})`
const NAME = `(?<name>${WORD}(?: ${SECOND})?(?: ${NUMBER})?)`
const SIGN = raw`[ \t]*[:=#–—-][ \t]+`
const B = raw`(?:\*\*|__|["'])?`
const NAMED = raw`${B}@?${NAME}:?${B}(?:${SIGN}|[ \t]+)`
const LINKED = raw`\[@?${NAME}\]`
const IN_BRACKETS = raw`[ \t]*\([ \t]*@?${NAME}[ \t]*\)`
const BEHIND = raw`(?:(?<sign>${SIGN})|[ \t]+)@?${NAME}(?=[ \t\r]*(?:${COMMA}|\n|${AND}|$))`
const BREAKS = [raw`[ \t\r]*${COMMA}${_}(?:${AND}${_})?`, raw`[ \t\r]+${AND}${_}`, raw`[ \t\r]*\n${_}(?:${AND}${_})?`]
const BEFORE_LEFT = raw`(?:(?<![^\n])[ \t]*${MARK}?|(?<=[:：])[ \t]*)`

const at = source => new RegExp(source, 'uy')
const READ = {
  space: [at(_)],
  open: [at(OPEN)],
  close: [at(CLOSE)],
  mark: [at(MARK)],
  left: [at(NAMED), at(raw`${LINKED}(?=\()`)],
  right: [at(IN_BRACKETS), at(BEHIND)],
  break: BREAKS.map(at),
  stop: [at('[,;.]')],
}
const endingIn = source => new RegExp(`(?:${source})$`, 'gu')
const OPEN_BEFORE = endingIn(OPEN)
const MARK_BEFORE = endingIn(raw`(?<![^ \t\r\n])${MARK}`)
const NAMED_BEFORE = endingIn(BEFORE_LEFT + NAMED)
const LINKED_BEFORE = endingIn(BEFORE_LEFT + LINKED)

// Reads one pattern after another. What has been read is not taken back.
class Reader {
  constructor(text, place = 0) {
    Object.assign(this, { text, place })
  }

  // The match of the first pattern of this kind that matches here, or null. It is read if it is accepted.
  read(kind, accept = () => true) {
    const matches = READ[kind].map(pattern => matchFrom(pattern, this.text, this.place))
    const match = matches.find(found => found !== null) ?? null
    if (match === null || !accept(match)) return null
    this.place += match[0].length
    return match
  }
}

function matchFrom(pattern, text, place) {
  pattern.lastIndex = place
  return pattern.exec(text)
}

// The last characters of a text, of which some take two of JavaScript's units.
const takeLast = (text, size) => [...text.slice(-2 * size)].slice(-size).join('')
const isNamed = match => !isInTable(match.groups.name)

// The members of a note in two texts, which are searched separately: the part before its signature and the part behind it.
export function findMembers(before, after, offset) {
  const lists = [...findLists(before, 0), ...findLists(after, offset)]
  const labelled = lists.filter(({ isLabelled }) => isLabelled)
  const ranked = (labelled.length > 0 ? labelled : lists).toSorted((one, other) => other.keys.length - one.keys.length)
  const [block, second] = ranked
  demand(block && block.keys.length !== second?.keys.length && !(block.hasLeft && block.hasRight))
  demand(block.numbers.every((number, i) => number === undefined || number === String(i + 1)))
  return block
}

function findLists(text, offset) {
  const found = [...text.matchAll(new RegExp(KEY, 'gu'))]
  const keys = found.map(({ 0: key, index }) => ({ key, start: index, end: index + key.length }))
  const lists = []
  for (const [i, key] of keys.entries()) {
    const gap = i > 0 ? readGap(text.slice(keys[i - 1].end, key.start)) : null
    if (gap === null) lists.push({ keys: [key], gaps: [] })
    else lists.at(-1).keys.push(key) && lists.at(-1).gaps.push(gap)
  }
  return lists.filter(({ keys }) => keys.length > 1).map(list => measure(text, list, offset))
}

// What stands between two keys of one list, or null where they belong to none.
function readGap(text) {
  const reader = new Reader(text)
  reader.read('close')
  const right = reader.read('right')
  const isBroken = reader.read('break') !== null
  if (!isBroken && right !== null) return null
  if (!isBroken) reader.read('space')
  const mark = /[ \t\r\n]/.test(text[reader.place - 1] ?? '') ? reader.read('mark') : null
  const left = isBroken ? reader.read('left', isNamed) : null
  reader.read('open')
  if (reader.place !== text.length) return null
  return { number: mark?.groups.number, hasLeft: left !== null, hasRight: right !== null }
}

function measure(text, { keys, gaps }, offset) {
  const first = beginBlock(text, keys[0].start, gaps[0].hasLeft)
  const last = endBlock(text, keys.at(-1).end, gaps.at(-1).hasRight)
  return {
    start: offset + first.start,
    end: offset + last.end,
    keys: keys.map(({ key }) => key.replace('nostr:', '')),
    numbers: [first.number, ...gaps.map(({ number }) => number)],
    isLabelled: isLabelled(text.slice(0, first.start)),
    hasLeft: first.hasLeft || gaps.some(({ hasLeft }) => hasLeft),
    hasRight: last.hasRight || gaps.some(({ hasRight }) => hasRight),
  }
}

const isLabelled = before => isLabelOf(clear(clear(takeLast(before, LONGEST_LABEL)).split('\n').at(-1)), 'members')

function beginBlock(text, keyStart, isNamedLeft) {
  const [open] = matchFrom(OPEN_BEFORE, text.slice(0, keyStart), 0)
  const before = text.slice(0, keyStart - open.length)
  const line = before.slice(before.lastIndexOf('\n') + 1)
  const from = before.length - takeLast(line, LONGEST_LEFT).length
  const patterns = [NAMED_BEFORE, ...(open.startsWith('(') ? [LINKED_BEFORE] : [])]
  const left = patterns.map(pattern => matchFrom(pattern, before, from)).find(found => found !== null)
  const hasLeft = left !== undefined && isNamed(left) && (isNamedLeft || isLabelled(before.slice(0, left.index)))
  const match = hasLeft ? left : matchFrom(MARK_BEFORE, before, from)
  return { start: before.length - (match?.[0].length ?? 0), number: match?.groups.number, hasLeft }
}

function endBlock(text, keyEnd, isNamedRight) {
  const reader = new Reader(text, keyEnd)
  reader.read('close')
  const right = reader.read('right', ({ 0: all, groups }) => isNamedRight || groups.sign || all.endsWith(')'))
  reader.read('stop')
  return { end: reader.place, hasRight: right !== null }
}
