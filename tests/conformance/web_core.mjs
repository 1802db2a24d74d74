// Verify ring notes with what the relay's pages run in a browser (web/core): one JSON a line on stdin, one on stdout.
// A line that is a JSON string is an event's JSON or a text, as `--text` says; any other line is an event's JSON itself.
import { createInterface } from 'node:readline'
import { parseEvent } from '../../web/core/event.js'
import { Refusal } from '../../web/core/refusal.js'
import { verify, verifyText } from '../../web/core/verify.js'

for await (const line of createInterface({ input: process.stdin })) {
  let r
  try { r = process.argv.includes('--text') ? verifyText(JSON.parse(line)) : verify(parseEvent(line)) } catch (e) { if (!(e instanceof Refusal)) throw e; r = { valid: false, reason: e.message } }
  console.log(JSON.stringify(r))
}
