"""The rows of tags and ring_members go with their note, in the statement that deletes it; that it has answered stays.

A note's own row says which they are, so they are looked up by their keys: an index on note_id made each of them a third
dearer to insert (6.7 us in place of 5.2). No foreign key does it: to check one took three tenths of an insertion. Only the
statements that use this delete notes. Knows no rule.
"""

# Of the notes `deleted`, as rows of what they are made of: id, created_at, and tag or member.
_TAGS = "SELECT d.id, d.created_at, tag FROM deleted d, unnest(d.tags) AS tag"
_MEMBERS = """
    SELECT d.id, d.created_at, substr(d.ring, 32 * place + 1, 32) AS member
    FROM deleted d, generate_series(0, d.ring_size - 1) AS place
"""

# What the rows of other tables are found by.
RETURNING = "RETURNING n.id, n.created_at, n.tags, n.ring, n.ring_size, n.signed_id"

# Follows `deleted AS (DELETE FROM notes n ... RETURNING ...)`.
DELETE_INDEX_ROWS = f"""
    deleted_tags AS (
        DELETE FROM tags t USING ({_TAGS}) d WHERE t.tag = d.tag AND t.created_at = d.created_at AND t.note_id = d.id
    ),
    deleted_members AS (
        DELETE FROM ring_members m USING ({_MEMBERS}) d
        WHERE m.member = d.member AND m.created_at = d.created_at AND m.note_id = d.id
    ),
    deleted_answers AS (UPDATE answers a SET note_id = NULL, is_sorted = false FROM deleted d WHERE a.note_id = d.id)
"""  # noqa: S608
