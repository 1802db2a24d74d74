// Read pieces of texts with web/core as form D of docs/ring-notes.md says: one JSON line on stdin, one on stdout. {"pieces"}
// gives the readings of three pieces, {"text"} the lists of keys in a text.
import { createInterface } from 'node:readline'
import { listBlocks } from '../../web/core/text_members.js'
import { listReadings } from '../../web/core/text_words.js'

const readings = pieces => listReadings(pieces).map(({ words, outside }) => [words, outside === undefined])
const lists = text =>
  listBlocks(text).map(({ start, end, keys, places, isLabelled, hasNamesOnBothSides }) => ({
    rest: [text.slice(0, start), text.slice(end)],
    keys,
    places: places.map(place => place ?? null),
    isLabelled,
    hasNamesOnBothSides,
  }))

for await (const line of createInterface({ input: process.stdin })) {
  const { pieces, text } = JSON.parse(line)
  console.log(JSON.stringify(pieces ? readings(pieces) : lists(text)))
}
