// Verify ring notes by docs/ring-notes.md alone: one event a line on stdin, one JSON result a line on stdout.
import { createInterface } from 'node:readline'
import { computeId, readClaim } from './forms.mjs'
import { bytes, demand, findDialect, hex, schnorrVerifies, scopeOf, toRingId } from './scheme.mjs'

const isHex = (value, size) => typeof value === 'string' && value.length === size && /^[0-9a-f]+$/.test(value)
const isText = value => typeof value === 'string' && value.isWellFormed()
const isNumber = (value, most) => Number.isInteger(value) && value >= 0 && value <= most

function checkEvent(event) {
  demand(isHex(event.id, 64) && isHex(event.pubkey, 64) && isHex(event.sig, 128))
  demand(isNumber(event.kind, 65535) && isNumber(event.created_at, Number.MAX_SAFE_INTEGER) && isText(event.content))
  demand(Array.isArray(event.tags) && event.tags.every(tag => Array.isArray(tag) && tag.length > 0 && tag.every(isText)))
  demand(computeId(event) === event.id && schnorrVerifies(event.sig, event.id, event.pubkey))
}

function verify(event) {
  checkEvent(event)
  const { form, binding, ring, signature, candidates } = readClaim(event)
  for (const { text, isWhole } of candidates) {
    const dialect = findDialect(bytes(text), ring, signature, form === 'bound')
    if (dialect === null) continue
    demand(isWhole !== false)
    return {
      valid: true,
      form,
      scheme: signature.scheme,
      dialect,
      binding,
      ring_size: ring.length,
      ring_id: toRingId(ring),
      key_image: signature.image && hex(signature.image),
      scope: scopeOf(signature),
      signed_text: text,
    }
  }
  return { valid: false }
}

for await (const line of createInterface({ input: process.stdin })) {
  let result = { valid: false }
  try {
    result = verify(JSON.parse(line))
  } catch (error) {
    // Every refusal and every malformed part is an Error; anything else is a fault of this program.
    if (!(error instanceof Error) || error instanceof ReferenceError) throw error
  }
  console.log(JSON.stringify(result))
}
