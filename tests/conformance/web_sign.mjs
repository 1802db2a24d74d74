// What the file that signs does without its page: a line of JSON says what, and a line answers.
import { createInterface } from 'node:readline'
import { parsePublicKey, parseSecretKey } from '../../web/core/author_keys.js'
import { BadInput } from '../../web/core/bad_input.js'
import { makeNote } from '../../web/core/compose.js'
import { pickTime } from '../../web/core/draft.js'
import { decryptKey, parseEncryptedKey } from '../../web/core/encrypted_key.js'
import { fromHex, toHex } from '../../web/core/hex.js'
import { lintRing } from '../../web/core/lint.js'
import { joinParts, splitParts } from '../../web/core/qr_parts.js'
import { system } from '../../web/core/random.js'
import { review } from '../../web/core/review.js'
import { parseRing } from '../../web/core/ring_file.js'
import { countNeededBits } from '../../web/core/risks.js'
import { encodeEvent } from '../../web/core/sign_event.js'
import { lintStyle } from '../../web/core/style_lint.js'
import { verify } from '../../web/core/verify.js'
import { readMessage } from '../../web/post/message.js'
import { readNote } from '../../web/sign/read_note.js'
import { say } from '../../web/sign/say.js'
import { actions as worker } from '../../web/sign/worker.js'
import { TEXTS } from '../../web/sign/texts.js'

const tell = (remarks) => remarks.map((remark) => say('en', remark))

// Chance as a list: what is drawn, in its order, in hex.
function listed(draws) {
  const next = () => fromHex(draws.shift())
  return { drawScalar: next, drawBytes: next }
}

const actions = {
  // Each draft with what is drawn, or without: then by chance.
  sign: ({ drafts }) => drafts.map(({ now, draws, ...draft }) => {
    const createdAt = now === undefined ? draft.createdAt : pickTime(now, system)
    const whole = { ...draft, createdAt, secret: fromHex(draft.secret) }
    return encodeEvent(makeNote(whole, draws ? listed([...draws]) : system))
  }),
  // What the page's worker makes of a key and of what stands in the fields.
  page: ({ key, fields }) => {
    worker.useKey({ text: key })
    return worker.sign(fields, () => {}).json
  },
  verify: ({ events }) => events.map((event) => verify(event)),
  secret: ({ text }) => toHex(parseSecretKey(text)),
  public: ({ text }) => toHex(parsePublicKey(text)),
  ring: ({ text }) => parseRing(text),
  lint: ({ ring, own, scheme }) => tell(lintRing(ring, own, scheme)),
  decrypt: ({ text, passphrase }) => toHex(decryptKey(parseEncryptedKey(text), passphrase)),
  style: ({ text, ring }) => tell(lintStyle(text, ring)),
  review: ({ wanted, secret }) => {
    const { plan, refusals, warnings } = review(wanted, fromHex(secret))
    return { plan, refusals: tell(refusals), warnings: tell(warnings) }
  },
  bits: ({ size, form, scheme }) => countNeededBits(size, form, scheme),
  split: ({ text }) => splitParts(text),
  join: ({ text }) => joinParts(text),
  post: ({ text }) => readMessage(text)?.message ?? null,
  note: ({ text }) => readNote(text),
  texts: () => TEXTS,
}

for await (const line of createInterface({ input: process.stdin })) {
  const { action, ...given } = JSON.parse(line)
  let answer
  try {
    answer = { found: actions[action](given) }
  } catch (error) {
    answer = error instanceof BadInput ? { refused: say('en', error.remark) } : { fault: error.stack }
  }
  console.log(JSON.stringify(answer))
}
