// Form D of docs/ring-notes.md: where a text says its members, its signature and its message. No curve operation.
const TOKENS = {
  HEX: '"[0-9a-f]{64}"',
  KEY: '(?<![0-9A-Za-z])(?:[0-9a-f]{64}|(?:nostr:)?npub1[02-9ac-hj-np-z]{58})(?![0-9A-Za-z])',
  MARK: '(?:[-*]|([0-9]{1,4})[.)])[ \\t]+',
  Q: '["\'`]?',
  _: '[ \\t\\r\\n]*',
}
const pattern = (source, flags) => new RegExp(source.replace(/HEX|KEY|MARK|Q|_/g, token => TOKENS[token]), flags)
const C0 = '"c0"_:_HEX'
const S = '"s"_:_\\[_HEX(?:_,_HEX)*_\\]'
const JSON_SIGNATURE = `\\{_(?:${C0}_,_${S}|${S}_,_${C0})_\\}`
export const WHOLE_JSON_SIGNATURE = pattern(`^_${JSON_SIGNATURE}_$`)
const SIGNATURE = pattern(`(?<quote>Q)(?<compact>ringA[\\w-]{100,})\\k<quote>|${JSON_SIGNATURE}`, 'g')
const BEFORE = '(?:(?<![^ \\t\\r\\n])MARK)?(?:\\[_)?Q'
const GAP = 'Q(?:_\\])?_(?:,_)?(?:(?<=[ \\t\\r\\n])MARK)?(?:\\[_)?Q'
const AFTER = 'Q(?:_\\])?,?'
const RUN = pattern(`${BEFORE}KEY(?:${GAP}KEY)*${AFTER}`, 'g')
const NUMBER_AND_KEY = pattern('(?:MARK(?:\\[_)?Q)?(KEY)', 'g')
const label = names => String.raw`(?:#{1,6} )?(?<bold>\*\*|__|)(?:${names})(?::\k<bold>|\k<bold>:)`
const LABELS = label('message|ring|ring members|members|signature|ring signature')
const FILLER = new RegExp(String.raw`^[ \t\r]*(?:(?:${LABELS}|---)[ \t\r]*)?$`, 'i')
const MESSAGE_LABEL = new RegExp(String.raw`(?<![^\n])[ \t]*${label('message')}`, 'i')
const isFiller = line => FILLER.test(line)
const isFence = line => /^[ \t\r]*```(?:json|text)?[ \t\r]*$/.test(line)
const saysNothing = text => text.split('\n').every(line => isFiller(line) || isFence(line))

export function demand(condition) {
  if (!condition) throw new Error('not valid')
}

// A text without the marks of form D holds no signature, so they need no look of their own.
export function readText({ content }) {
  const [found, ...others] = content.matchAll(SIGNATURE)
  demand(found && others.length === 0 && content.split('\n').length <= 2500)
  const signature = { start: found.index, end: found.index + found[0].length }
  const block = findMembers(content, signature)
  const [first, second] = signature.start < block.start ? [signature, block] : [block, signature]
  const pieces = [content.slice(0, first.start), content.slice(first.end, second.start), content.slice(second.end)]
  const keys = block.entries.map(([, , key]) => key.replace('nostr:', ''))
  return { form: 'text', keys, signature: found.groups.compact ?? found[0], candidates: listCandidates(pieces) }
}

function findMembers(content, { start, end }) {
  const runs = [...listRuns(content.slice(0, start), 0), ...listRuns(content.slice(end), end)]
  const [block, second] = runs.sort((one, other) => other.entries.length - one.entries.length)
  demand(block && block.entries.length !== second?.entries.length)
  demand(block.entries.every(([, number], i) => number === undefined || number === String(i + 1)))
  return block
}

function listRuns(text, offset) {
  return [...text.matchAll(RUN)].map(({ 0: run, index }) => {
    return { start: offset + index, end: offset + index + run.length, entries: [...run.matchAll(NUMBER_AND_KEY)] }
  })
}

function listCandidates(pieces) {
  const parts = pieces.map((text, i) => ({ before: '', text, after: '', others: pieces.toSpliced(i, 1) }))
  const trimmed = parts.map(trim)
  const labelled = trimmed.map(followLabel).find(part => part !== null) ?? trimmed[0]
  return [parts[0], strip(parts[0]), trimmed[0], unfence(labelled)]
    .filter(({ text }, i, all) => text !== '' && all.findIndex(part => part.text === text) === i)
    .map(({ before, text, after, others }) => ({ text, isWhole: [before, after, ...others].every(saysNothing) }))
}

// What is cut off a part of a piece still counts: it stands before or after it.
function cut({ before, text, after, others }, from, to = text.length) {
  return { before: before + text.slice(0, from), text: text.slice(from, to), after: text.slice(to) + after, others }
}

// Of white space alone nothing is left, as it ends before it begins.
const strip = part => cut(part, part.text.search(/[^ \t\r\n]|$/), part.text.search(/(?<![ \t\r\n])[ \t\r\n]*$/))

function trim(part) {
  const lines = part.text.split('\n')
  let isOpen = lines.filter(isFence).length % 2 === 1
  while (lines.length > 0 && (isFiller(lines.at(-1)) || (isOpen && isFence(lines.at(-1))))) {
    isOpen = !isFence(lines.pop()) && isOpen
  }
  return strip(cut(part, 0, lines.join('\n').length))
}

function followLabel(part) {
  const match = MESSAGE_LABEL.exec(part.text)
  return match && strip(cut(part, match.index + match[0].length))
}

function unfence(part) {
  const [first, ...lines] = part.text.split('\n')
  if (lines.length === 0 || !isFence(first) || !isFence(lines.at(-1))) return part
  return cut(part, first.length + 1, part.text.length - lines.at(-1).length - 1)
}
