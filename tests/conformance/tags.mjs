// The tags of a message-only note, by docs/ring-notes.md: they repeat what stands in the signed words. No curve operation.
import { hexToBytes } from '@noble/hashes/utils.js'
import { bech32 } from '@scure/base'
import { demand } from './errors.mjs'

const OWN = ['ring-members', 'ring-signature', 'nonce']
const BECH32 = '[02-9ac-hj-np-z]'
const HEX_OR_NPUB = `(?:[0-9a-f]{64}|npub1${BECH32}{58})(?![0-9A-Za-z])`
const KEYS = new RegExp(`(?<![0-9A-Za-z])(?:${HEX_OR_NPUB}|nprofile1${BECH32}{55})`, 'g')
const IMETA = {
  url: /^[^]+$/,
  m: /^(?:application|audio|image|text|video)\/[a-z0-9][a-z0-9.+-]{0,39}$/,
  x: /^[0-9a-f]{64}$/,
  dim: /^[0-9]{1,5}x[0-9]{1,5}$/,
}

const compared = tags => tags.filter(([name]) => !OWN.includes(name))
const readImeta = ([, ...elements]) => elements.map(element => element.split(/ ([^]*)/).slice(0, 2))

// What of the tags is not valid whatever the words.
export function checkTags(tags) {
  const nonces = tags.filter(([name]) => name === 'nonce')
  demand(nonces.length <= 1 && nonces.every(([, ...values]) => values.length === 1 || values.length === 2))
  demand(nonces.every(([, ...values]) => values.every(value => /^[0-9]{1,39}$/.test(value))))
  for (const tag of compared(tags)) {
    demand(['p', 't', 'r', 'imeta'].includes(tag[0]))
    if (tag[0] === 'imeta') checkImeta(tag)
    else demand(tag.length >= 2 && tag.length <= 4)
  }
  demand(compared(tags).flat().length <= 64)
}

function checkImeta(tag) {
  const pairs = readImeta(tag)
  const names = pairs.map(([name]) => name)
  demand(names.includes('url') && new Set(names).size === names.length)
  demand(pairs.every(([name, value]) => Object.hasOwn(IMETA, name) && IMETA[name].test(value ?? '')))
}

const spell = key => [
  key,
  bech32.encode('npub', bech32.toWords(hexToBytes(key))),
  bech32.encode('nprofile', bech32.toWords(hexToBytes('0020' + key)), false).slice(0, 'nprofile1'.length + 55),
]

function hasHashtag(words, value) {
  const [text, hashtag] = [words.toLowerCase(), '#' + value.toLowerCase()]
  const size = [...hashtag].length - 1
  if (size < 1 || size > 100 || hashtag.includes('#', 1)) return false
  return text.split(hashtag).slice(1).some(rest => !/^[a-z0-9_]/.test(rest))
}

const REPEATS = {
  p: (words, value) => /^[0-9a-f]{64}$/.test(value) && (words.match(KEYS) ?? []).some(key => spell(value).includes(key)),
  t: hasHashtag,
  r: (words, value) => value !== '' && words.includes(value),
}

// Whether tags that checkTags lets pass repeat these words.
export function repeatWords(tags, words) {
  return compared(tags).every(tag => {
    const [name, value, ...others] = tag
    if (name === 'imeta') return words.includes(Object.fromEntries(readImeta(tag)).url)
    return REPEATS[name](words, value) && others.every(other => words.includes(other))
  })
}
