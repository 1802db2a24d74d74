// The labels, rules and fences of a text of form D of docs/ring-notes.md, and what of a text is blank.
const TABLE = {
  message: `message, the message, signed message, message text, message to sign, signing message, text, note, statement,
    nachricht, mitteilung, erklärung, texte, déclaration, mensaje, texto, declaración, mensagem, declaração,
    messaggio, testo, dichiarazione, bericht, tekst, wiadomość, сообщение, текст, メッセージ, 本文, 消息, 訊息, 正文`,
  members: `ring, the ring, ring members, ring_members, ring-members, members, members of the ring, ring keys, ring public
    keys, ring pubkeys, ring of public keys, public keys, public_keys, pubkeys, keys, npubs, signers, possible
    signers, ringmitglieder, mitglieder, mitglieder des rings, schlüssel, öffentliche schlüssel, unterzeichner,
    anneau, membres, membres de l'anneau, clés, clés publiques, signataires, anillo, miembros, miembros del anillo,
    claves, claves públicas, firmantes, anel, membros, membros do anel, chaves, chaves públicas, signatários,
    anello, membri, membri dell'anello, chiavi, chiavi pubbliche, firmatari, leden, leden van de ring, sleutels,
    publieke sleutels, ondertekenaars, pierścień, członkowie, klucze, klucze publiczne, кольцо, участники, участники
    кольца, ключи, открытые ключи, публичные ключи, リング, メンバー, 公開鍵, 环, 环成员, 成员, 公钥, 公鑰`,
  signature: `signature, ring signature, ring_signature, ring-signature, sig, ring sig, proof, nostringer, nostringer
    signature, compact signature, compact signature (ringa format), compact sag signature (ringa format), signature
    created, generated signature, generated ring signature, generated compact signature, generated compact signature
    (ringa format), signatur, ringsignatur, unterschrift, beweis, signature d'anneau, preuve, firma, firma de
    anillo, prueba, assinatura, assinatura em anel, prova, firma ad anello, handtekening, ringhandtekening, bewijs,
    podpis, podpis pierścieniowy, dowód, подпись, кольцевая подпись, доказательство, 署名, リング署名, 签名, 环签名, 簽名, 環簽名`,
}
const PRINTED = [
  '✓ Signature is valid!',
  'Is ring signature valid? true',
  'Signature valid: true',
  'Signing with SAG variant...',
  'Signing with BLSAG variant...',
]
const LONGEST_LABEL = 80
const BLANK = '[ \\t\\r\\n\\u00a0\\u200b\\u200c\\u200d\\u2060\\ufeff]'
const COLON = '[ \\u00a0\\u202f]?[:：]'
const HEADING = '#{1,6}[ ]+'
const E = '(?<e>\\*\\*|__|\\*|_)'
// As short as can be: a space before a colon is of the colon.
const NAME = '(?<name>[^*#:：\\n]{1,50}?)'
const patterns = (...sources) => sources.map(source => new RegExp(source, 'u'))

const NAMES = Object.fromEntries(
  Object.entries(TABLE).map(([part, names]) => [part, names.split(',').map(name => name.trim().replace(/\s+/g, ' '))]),
)
const ALL_NAMES = Object.values(NAMES).flat()
const LABELS = patterns(
  `^${HEADING}${NAME}(?:${COLON})?$`,
  `^(?:${HEADING})?${E}${NAME}(?:${COLON})?\\k<e>(?:${COLON})?$`,
  `^${NAME}${COLON}$`,
)
const LABELS_AT_START = patterns(
  `^[ \\t]*${HEADING}${NAME}${COLON}`,
  `^[ \\t]*(?:${HEADING})?${E}${NAME}${COLON}\\k<e>(?:${COLON})?`,
  `^[ \\t]*(?:${HEADING})?${E}${NAME}\\k<e>${COLON}`,
  `^[ \\t]*${NAME}${COLON}`,
)
const RULE = /^(?:-{3,}|\*{3,}|_{3,}|={3,}|—{1,3}|(?:[*-] ){2,20}[*-])$/
const FENCE = /^```(?:json|text)?$/
const ENDS = new RegExp(`^${BLANK}+|(?<!${BLANK})${BLANK}+$`, 'gu')

export const clear = text => text.replace(ENDS, '')
export const isBlank = text => clear(text) === ''
export const isRule = line => RULE.test(clear(line))
export const isFence = line => FENCE.test(clear(line))
export const isInTable = (name, names = ALL_NAMES) =>
  names.includes(name.normalize('NFC').toLowerCase().replaceAll('’', "'"))

// The match of a label with one of these names, or undefined.
const findLabel = (labels, text, names) =>
  labels.map(label => label.exec(text)).find(match => match !== null && isInTable(match.groups.name, names))
const isLabel = (line, names) => [...line].length <= LONGEST_LABEL && findLabel(LABELS, line, names) !== undefined

// Whether a cleared line is, as a whole, a label of this part of a note.
export const isLabelOf = (line, part) => isLabel(line, NAMES[part])

export function isLabelLine(line) {
  const text = clear(clear(line).replace(/^>/, ''))
  return text === '' || RULE.test(text) || PRINTED.includes(text) || isLabel(text, ALL_NAMES)
}

export const saysNothing = text => text.split('\n').every(line => isLabelLine(line) || isFence(line))

// How much of a line announces the message, or undefined where it does not.
export function findAnnouncement(line) {
  if (isLabelOf(clear(line), 'message')) return line.length
  return findLabel(LABELS_AT_START, line, NAMES.message)?.[0].length
}

// A text whose lines are quoted, without their marks; undefined where they are not.
export function unquote(text) {
  const lines = text.split('\n')
  if (!lines.every(line => isBlank(line) || line.startsWith('>'))) return undefined
  return lines.map(line => (isBlank(line) ? line : line.replace(/^> ?/, ''))).join('\n')
}
