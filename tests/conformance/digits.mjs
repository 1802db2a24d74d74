// Group numbers with what the relay's pages run in a browser: a JSON list of [number, language] on stdin, a list of texts on stdout.
import { text } from 'node:stream/consumers'
import { groupDigits } from '../../web/verify/digits.js'

console.log(JSON.stringify(JSON.parse(await text(process.stdin)).map(([number, language]) => groupDigits(number, language))))
