-- Who has answered what: one answer a ring member, kept when the answer is deleted or expires. The key image is the
-- member's name within one target, and nowhere else.
CREATE TABLE answers (
    kind        integer NOT NULL,           -- 7, a reaction, or 1018, a poll response
    target      bytea   NOT NULL,           -- 32 bytes: the id of what is answered
    key_image   bytea   NOT NULL,           -- 33 bytes
    ring_id     bytea   NOT NULL,           -- 32 bytes
    note_id     bytea   REFERENCES notes (id) ON DELETE SET NULL,   -- null when the answer is gone
    PRIMARY KEY (kind, target, key_image)
);
-- Answers that are stored already: linkable bound notes with one `e` tag, which their scope repeats. Of several by one
-- member the one that says it is the oldest is the answer. A tag's text begins as that of a ring (0002).
INSERT INTO answers (kind, target, key_image, ring_id, note_id)
SELECT DISTINCT ON (n.kind, target, n.key_image) n.kind, target, n.key_image, n.ring_id, n.id
FROM notes n JOIN tags t ON t.note_id = n.id AND substr(t.tag, 1, 1) = 'e',
    LATERAL (SELECT decode(encode(substr(t.tag, 2), 'escape'), 'hex') AS target) decoded
WHERE n.kind IN (7, 1018) AND n.form = 'bound'
    AND n.scope = convert_to(n.kind || ':', 'UTF8') || substr(t.tag, 2)
    AND encode(substr(t.tag, 2), 'escape') ~ '^[0-9a-f]{64}$'
    AND regexp_count(encode(n.event, 'escape'), '\["e"[],]') = 1
ORDER BY n.kind, target, n.key_image, n.created_at, n.id;
CREATE UNIQUE INDEX answers_note_id ON answers (note_id) WHERE note_id IS NOT NULL;

-- ANALYZE copies sample values into pg_statistic, where they outlive deleted notes. No plan of ours needs them.
ALTER TABLE answers
    ALTER COLUMN target SET STATISTICS 0, ALTER COLUMN key_image SET STATISTICS 0, ALTER COLUMN ring_id SET STATISTICS 0,
    ALTER COLUMN note_id SET STATISTICS 0;
