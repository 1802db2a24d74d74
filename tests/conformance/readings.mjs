// The readings of a text of form D of docs/ring-notes.md: the words that the ring may have signed. No curve operation.
import { findAnnouncement, isBlank, isFence, isLabelLine, isRule, saysNothing, unquote } from './labels.mjs'

// The signs that can stand around a compact signature, and all but the last three around the message.
export const PAIRS = '"" \'\' `` “” „“ „” ”” «» »« ‘’ ‚‘ 「」 『』 <> () []'.split(' ')
const MESSAGE_PAIRS = PAIRS.filter(pair => !['<>', '()', '[]'].includes(pair))
const STRIPPED = '[ \\t\\r\\n\\u200b\\u200c\\u200d\\u2060\\ufeff]'
const STRIPPED_START = new RegExp(`^${STRIPPED}*`)
const STRIPPED_END = new RegExp(`(?<!${STRIPPED})${STRIPPED}*$`)
const SPACES_AT_ENDS = /^[ \t\r\n\u00a0\u202f]+|(?<![ \t\r\n\u00a0\u202f])[ \t\r\n\u00a0\u202f]+$/g
const isSpace = text => /^[ \t\r\n]*$/.test(text)

export function listReadings(pieces) {
  const parts = pieces.map((text, i) => ({ before: '', text, after: '', others: pieces.toSpliced(i, 1) }))
  const [head] = parts
  const [stripped, trimmed] = [strip(head), trim(head)]
  const value = openFence(dropRules(findValue(parts.map(trim)) ?? trimmed))
  const respelled = respell(value)
  // What is cut off the head's end by trimming alone belongs to no reading of the whole.
  const isWhole = trimmed.after.length === stripped.after.length && respelled.every(text => text === value.text + '\n')
  const heads = trimmed.text === '' ? [] : [...(isWhole ? [head] : []), stripped, trimmed]
  const first = new Set([head.text, stripped.text, trimmed.text, value.text].filter(text => text !== ''))
  return [...heads, value, ...respelled.filter(text => !isSpace(text)).map(text => ({ ...value, text }))]
    .filter(({ text }, i, all) => text !== '' && all.findIndex(part => part.text === text) === i)
    .slice(0, Math.max(2, Math.floor(first.size * 1.5)))
    .map(({ before, text, after, others }) => ({ text, isWhole: [before, after, ...others].every(saysNothing) }))
}

// What is cut off a part of a piece still counts: it stands before or after it.
function cut({ before, text, after, others }, from, to = text.length) {
  return { before: before + text.slice(0, from), text: text.slice(from, to), after: text.slice(to) + after, others }
}

function strip(part) {
  const from = STRIPPED_START.exec(part.text)[0].length
  return cut(part, from, Math.max(from, part.text.search(STRIPPED_END)))
}

function trim(part) {
  const lines = part.text.split('\n')
  let isOpen = lines.filter(isFence).length % 2 === 1
  while (lines.length > 0 && (isLabelLine(lines.at(-1)) || (isOpen && isFence(lines.at(-1))))) {
    isOpen = !isFence(lines.pop()) && isOpen
  }
  return strip(cut(part, 0, lines.join('\n').length))
}

function findValue(parts) {
  for (const part of parts) {
    let start = 0
    for (const line of part.text.split('\n')) {
      const length = findAnnouncement(line)
      if (length !== undefined) return strip(cut(part, start + length))
      start += line.length + 1
    }
  }
  return undefined
}

// Take off the lines at the beginning that say nothing; one fence is of them where it has no second.
function dropRules(part) {
  const lines = part.text.split('\n')
  let isOpen = lines.filter(isFence).length % 2 === 1
  let size = 0
  while (lines.length > 0 && (isBlank(lines[0]) || isRule(lines[0]) || (isOpen && isFence(lines[0])))) {
    isOpen = !isFence(lines[0]) && isOpen
    size += lines.shift().length + 1
  }
  return strip(cut(part, Math.min(size, part.text.length)))
}

function openFence(part) {
  const [first, ...lines] = part.text.split('\n')
  if (lines.length === 0 || !isFence(first) || !isFence(lines.at(-1))) return part
  return cut(part, first.length + 1, part.text.length - lines.at(-1).length - 1)
}

// Readings 5 to 7, those that are another text than the one before.
function respell({ text, after }) {
  const opened = open(text)
  const joined = opened.replaceAll('\r\n', '\n')
  const others = [...(opened === text ? [] : [opened]), ...(joined === opened ? [] : [joined])]
  return /^[ \t\r\n]/.test(after) ? [...others, joined + '\n'] : others
}

function open(text) {
  const characters = [...text]
  const isQuoted = characters.length > 2 && MESSAGE_PAIRS.includes(characters.at(0) + characters.at(-1))
  const isBold = characters.length > 4 && text.startsWith('**') && text.endsWith('**')
  const opened = isQuoted || isBold ? characters.slice(isQuoted ? 1 : 2, isQuoted ? -1 : -2).join('') : unquote(text)
  return (opened ?? text).replace(SPACES_AT_ENDS, '')
}
