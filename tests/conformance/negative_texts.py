"""The texts that are not valid: cut in two ways, partly signed, or with members or a signature that cannot be read."""

from collections.abc import Iterator

from relay.protocol.event import Event
from relay.verify.ring_equations import Dialect
from tests.conformance.notes import as_json, compact, hex_of, make_event, npub_of
from tests.conformance.signing import sag

Named = tuple[str, Event]
RING = (2, 0, 1)
SIGNER = 0
TEXT = "We have known since March."
OFF_CURVE = "00" * 31 + "05"  # 5 is the x of no point


def list_negative_texts() -> Iterator[Named]:
    first = sag(TEXT, RING, SIGNER)
    sig, npubs, keys = compact(first), npub_of(*RING), hex_of(*RING)
    lines = "\n".join(npubs)
    ring = f"Ring:\n{lines}"
    quoting = f"Somebody signed {compact(sag('Hello.', RING, SIGNER))}"
    listing = f"Not these\nKeys: {' '.join(hex_of(3, 4, 5))}"
    joined = "We agree on x"
    two = sag(TEXT, (2, 0), 0, Dialect.TYPESCRIPT)
    for name, content in (
        *_list_partly_signed(sig, lines),
        ("2,501 lines", f"{TEXT}\n{lines}" + "\n" * (2_501 - 4) + sig),
        ("two signatures", f"{TEXT}\n\n{ring}\n\n{sig}\n\n{sig}"),
        ("a compact signature and a JSON one", f"{TEXT}\n\n{ring}\n\n{sig}\n\n{as_json(first)}"),
        ("a signature in the message too", f"{TEXT} {sig}\n\n{ring}\n\n{sig}"),
        ("a signature in a message that was signed", _put_last(quoting, ring)),
        ("two labelled lists of one size, one in a message that was signed", _put_last(listing, ring)),
        ("a letter of the message joined to a key", f"{joined}{' '.join(keys)}\n{compact(sag(joined, RING, SIGNER))}"),
        ("a quoted JSON signature", f"{TEXT}\n\n{ring}\n\n'{as_json(first)}'"),
        ("a dash behind a comma", f"{TEXT}\n\nRing:\n{',- '.join(npubs)}\n\n{sig}"),
        ("two full stops after the signature", f"{TEXT}\n\n{ring}\n\n{sig}.."),
        ("a full stop after a JSON signature", f"{TEXT}\n\n{ring}\n\n{as_json(first)}."),
        ("a letter after the signature", f"{TEXT}\n\n{ring}\n\n{sig}A"),
        ("a word joined to the signature", f"{TEXT}\n\n{ring}\n\nsig{sig}"),
        ("the signature wrapped over two lines", f"{TEXT}\n\n{ring}\n\n{sig[:300]}\n{sig[300:]}"),
        ("a quote on one side of the signature", f'{TEXT}\n\n{ring}\n\n"{sig}'),
        ("upper case in a JSON signature", f"{TEXT}\n\n{ring}\n\n" + _raise_case(as_json(first))),
        (
            "a third member in a JSON signature",
            f"{TEXT}\n\n{ring}\n\n" + as_json(first).replace("]}", '], "v": "sag"}'),
        ),
        ("a JSON signature cut short", f"{TEXT}\n\n{ring}\n\n" + as_json(first)[:-1]),
        ("no members", f"{TEXT}\n\n{sig}"),
        ("a ring of two, TypeScript dialect", f"{TEXT}\n\n" + "\n".join(npub_of(2, 0)) + f"\n{compact(two)}"),
        ("another order of the members", f"{TEXT}\n\nRing:\n" + "\n".join(npub_of(0, 1, 2)) + f"\n\n{sig}"),
        ("a key and its npub", f"{TEXT}\n\n{ring}\n{keys[0]}\n\n" + compact(sag(TEXT, (*RING, 2), SIGNER))),
        ("a member that is no point", f"{TEXT}\n\n{ring}\n{OFF_CURVE}\n\n" + compact(sag(TEXT, (*RING, 3), SIGNER))),
        ("an npub with a wrong checksum", f"{TEXT}\n\n{ring[:-1]}{'q' if ring[-1] != 'q' else 'p'}\n\n{sig}"),
        ("a member in upper case", f"{TEXT}\n\nRing:\n{keys[0].upper()}\n{keys[1]}\n{keys[2]}\n\n{sig}"),
        ("a member with 0x", f"{TEXT}\n\nRing:\n0x{keys[0]}\n{keys[1]}\n{keys[2]}\n\n{sig}"),
        ("an odd point where the even one signed", f"{TEXT}\n\nRing:\n03{keys[0]}\n{keys[1]}\n{keys[2]}\n\n{sig}"),
        ("an npub in upper case", f"{TEXT}\n\nRing:\n{npubs[0].upper()}\n{npubs[1]}\n{npubs[2]}\n\n{sig}"),
        ("two runs of keys of one size", f"{TEXT}\n{ring}\n\nMembers:\n" + "\n".join(hex_of(3, 4, 5)) + f"\n\n{sig}"),
        ("a longer run of keys in the message", f"{'; '.join([TEXT, ' '.join(hex_of(3, 4, 5, 6))])}\n{ring}\n{sig}"),
        ("members separated by full stops", f"{TEXT}\n\nRing:\n{'. '.join(npubs)}\n\n{sig}"),
        ("members separated by another word", f"{TEXT}\n\nRing:\n{' not '.join(npubs)}\n\n{sig}"),
        ("two commas between members", f"{TEXT}\n\nRing:\n{', , '.join(npubs)}\n\n{sig}"),
        ("an asterisk joined to a member", f"{TEXT}\n\nRing:\n*" + "\n*".join(npubs) + f"\n\n{sig}"),
        ("another message", f"{TEXT}!\n\n{ring}\n\n{sig}"),
        ("the message on the line of the label", f"{TEXT} {ring}\n\n{sig}"),
        ("the message after the members without its label", f"{ring}\n\n{TEXT}\n\n{sig}"),
        ("the message in quotes that are no pair", f'“{TEXT}"\n\n{ring}\n\n{sig}'),
    ):
        yield f"text: {name}", make_event(content)
    labelled = f"Message: {TEXT}\n\n{ring}\n\n{sig}"
    yield "text: a tag that repeats the label before the words", make_event(labelled, [["r", "Message: We"]])


def _list_partly_signed(sig: str, lines: str) -> Iterator[tuple[str, str]]:
    """Each holds a message, its ring and its signature, and words, figures or signs that nobody signed."""
    ring = f"Ring:\n{lines}"
    first, second, third = lines.split("\n")
    for name, content in (
        ("words after the signature", f"{TEXT}\n\n{ring}\n\n{sig}\n\nAnd the chairman stole it."),
        ("words between members and signature", f"{TEXT}\n\n{ring}\n\nAnd more.\n\n{sig}"),
        ("words before Message:", f"Leaked today!\n\nMessage: {TEXT}\n\n{ring}\n\n{sig}"),
        ("words before Message:, which comes last", f"Leaked!\n{ring}\n\n{sig}\n\nMessage: {TEXT}"),
        ("words before a fenced message", f"Leaked!\n```\n{TEXT}\n```\n{ring}\n{sig}"),
        ("words after the label", f"{TEXT}\n\n{ring}\n\nSignature: by the board\n{sig}"),
        ("a label that is not in the list", f"{TEXT}\n\nSigned by the board:\n{lines}\n\n{sig}"),
        ("a label without its colon", f"{TEXT}\n\nRing\n{lines}\n\n{sig}"),
        ("a label with a letter beyond ASCII", f"{TEXT}\n\n{ring}\n\n\u017fignature:\n{sig}"),
        ("a fence with another word", f"{TEXT}\n\n{ring}\n\n```liars\n{sig}\n```"),
        ("a line separator", f"{TEXT}\n\n{ring}\n\n{sig}\u2028"),
        ("a soft hyphen", f"{TEXT}\n\n{ring}\n\n\u00ad{sig}"),
        ("a key after the signature", f"{TEXT}\n\n{ring}\n\n{sig}\n{npub_of(9)[0]}"),
        ("a hash tag", f"{TEXT}\n\n{ring}\n\n{sig}\n\n#leak"),
        ("two dashes", f"{TEXT}\n\n{ring}\n\n{sig}\n\n--"),
        ("underscores with spaces", f"{TEXT}\n\n{ring}\n\n{sig}\n\n_ _ _"),
        ("list numbers that do not count", f"{TEXT}\n\nRing:\n1936. {first}\n1945. {second}\n2001. {third}\n\n{sig}"),
        ("list numbers from 0", f"{TEXT}\n\nRing:\n0. {first}\n1. {second}\n2. {third}\n\n{sig}"),
        ("one list number too high", f"{TEXT}\n\nRing:\n1. {first}\n2. {second}\n4. {third}\n\n{sig}"),
        ("list numbers with zeros before them", f"{TEXT}\n\nRing:\n01. {first}\n02. {second}\n03. {third}\n\n{sig}"),
        *_list_named(lines, sig),
    ):
        yield f"partly signed, {name}", content


def _list_named(lines: str, sig: str) -> Iterator[tuple[str, str]]:
    """Each has names where none may stand, or words that are no names."""
    first, second, third = lines.split("\n")
    for name, members in (
        ("names on both sides", f"Ann: {first}\nBob: {second}\nEve: {third} (Eve)"),
        ("names without a separator", f"Ann {first} Bob {second} Eve {third}"),
        ("a name of three words", f"{first} - Ann\n{second} - Bob B Bell\n{third} - Eve"),
        ("a name of 17 letters", f"{first} (Ann)\n{second} ({'b' * 17})\n{third} (Eve)"),
        ("a name of a lower-case second word", f"{first} (Ann)\n{second} (Bob lies)\n{third} (Eve)"),
        ("a name with a mark", f"{first} (Ann)\n{second} (Bob!)\n{third} (Eve)"),
        ("a name of a number alone", f"{first} (Ann)\n{second} (1936)\n{third} (Eve)"),
        ("a negation as a name", f"{first}\n{second} (not)\n{third}"),
        ("a negation in a name", f"Ann: {first}\nNicht Bob: {second}\nEve: {third}"),
        ("a label as a name", f"Ann: {first}\nRing: {second}\nEve: {third}"),
    ):
        yield name, f"{TEXT}\n\nRing:\n{members}\n\n{sig}"


def _put_last(text: str, ring: str) -> str:
    return f"{compact(sag(text, RING, SIGNER))}\n\n{ring}\n\nMessage: {text}"


def _raise_case(text: str) -> str:
    return text.upper().replace('"C0"', '"c0"').replace('"S"', '"s"')
