// The names that labels have in form D, in the languages of its table (docs/ring-notes.md, step 4).

/** @typedef {"message" | "members" | "signature"} Part */

/** @type {Record<Part, string>} */
export const LABEL_NAMES = {
  message: `message, the message, signed message, message text, message to sign, signing message, text, note, statement,
    nachricht, mitteilung, erklärung, texte, déclaration, mensaje, texto, declaración, mensagem, declaração, messaggio, testo,
    dichiarazione, bericht, tekst, wiadomość, сообщение, текст, メッセージ, 本文, 消息, 訊息, 正文`,
  members: `ring, the ring, ring members, ring_members, ring-members, members, members of the ring, ring keys,
    ring public keys, ring pubkeys, ring of public keys, public keys, public_keys, pubkeys, keys, npubs, signers,
    possible signers, ringmitglieder, mitglieder, mitglieder des rings, schlüssel, öffentliche schlüssel, unterzeichner, anneau,
    membres, membres de l'anneau, clés, clés publiques, signataires, anillo, miembros, miembros del anillo, claves,
    claves públicas, firmantes, anel, membros, membros do anel, chaves, chaves públicas, signatários, anello, membri,
    membri dell'anello, chiavi, chiavi pubbliche, firmatari, leden, leden van de ring, sleutels, publieke sleutels,
    ondertekenaars, pierścień, członkowie, klucze, klucze publiczne, кольцо, участники, участники кольца, ключи, открытые ключи,
    публичные ключи, リング, メンバー, 公開鍵, 环, 环成员, 成员, 公钥, 公鑰`,
  signature: `signature, ring signature, ring_signature, ring-signature, sig, ring sig, proof, nostringer,
    nostringer signature, compact signature, compact signature (ringa format), compact sag signature (ringa format),
    signature created, generated signature, generated ring signature, generated compact signature,
    generated compact signature (ringa format), signatur, ringsignatur, unterschrift, beweis, signature d'anneau, preuve, firma,
    firma de anillo, prueba, assinatura, assinatura em anel, prova, firma ad anello, handtekening, ringhandtekening, bewijs,
    podpis, podpis pierścieniowy, dowód, подпись, кольцевая подпись, доказательство, 署名, リング署名, 签名, 环签名, 簽名, 環簽名`,
};
