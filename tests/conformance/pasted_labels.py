"""Pasted texts whose labels are in many languages and styles: all names of the table in docs/ring-notes.md, form D, step 4."""

from collections.abc import Iterator

from tests.conformance.pasting import LINES, SIG, WORDS, Entry, Signed, accept, sign

# The words as a person of that language would write them, and rows of labels as they are typed: message, members, signature.
# An empty label is left out.
Row = tuple[str, str, str]
LANGUAGES: dict[str, tuple[str, tuple[Row, ...]]] = {
    "English": (
        WORDS,
        (
            ("Message:", "Ring:", "Signature:"),
            ("The message:", "The ring:", "Ring signature:"),
            ("**Signed message:**", "**Ring members:**", "**Ring signature:**"),
            ("Message text:", "Members of the ring:", "Nostringer signature:"),
            ("## Text", "## Members", "## Sig"),
            ("message:", "ring_members:", "ring_signature:"),
            ("", "ring-members:", "ring-signature:"),
            ("NOTE:", "RING KEYS:", "PROOF:"),
            ("**Statement**", "**Public keys**", "**Signature**"),
            ("", "Ring public keys:", "Nostringer:"),
            ("", "public_keys:", "sig:"),
            ("", "Pubkeys:", ""),
            ("", "_Keys:_", "_Proof:_"),
            ("*Statement:*", "*Npubs:*", "*Sig:*"),
            ("", "Signers:", "Signature :"),
            ("", "### Possible signers:", "### Signature:"),
        ),
    ),
    "German": (
        "Wir wissen es seit März.",
        (
            ("Nachricht:", "Ringmitglieder:", "Ringsignatur:"),
            ("Mitteilung:", "Mitglieder:", "Signatur:"),
            ("Erklärung:", "Mitglieder des Rings:", "Unterschrift:"),
            ("Text:", "Schlüssel:", "Beweis:"),
            ("", "Öffentliche Schlüssel:", "**Signatur**"),
            ("# Nachricht", "# Unterzeichner", "# Unterschrift"),
        ),
    ),
    "French": (
        "Nous le savons depuis mars.",
        (
            ("Message :", "Anneau :", "Signature :"),
            ("Texte\u00a0:", "Membres\u00a0:", "Signature d'anneau\u00a0:"),
            ("Déclaration :", "Membres de l'anneau :", "Preuve :"),
            ("", "Clés :", "Signature :"),
            ("", "Clés publiques\u00a0:", "Signature\u00a0:"),
            ("", "Signataires:", "Preuve:"),
        ),
    ),
    "Spanish": (
        "Lo sabemos desde marzo.",
        (
            ("Mensaje:", "Anillo:", "Firma:"),
            ("Texto:", "Miembros:", "Firma de anillo:"),
            ("Declaración:", "Miembros del anillo:", "Prueba:"),
            ("", "Claves:", "Firma:"),
            ("", "Claves públicas:", "Firma:"),
            ("", "Firmantes:", "Prueba:"),
        ),
    ),
    "Portuguese": (
        "Sabemos disso desde março.",
        (
            ("Mensagem:", "Anel:", "Assinatura:"),
            ("Declaração:", "Membros:", "Assinatura em anel:"),
            ("Texto:", "Membros do anel:", "Prova:"),
            ("", "Chaves:", "Assinatura:"),
            ("", "Chaves públicas:", "Assinatura:"),
            ("", "Signatários:", "Prova:"),
        ),
    ),
    "Italian": (
        "Lo sappiamo da marzo.",
        (
            ("Messaggio:", "Anello:", "Firma:"),
            ("Testo:", "Membri:", "Firma ad anello:"),
            ("Dichiarazione:", "Membri dell'anello:", "Firma:"),
            ("", "Chiavi:", "Firma:"),
            ("", "Chiavi pubbliche:", "Firma:"),
            ("", "Firmatari:", "Firma:"),
        ),
    ),
    "Dutch": (
        "Wij weten het sinds maart.",
        (
            ("Bericht:", "Leden:", "Handtekening:"),
            ("Tekst:", "Leden van de ring:", "Ringhandtekening:"),
            ("", "Sleutels:", "Bewijs:"),
            ("", "Publieke sleutels:", "Handtekening:"),
            ("", "Ondertekenaars:", "Handtekening:"),
        ),
    ),
    "Polish": (
        "Wiemy o tym od marca.",
        (
            ("Wiadomość:", "Pierścień:", "Podpis:"),
            ("", "Członkowie:", "Podpis pierścieniowy:"),
            ("", "Klucze:", "Dowód:"),
            ("", "Klucze publiczne:", "Podpis:"),
        ),
    ),
    "Russian": (
        "Мы знаем об этом с марта.",
        (
            ("Сообщение:", "Кольцо:", "Подпись:"),
            ("Текст:", "Участники:", "Кольцевая подпись:"),
            ("", "Участники кольца:", "Доказательство:"),
            ("", "Ключи:", "Подпись:"),
            ("", "Открытые ключи:", "подпись:"),
            ("сообщение:", "Публичные ключи:", "Подпись:"),
        ),
    ),
    "Japanese": (
        "3月から知っています。",
        (
            ("メッセージ：", "リング：", "署名："),
            ("本文：", "メンバー：", "リング署名："),
            ("**メッセージ**", "**公開鍵**", "**署名**"),
        ),
    ),
    "Chinese": (
        "我们三月就知道了。",
        (
            ("消息：", "环：", "签名："),
            ("正文：", "环成员：", "环签名："),
            ("訊息：", "成员：", "簽名："),
            ("", "公钥：", "签名："),
            ("", "公鑰：", "環簽名："),
        ),
    ),
}


def list_labels() -> Iterator[Entry]:
    for language, (words, rows) in LANGUAGES.items():
        signature = sign(words)
        for number, row in enumerate(rows, 1):
            yield accept(
                f"labels, {language} {number}",
                f"the labels {', '.join(label for label in row if label)}",
                _lay_out(row, words, signature, on_one_line=number % 2 == 0),
                f"people label the parts, here in {language}; a label says nothing that its ring did not sign",
                Signed(words),
            )
    yield from _list_styles()


def _lay_out(row: Row, words: str, signature: str, on_one_line: bool) -> str:
    """Put each part behind its label, or below it where the label is a heading or emphasised without a colon."""
    parts = []
    for label, value in zip(row, (words, LINES, signature), strict=True):
        has_colon = label.rstrip("*_")[-1:] in (":", "：")
        is_list = value is LINES
        gap = " " if on_one_line and has_colon and not is_list else "\n"
        parts.append(f"{label}{gap}{value}" if label else value)
    return "\n\n".join(parts)


def _list_styles() -> Iterator[Entry]:
    for name, message, members, signature in (
        ("setext headings", "Message:\n========", "Ring:\n-----", "Signature:\n----------"),
        ("six hashes", "###### Message", "###### Ring", "###### Signature"),
        ("bold, the colon outside", "**Message**:", "**Ring**:", "**Signature**:"),
        ("bold with underscores", "__Message:__", "__Ring:__", "__Signature:__"),
        ("a bold heading", "## **Message**", "## **Ring members**", "## **Signature**"),
        ("colons twice", "**Message:**:", "**Ring:**:", "**Signature:**:"),
        ("spaces before them", "   Message:", "   Ring:", "   Signature:"),
        ("no-break spaces around them", "Message:\u00a0", "\u00a0Ring:\u00a0", "\u00a0Signature:\u00a0"),
        ("zero-width characters around them", "\u200bMessage:", "\u200bRing:\u200b", "\u2060Signature:\ufeff"),
        ("capitals", "MESSAGE:", "\u00d6FFENTLICHE SCHL\u00dcSSEL:", "\u041f\u041e\u0414\u041f\u0418\u0421\u042c:"),
        ("decomposed accents", "De\u0301claration :", "Cle\u0301s :", "Signature :"),
        ("typographic apostrophes", "Message :", "Membres de l\u2019anneau :", "Signature d\u2019anneau :"),
        ("narrow no-break spaces", "Message\u202f:", "Cl\u00e9s publiques\u202f:", "Signature\u202f:"),
        ("two labels each", "Message:", "Ring:\nPublic keys:", "Proof:\nRing signature:"),
    ):
        text = f"{message}\n{WORDS}\n\n{members}\n{LINES}\n\n{signature}\n{SIG}\n"
        yield accept(
            f"label style, {name}", name, text, "a style of writing changes what a label looks like, not what it says"
        )
    for name, rule in (
        ("three dashes", "---"),
        ("many dashes", "-" * 40),
        ("asterisks", "***"),
        ("spaced asterisks", "* * *"),
        ("spaced dashes", "- - -"),
        ("underscores", "____"),
        ("equals signs", "=" * 10),
        ("an em dash", "\u2014"),
        ("three em dashes", "\u2014\u2014\u2014"),
    ):
        text = f"{rule}\n{WORDS}\n\n{rule}\n{LINES}\n{rule}\n{SIG}\n{rule}\n"
        yield accept(f"rule, {name}", f"rules of {name} between the parts", text, "a rule only parts, it says nothing")
