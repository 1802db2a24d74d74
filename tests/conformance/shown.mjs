// Make texts harmless with what the relay's pages run in a browser: a JSON list of texts on stdin, one on stdout.
import { text } from 'node:stream/consumers'
import { toShown } from '../../web/verify/shown.js'

console.log(JSON.stringify(JSON.parse(await text(process.stdin)).map(toShown)))
