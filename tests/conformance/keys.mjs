// How docs/ring-notes.md lets the members of a ring be written. No curve operation.
import { bytesToHex } from '@noble/hashes/utils.js'
import { bech32 } from '@scure/base'
import { demand } from './errors.mjs'

const BECH32 = '[02-9ac-hj-np-z]'
const WORDS = `npub1${BECH32}{58}|nprofile1${BECH32}{58,247}`
const SPELLING = new RegExp(`^(?:(?<sign>0[23])?(?<x>[0-9a-f]{64})|${WORDS})$`, 'u')
// A key in a text of form D.
export const KEY = `(?<![0-9A-Za-z])(?:(?:0[23])?[0-9a-f]{64}|(?:nostr:)?(?:${WORDS}))(?![0-9A-Za-z])`

// A member: its x and its point in hex, and whether it is written as x alone, without a sign.
export function parseKey(text) {
  const match = SPELLING.exec(text)
  demand(match)
  const { sign, x = readWords(text) } = match.groups
  return { x, point: (sign ?? '02') + x, isBare: sign === undefined }
}

function readWords(text) {
  const { bytes } = bech32.decodeToBytes(text)
  return bytesToHex(text.startsWith('npub1') ? bytes : readProfile(bytes))
}

// Entries of a type, a length and so many bytes (NIP-19); the key has the type 0.
function readProfile(bytes) {
  const keys = []
  for (let at = 0; at < bytes.length; at += 2 + bytes[at + 1]) {
    demand(at + 1 < bytes.length && at + 2 + bytes[at + 1] <= bytes.length)
    if (bytes[at] === 0) keys.push(bytes.slice(at + 2, at + 2 + bytes[at + 1]))
  }
  demand(keys.length === 1 && keys[0].length === 32)
  return keys[0]
}
