-- Which keys are in which rings, in which form a ring signs, and the answers of ring members.
-- Still no column that holds when a note arrived, or in which order.

ALTER TABLE notes ADD COLUMN form text;     -- null where the note is not ring-signed
UPDATE notes SET form = 'bound' WHERE scheme IS NOT NULL;
ALTER TABLE notes ADD CHECK (num_nulls(scheme, form) IN (0, 2));

-- Ordered as every query is. The first holds what a search by properties of the ring note alone needs, and what such
-- searches are narrowed by.
CREATE INDEX notes_ring ON notes (scheme, form, created_at DESC, id) INCLUDE (ring_size, kind, expires_at)
    WHERE scheme IS NOT NULL;
CREATE INDEX notes_ring_id ON notes (ring_id, created_at DESC, id) WHERE ring_id IS NOT NULL;
CREATE INDEX notes_key_image ON notes (key_image, created_at DESC, id) WHERE key_image IS NOT NULL;
CREATE INDEX notes_scope ON notes (scope, created_at DESC, id) WHERE scope IS NOT NULL;

-- An index as a table, as tags is: a row a member of each ring note's ring.
CREATE TABLE ring_members (
    member      bytea   NOT NULL,           -- 32 bytes
    created_at  bigint  NOT NULL,
    note_id     bytea   NOT NULL REFERENCES notes (id) ON DELETE CASCADE,
    kind        integer NOT NULL,
    ring_size   integer NOT NULL,
    expires_at  bigint
);
-- Rings of notes that are stored already. Until now each is written in one tag, as lower-case hex. The notes' JSON is
-- compact, and quotes within its strings are escaped, so this text begins that tag and nothing else. As bytes, and not
-- as json: notes may hold \u0000, and the database may have any encoding.
INSERT INTO ring_members (member, created_at, note_id, kind, ring_size, expires_at)
SELECT decode(member, 'hex'), created_at, id, kind, ring_size, expires_at
FROM notes, string_to_table(substring(encode(event, 'escape') FROM '\["ring","([0-9a-f",]+)"\]'), '","') AS member
WHERE scheme IS NOT NULL
ORDER BY id, member;
CREATE UNIQUE INDEX ring_members_member ON ring_members (member, created_at DESC, note_id)
    INCLUDE (kind, ring_size, expires_at);
CREATE INDEX ring_members_note_id ON ring_members (note_id);

-- ANALYZE copies sample values into pg_statistic, where they outlive deleted notes. No plan of ours needs them.
ALTER TABLE ring_members ALTER COLUMN member SET STATISTICS 0, ALTER COLUMN note_id SET STATISTICS 0;
