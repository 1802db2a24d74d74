"""What an author types from a new key to a published note, with the mistakes on the way, and what to say of each step.

Names in braces are values of the session (tests/author_session/session.py), such as {me} for the author's npub.
"""

from dataclasses import dataclass

# What is on the screen before the author types something else than a command.
PASSPHRASE = "secret key: "
NEW_PASSPHRASE, AGAIN = "new key: ", "once more: "
WORDS = "line of its own.\r\n"
QUESTION = "[y/N] "

_OPENED = (PASSPHRASE, "correct horse\n")
_SIGN = "ringrelay sign --quiet --ring ring.txt --key-file"


@dataclass(frozen=True)
class Step:
    """A command with what is typed into it, and a sentence about it.

    `typed` is pairs of what must be on the screen and what is typed then. `learns` are regular expressions whose first group,
    found on the screen, is a value of the session.
    """

    says: str
    command: str
    typed: tuple[tuple[str, str], ...] = ()
    learns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Part:
    """A heading, what to know before, and the steps below it."""

    heading: str
    says: str
    steps: tuple[Step, ...]


def _write_words(words: str) -> tuple[tuple[str, str], ...]:
    return (_OPENED, (WORDS, f"{words}\n\x04"))


PARTS = (
    Part(
        "A key and a ring of two",
        "The author is called Ann here. The other member of her ring is somebody of whom she has the npub: no more is needed.",
        (
            Step(
                "Make a key. With `--encrypt` its file is of no use to anybody without the passphrase, which the screen does "
                "not show.",
                "ringrelay keygen --encrypt --out me.key",
                ((NEW_PASSPHRASE, "correct horse\n"), (AGAIN, "correct horse\n")),
                (("me", "(npub1[a-z0-9]{58})"),),
            ),
            Step(
                "A key is never overwritten.",
                "ringrelay keygen --out me.key",
            ),
            Step(
                "Write the ring: one npub a line, and behind # whose it is. Names stay in this file, and are in no note.",
                "ringrelay ring - > ring.txt",
                ((WORDS, "{me}  # Ann\n{snowden}  # Edward Snowden\n\x04"),),
            ),
        ),
    ),
    Part(
        "The wrong key",
        "The key is read before any words are asked for. What is wrong with it is said, and nothing of it is repeated.",
        (
            Step(
                "The wrong passphrase.",
                f"{_SIGN} me.key > note.json",
                ((PASSPHRASE, "correct house\n"),),
            ),
            Step("The npub in place of the nsec.", f"{_SIGN} npub.key > note.json"),
            Step("The seed words of an account.", f"{_SIGN} words.key > note.json"),
            Step("An nsec with one wrong letter.", f"{_SIGN} typed.key > note.json"),
            Step("An nsec that was copied with the quotes round it.", f"{_SIGN} quoted.key > note.json"),
        ),
    ),
    Part(
        "Words that name you",
        "A ring hides nobody who signs with their name. The command asks for the words: type them, then Enter and Ctrl-D.",
        (
            Step(
                "Your own npub in the words.",
                f"{_SIGN} me.key > note.json",
                _write_words("By {me} or Edward Snowden."),
            ),
            Step(
                "Your own key in a tag. This is said before the words are typed.",
                f"{_SIGN} me.key --tag p={{me_hex}} > note.json",
                (_OPENED,),
            ),
            Step(
                "Your name, as it stands beside your key in the ring file.",
                f"{_SIGN} me.key > note.json",
                _write_words("Ann was in the room when they changed it."),
            ),
            Step(
                "Other names of yours the program knows only from you: give each with `--me`.",
                f"{_SIGN} me.key --me Annie > note.json",
                _write_words("And then they said: not a word to Annie!"),
            ),
            Step(
                "Words that name all members alike are accepted, such as *Ann or Edward Snowden*. `--force` signs any others.",
                f"{_SIGN} me.key --force > forced.json",
                _write_words("Ann was in the room when they changed it."),
            ),
        ),
    ),
    Part(
        "Words on the command line",
        "",
        (
            Step(
                "This note is signed, but a copy of its words stays on this machine.",
                f"{_SIGN} me.key --message 'By me or Edward Snowden.' > note.json",
                (_OPENED,),
            ),
        ),
    ),
    Part(
        "The note",
        "",
        (
            Step(
                "Sign. Without `--quiet` the program says first what no signature hides.",
                "ringrelay sign --ring ring.txt --key-file me.key > note.json",
                _write_words("The minutes of March were changed. By me or Edward Snowden."),
            ),
            Step(
                "Publish. The line begins with the note's id.",
                "ringrelay publish {url} < note.json",
                learns=(("note", "([0-9a-f]{64}) accepted"),),
            ),
            Step(
                "Check it as a reader does. Nothing that the relay says is believed.",
                "ringrelay verify {note} --on {url}",
                learns=(("ring", "ring id ([0-9a-f]{64})"),),
            ),
            Step("It is in the relay's list, too.", "ringrelay subscribe {url} --stored"),
        ),
    ),
    Part(
        "A text that somebody posted",
        "Ring signatures are also posted as text, on any page. Save all of it in a file, from its first word to the end of the "
        "signature.",
        (
            Step("This copy has a mistake: the text said March.", "cat posted.txt"),
            Step("So it does not verify.", "ringrelay verify --text < posted.txt"),
            Step("Correct the copy, here with `sed`.", "sed s/April/March/ posted.txt > corrected.txt"),
            Step(
                "Now it does.",
                "ringrelay verify --text < corrected.txt",
                learns=(("posted_ring", "ring id ([0-9a-f]{64})"),),
            ),
        ),
    ),
    Part(
        "A larger ring",
        "Two are few. `ringrelay ring` gathers other people's keys, as they share them. Your own line comes beside them.",
        (
            Step(
                "Keys as other apps write them, from a profile and from mentions.",
                "ringrelay ring {profile} @{carol} nostr:{dave}",
            ),
            Step(
                "A name at a domain. The domain is asked for the key, and learns that somebody asks. Without Tor, nothing is sent "
                "before you agree.",
                "ringrelay ring ann@example.org",
                ((QUESTION, "n\n"),),
            ),
        ),
    ),
)
