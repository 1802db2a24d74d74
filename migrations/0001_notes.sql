-- Notes, their tags, and the feed between relay processes.
-- No column holds when a note arrived, or in which order: whoever is forced to hand this over cannot say when it was posted.

CREATE TABLE notes (
    id          bytea   PRIMARY KEY,        -- 32 bytes (NIP-01)
    pubkey      bytea   NOT NULL,           -- 32 bytes; of a ring note, the throwaway key
    created_at  bigint  NOT NULL,           -- the author's word, Unix seconds
    kind        integer NOT NULL,
    expires_at  bigint,                     -- NIP-40, Unix seconds
    address     bytea,                      -- SHA-256 of `kind:pubkey:d` where one version is kept
    event       bytea   NOT NULL,           -- the compact JSON that subscribers get; bytea, as Postgres text has no NUL
    scheme      text,                       -- from here on: null where the note is not ring-signed
    ring_size   integer,
    ring_id     bytea,                      -- 32 bytes
    key_image   bytea,                      -- 33 bytes; null for the unlinkable scheme
    scope       bytea,                      -- UTF-8
    pre_id      bytea,                      -- 32 bytes: what the ring signed, so that one signature makes one note
    CHECK (octet_length(id) = 32 AND octet_length(pubkey) = 32),
    CHECK (num_nulls(scheme, ring_size, ring_id) IN (0, 3))
);

-- Newest first, ties lowest id first (NIP-01): every index ends as every query is ordered.
CREATE INDEX notes_created_at ON notes (created_at DESC, id);
CREATE INDEX notes_pubkey ON notes (pubkey, created_at DESC, id);
CREATE INDEX notes_pubkey_kind ON notes (pubkey, kind, created_at DESC, id);
CREATE INDEX notes_kind ON notes (kind, created_at DESC, id);
CREATE INDEX notes_expires_at ON notes (expires_at) WHERE expires_at IS NOT NULL;
CREATE UNIQUE INDEX notes_address ON notes (address) WHERE address IS NOT NULL;
CREATE UNIQUE INDEX notes_pre_id ON notes (pre_id) WHERE pre_id IS NOT NULL;

CREATE TABLE tags (
    tag         bytea   NOT NULL,           -- the letter's byte, then the value (or its SHA-256, see relay/storage/query.py)
    created_at  bigint  NOT NULL,
    note_id     bytea   NOT NULL REFERENCES notes (id) ON DELETE CASCADE,
    kind        integer NOT NULL,
    pubkey      bytea   NOT NULL,
    expires_at  bigint
);
CREATE UNIQUE INDEX tags_tag ON tags (tag, created_at DESC, note_id) INCLUDE (kind, pubkey, expires_at);
CREATE INDEX tags_note_id ON tags (note_id);

-- What deleted ring notes were signed over: one ring signature makes one note, also after that note is gone.
CREATE TABLE spent_signatures (
    pre_id      bytea   PRIMARY KEY
);

-- What other processes have not seen yet. Pruned after minutes; unlogged, so that its order never reaches the WAL.
-- The sequence is logged: it must not start again after a crash has emptied the table.
CREATE SEQUENCE feed_seq;
CREATE UNLOGGED TABLE feed (
    seq         bigint  PRIMARY KEY DEFAULT nextval('feed_seq'),
    id          bytea   NOT NULL,
    event       bytea                       -- only of ephemeral events, which are stored nowhere else
);
-- An ephemeral event that is sent again while it is here is known.
CREATE INDEX feed_ephemeral ON feed (id) WHERE event IS NOT NULL;

-- ANALYZE copies sample values into pg_statistic, where they outlive deleted notes. No plan of ours needs them.
ALTER TABLE notes
    ALTER COLUMN id SET STATISTICS 0, ALTER COLUMN pubkey SET STATISTICS 0, ALTER COLUMN address SET STATISTICS 0,
    ALTER COLUMN event SET STATISTICS 0, ALTER COLUMN ring_id SET STATISTICS 0, ALTER COLUMN key_image SET STATISTICS 0,
    ALTER COLUMN scope SET STATISTICS 0, ALTER COLUMN pre_id SET STATISTICS 0;
ALTER TABLE tags
    ALTER COLUMN tag SET STATISTICS 0, ALTER COLUMN note_id SET STATISTICS 0, ALTER COLUMN pubkey SET STATISTICS 0;
ALTER TABLE spent_signatures ALTER COLUMN pre_id SET STATISTICS 0;
ALTER TABLE feed ALTER COLUMN id SET STATISTICS 0, ALTER COLUMN event SET STATISTICS 0;
