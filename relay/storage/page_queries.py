"""The statements of the pages, each an index look-up however large the store is. Runs nothing."""

from collections.abc import Sequence

from relay.storage.conditions import encode_tag
from relay.storage.query import Query
from relay.verify.answers import POLL_RESPONSE

# In the stored JSON, which is compact, no text within quotes holds these bytes unescaped.
_RESPONSE = r'\["response","((?:[^"\\]|\\.)*)"'

# Of one response. A poll shows no more options, and 200 responses of 2,000 options each took 0.1 s to read.
MAX_CHOSEN = 100


def build_note(note_id: bytes) -> Query:
    """Select a note with what its ring proved, also one that has expired: its columns are those of build_proofs, and more."""
    return Query(
        """
        SELECT id, event, expires_at, form, scheme, ring_size, ring_id, key_image, scope, content_key
        FROM notes WHERE id = $1
        """,
        (note_id,),
    )


def build_proofs(ids: Sequence[bytes]) -> Query:
    """Select what the rings of notes proved; the columns are null for a plain note."""
    return Query(
        """
        SELECT id, form, scheme, ring_size, ring_id, key_image, scope, content_key
        FROM notes WHERE id = ANY($1::bytea[])
        """,
        (ids,),
    )


def build_deletion_test(note_id: bytes) -> Query:
    """Ask whether a deletion request (kind 5, NIP-09) that names this id is stored, whoever signed it."""
    return Query(
        "SELECT EXISTS (SELECT FROM tags WHERE tag = $1 AND kind = 5) AS is_requested",
        (encode_tag("e", note_id.hex()),),
    )


def build_members(note_id: bytes, rows: int) -> Query:
    """Select the keys of a note's ring, ascending, at most `rows`."""
    return Query(
        """
        SELECT substr(ring, 32 * place + 1, 32) AS member FROM notes, generate_series(0, ring_size - 1) AS place
        WHERE id = $1 ORDER BY member LIMIT $2
        """,
        (note_id, rows),
    )


def build_profiles(keys: Sequence[bytes], named: int, max_bytes: int, now: int) -> Query:
    """Select the date of each key's profile (kind 0), and the profile itself of the first `named` keys if it is not larger."""
    return Query(
        """
        SELECT v.key, n.created_at, CASE WHEN v.place <= $2 AND octet_length(n.event) <= $3 THEN n.event END AS event
        FROM unnest($1::bytea[]) WITH ORDINALITY AS v (key, place) CROSS JOIN LATERAL (
            SELECT created_at, event FROM notes
            WHERE pubkey = v.key AND kind = 0 AND scheme IS NULL AND (expires_at IS NULL OR expires_at > $4)
            ORDER BY created_at DESC, id LIMIT 1
        ) n
        """,
        (keys, named, max_bytes, now),
    )


def build_oldest_of_ring(ring_id: bytes, now: int) -> Query:
    """Select the oldest note of a ring."""
    return Query(
        """
        SELECT id, created_at, ring_size FROM notes
        WHERE ring_id = $1 AND (expires_at IS NULL OR expires_at > $2) ORDER BY created_at, id DESC LIMIT 1
        """,
        (ring_id, now),
    )


def build_answers(answers: tuple[int, bytes], named: Sequence[bytes], after: bytes, rows: int, now: int) -> Query:
    """Select members' answers of a kind to a target (32 bytes), in the order of their key images, after one of these.

    `named` are the rings that may answer, empty where all may. Columns: key_image, and id and event, which are null for
    an answer that is gone or does not count.
    """
    kind, target = answers
    return Query(
        """
        SELECT a.key_image, n.id, n.event
        FROM (
            SELECT key_image, ring_id, note_id FROM answers
            WHERE kind = $1 AND target = $2 AND key_image > $3 ORDER BY key_image LIMIT $4
        ) a LEFT JOIN notes n ON n.id = a.note_id AND (n.expires_at IS NULL OR n.expires_at > $5)
                             AND (cardinality($6::bytea[]) = 0 OR a.ring_id = ANY($6::bytea[]))
        ORDER BY a.key_image
        """,
        (kind, target, after, rows, now, list(named)),
    )


def build_responses(poll: bytes, named: Sequence[bytes], rows: int, now: int) -> Query:
    """Select what members responded to a poll (NIP-88), at most `rows` of them: ring_id, created_at, and the options.

    An option is as it stands in JSON, escaped. Of each response the first 100 are selected.
    """
    return Query(
        """
        SELECT a.ring_id, n.created_at,
               ARRAY(SELECT found[1] FROM regexp_matches(convert_from(n.event, 'UTF8'), $1, 'g') AS found LIMIT $7) AS options
        FROM (SELECT ring_id, note_id FROM answers WHERE kind = $2 AND target = $3 LIMIT $4) a
            JOIN notes n ON n.id = a.note_id
        WHERE (n.expires_at IS NULL OR n.expires_at > $5)
          AND (cardinality($6::bytea[]) = 0 OR a.ring_id = ANY($6::bytea[]))
        """,
        (_RESPONSE, POLL_RESPONSE, poll, rows, now, list(named), MAX_CHOSEN),
    )
