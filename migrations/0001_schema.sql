-- Notes, the tables that are indexes of them, what was ever signed and answered, the feed between processes, and payments.
-- No column holds when a note arrived or was paid for, or in which order: an operator who must hand this over cannot say when
-- a note was posted. Times here are the author's own, or those at which a row is deleted.

-- Each table that has a row a note is two: in the one of the day rows lie in the order in which they came. Once a day they are
-- moved to the other, in the order of their keys, and the first is written into a new file. Unique indexes see one of the two:
-- that a key is not in both, the writer sees to. A row that is changed goes back to the day.
CREATE TABLE notes (
    id              bytea   NOT NULL,           -- 32 bytes (NIP-01)
    pubkey          bytea   NOT NULL,           -- 32 bytes; of a ring note, the throwaway key
    created_at      bigint  NOT NULL,           -- the author's word, Unix seconds
    kind            integer NOT NULL,
    expires_at      bigint,                     -- NIP-40, Unix seconds
    address         bytea,                      -- SHA-256 of `kind:pubkey:d` where one version is kept
    event           bytea   NOT NULL,           -- the compact JSON that subscribers get; bytea, as Postgres text has no NUL
    index_rows      integer NOT NULL,           -- its rows in tags and ring_members: what it costs to delete it
    -- The price of the tier that a note was posted in, in msat, never what was paid; null: free. It only rises.
    price_paid_msat bigint  CHECK (price_paid_msat > 0),
    form            text,                       -- from here on: null where the note is not ring-signed
    scheme          text,
    ring_size       integer,
    ring_id         bytea,                      -- 32 bytes
    key_image       bytea,                      -- 33 bytes; null for the unlinkable scheme
    scope           bytea,                      -- UTF-8
    signed_id       bytea,                      -- 32 bytes: what the ring signed, so that one signature makes one note
    -- Where the ring signs the words only, anyone can post those words again under another key: the first note keeps the
    -- place. SHA-256 over the hash of the words, the ring id and the key image; null for bound notes. Gone with its note.
    content_key     bytea,
    -- Whether another key brought these words, too. Then no deletion request removes them: whoever posts somebody's words
    -- first could take them away. It says nothing of which key, or when.
    is_contested    boolean NOT NULL,
    -- What the rows in tags and ring_members are made of, and found by: each of these tables has no other index then.
    tags            bytea[] NOT NULL,           -- the tags that filters can ask for, as in tags.tag
    ring            bytea,                      -- the members, 32 bytes each, in the order signed
    is_sorted       boolean NOT NULL,           -- in which of its two tables the row is
    CHECK (octet_length(id) = 32 AND octet_length(pubkey) = 32),
    CHECK (num_nulls(form, scheme, ring_size, ring_id, ring) IN (0, 5))
) PARTITION BY LIST (is_sorted);
CREATE TABLE day_notes PARTITION OF notes (PRIMARY KEY (id)) FOR VALUES IN (false);

-- Newest first, ties lowest id first (NIP-01): every index ends as every query is ordered.
CREATE INDEX notes_created_at ON day_notes (created_at DESC, id);
CREATE INDEX notes_pubkey ON day_notes (pubkey, created_at DESC, id);
CREATE INDEX notes_pubkey_kind ON day_notes (pubkey, kind, created_at DESC, id);
CREATE INDEX notes_kind ON day_notes (kind, created_at DESC, id);
CREATE INDEX notes_expires_at ON day_notes (expires_at) WHERE expires_at IS NOT NULL;
CREATE UNIQUE INDEX notes_address ON day_notes (address) WHERE address IS NOT NULL;
CREATE UNIQUE INDEX notes_signed_id ON day_notes (signed_id) WHERE signed_id IS NOT NULL;
CREATE UNIQUE INDEX notes_content_key ON day_notes (content_key) WHERE content_key IS NOT NULL;
-- Holds what a search by properties of the ring note alone needs, and what such searches are narrowed by.
CREATE INDEX notes_ring ON day_notes (scheme, form, created_at DESC, id) INCLUDE (ring_size, kind, expires_at)
    WHERE scheme IS NOT NULL;
CREATE INDEX notes_ring_id ON day_notes (ring_id, created_at DESC, id) WHERE ring_id IS NOT NULL;
CREATE INDEX notes_key_image ON day_notes (key_image, created_at DESC, id) WHERE key_image IS NOT NULL;
CREATE INDEX notes_scope ON day_notes (scope, created_at DESC, id) WHERE scope IS NOT NULL;
-- Whether there is any is asked for each deletion request.
CREATE INDEX notes_contested ON day_notes (id) WHERE is_contested;
-- Of paid notes alone, so that readers of an expensive tier never walk past the free ones; and with the price in the key, so
-- that they do not walk past the cheaper ones either. They cost a free note nothing.
CREATE INDEX notes_priced ON day_notes (price_paid_msat, created_at DESC, id) WHERE price_paid_msat IS NOT NULL;
CREATE INDEX notes_priced_kind ON day_notes (kind, price_paid_msat, created_at DESC, id) WHERE price_paid_msat IS NOT NULL;
CREATE INDEX notes_priced_pubkey ON day_notes (pubkey, price_paid_msat, created_at DESC, id)
    WHERE price_paid_msat IS NOT NULL;
CREATE INDEX notes_priced_pubkey_kind ON day_notes (pubkey, kind, price_paid_msat, created_at DESC, id)
    WHERE price_paid_msat IS NOT NULL;
CREATE INDEX notes_priced_ring ON day_notes (scheme, form, price_paid_msat, created_at DESC, id)
    INCLUDE (ring_size, kind, expires_at) WHERE price_paid_msat IS NOT NULL AND scheme IS NOT NULL;
CREATE INDEX notes_priced_ring_id ON day_notes (ring_id, price_paid_msat, created_at DESC, id)
    WHERE price_paid_msat IS NOT NULL AND ring_id IS NOT NULL;
CREATE INDEX notes_priced_key_image ON day_notes (key_image, price_paid_msat, created_at DESC, id)
    WHERE price_paid_msat IS NOT NULL AND key_image IS NOT NULL;
CREATE INDEX notes_priced_scope ON day_notes (scope, price_paid_msat, created_at DESC, id)
    WHERE price_paid_msat IS NOT NULL AND scope IS NOT NULL;
-- No compression makes keys and scalars smaller. Trying it took a fifth of what Postgres spends on a note over a ring of a thousand.
ALTER TABLE day_notes ALTER COLUMN ring SET STORAGE EXTERNAL, ALTER COLUMN event SET STORAGE EXTERNAL;
CREATE TABLE sorted_notes (LIKE day_notes INCLUDING ALL);
ALTER TABLE notes ATTACH PARTITION sorted_notes FOR VALUES IN (true);

-- An index as a table: a row a tag that filters can ask for. It repeats what queries narrow by.
CREATE TABLE tags (
    tag             bytea   NOT NULL,           -- the letter's byte, then the value (or its SHA-256, where it is long)
    created_at      bigint  NOT NULL,
    note_id         bytea   NOT NULL,           -- of notes; a foreign key would make a row 1.4 times as dear
    kind            integer NOT NULL,
    pubkey          bytea   NOT NULL,
    expires_at      bigint,
    price_paid_msat bigint,
    is_sorted       boolean NOT NULL
) PARTITION BY LIST (is_sorted);
CREATE TABLE day_tags PARTITION OF tags FOR VALUES IN (false);
CREATE UNIQUE INDEX tags_tag ON day_tags (tag, created_at DESC, note_id) INCLUDE (kind, pubkey, expires_at);
CREATE INDEX tags_priced ON day_tags (tag, price_paid_msat, created_at DESC, note_id) INCLUDE (kind, pubkey, expires_at)
    WHERE price_paid_msat IS NOT NULL;
-- Whether an author has asked to delete a note is looked up for every note.
CREATE INDEX tags_deletions ON day_tags (tag, pubkey, created_at) WHERE kind = 5;
CREATE TABLE sorted_tags (LIKE day_tags INCLUDING ALL);
ALTER TABLE tags ATTACH PARTITION sorted_tags FOR VALUES IN (true);

-- The same for rings: a row a member of each ring note's ring.
CREATE TABLE ring_members (
    member          bytea   NOT NULL,           -- 32 bytes
    created_at      bigint  NOT NULL,
    note_id         bytea   NOT NULL,           -- of notes; a foreign key would make a row 1.4 times as dear
    kind            integer NOT NULL,
    ring_size       integer NOT NULL,
    expires_at      bigint,
    price_paid_msat bigint,
    is_sorted       boolean NOT NULL
) PARTITION BY LIST (is_sorted);
CREATE TABLE day_ring_members PARTITION OF ring_members FOR VALUES IN (false);
CREATE UNIQUE INDEX ring_members_member ON day_ring_members (member, created_at DESC, note_id)
    INCLUDE (kind, ring_size, expires_at);
CREATE INDEX ring_members_priced ON day_ring_members (member, price_paid_msat, created_at DESC, note_id)
    INCLUDE (kind, ring_size, expires_at) WHERE price_paid_msat IS NOT NULL;
CREATE TABLE sorted_ring_members (LIKE day_ring_members INCLUDING ALL);
ALTER TABLE ring_members ATTACH PARTITION sorted_ring_members FOR VALUES IN (true);

-- What deleted ring notes were signed over: one ring signature makes one note, also after that note is gone.
CREATE TABLE spent_signatures (
    signed_id       bytea   NOT NULL,
    is_sorted       boolean NOT NULL
) PARTITION BY LIST (is_sorted);
CREATE TABLE day_spent_signatures PARTITION OF spent_signatures (PRIMARY KEY (signed_id)) FOR VALUES IN (false);
CREATE TABLE sorted_spent_signatures (LIKE day_spent_signatures INCLUDING ALL);
ALTER TABLE spent_signatures ATTACH PARTITION sorted_spent_signatures FOR VALUES IN (true);

-- Who has answered what: one answer a ring member, kept when the answer is deleted or expires. The key image is the
-- member's name within one target, and nowhere else.
CREATE TABLE answers (
    kind            integer NOT NULL,           -- 7, a reaction, or 1018, a poll response
    target          bytea   NOT NULL,           -- 32 bytes: the id of what is answered
    key_image       bytea   NOT NULL,           -- 33 bytes
    ring_id         bytea   NOT NULL,           -- 32 bytes
    note_id         bytea,                      -- of notes; null when the answer is gone
    is_sorted       boolean NOT NULL
) PARTITION BY LIST (is_sorted);
CREATE TABLE day_answers PARTITION OF answers (PRIMARY KEY (kind, target, key_image)) FOR VALUES IN (false);
CREATE UNIQUE INDEX answers_note_id ON day_answers (note_id) WHERE note_id IS NOT NULL;
CREATE TABLE sorted_answers (LIKE day_answers INCLUDING ALL);
ALTER TABLE answers ATTACH PARTITION sorted_answers FOR VALUES IN (true);

-- On which day the tables of the day were rewritten last: the number of days since 1970. One row, none on the first day.
CREATE TABLE last_rewrite (
    day             integer PRIMARY KEY
);

-- Ring notes that were accepted and wait for the next batch (privacy.publish_every_s), to be published with others. A row is
-- sealed under a key that lies in a file beside the database, and is destroyed once its notes are published. So neither the
-- table's file nor the write-ahead log tells then when one of them came.
CREATE TABLE held_notes (
    key             bytea   NOT NULL,           -- 8 bytes: of sealing_keys
    name            bytea   NOT NULL,           -- 32 bytes: the note's id, hashed with the key
    sealed          bytea   NOT NULL,           -- 4, 16, 64 or 256 KiB and 40 bytes
    PRIMARY KEY (key, name)
);
-- Random bytes: no compression makes them smaller.
ALTER TABLE held_notes ALTER COLUMN sealed SET STORAGE EXTERNAL;

-- Which of them are published, as long as their rows are here: so that a publication that was interrupted goes on. A mark is
-- the note's id hashed in another way: it does not say which row it is about.
CREATE TABLE held_marks (
    key             bytea   NOT NULL,
    mark            bytea   NOT NULL,           -- 32 bytes
    PRIMARY KEY (key, mark)
);

-- Which keys there are, for those who share the database. Rows are sealed with the one that is current.
CREATE TABLE sealing_keys (
    fingerprint     bytea   PRIMARY KEY,        -- 8 bytes, which tell nothing of the key
    purpose         text    NOT NULL CHECK (purpose IN ('batch', 'order')),
    is_current      boolean NOT NULL,
    -- Of work beyond its path's that a free note costs while this key is current; 0 for orders.
    pow_bits        integer NOT NULL
);
CREATE UNIQUE INDEX sealing_keys_current ON sealing_keys (purpose) WHERE is_current;

-- What other processes have not seen yet. Deleted after minutes; unlogged, so that its order never reaches the WAL.
-- The sequence is logged: it must not start again after a crash has emptied the table.
CREATE SEQUENCE feed_seq;
CREATE UNLOGGED TABLE feed (
    seq                 bigint  PRIMARY KEY DEFAULT nextval('feed_seq'),
    id                  bytea,                  -- null where notes were deleted
    event               bytea,                  -- only of ephemeral events, which are stored nowhere else
    price_paid_msat     bigint,                 -- when it was announced: a later upgrade is announced for itself
    previous_price_msat bigint,                 -- of an upgraded note: only paths above this price see it as new
    deleted             bytea[]                 -- the ids of notes that were deleted together; none where these are too many
);
-- An ephemeral event that is sent again while it is here is known.
CREATE INDEX feed_ephemeral ON feed (id) WHERE event IS NOT NULL;

-- Processes keep recent notes in memory. So the feed tells which were deleted, whoever deleted them. The lock is the writer's:
-- numbers of the feed are handed out under it alone, so that their order is that of the commits.
CREATE FUNCTION lock_feed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1919512167);
    RETURN NULL;
END $$;
CREATE FUNCTION announce_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ids bytea[] := ARRAY(SELECT id FROM deleted ORDER BY id LIMIT 10001);
    number bigint;
BEGIN
    IF ids <> '{}' THEN
        -- The schema is named: whoever deletes by hand can have another one in mind.
        EXECUTE format('INSERT INTO %I.feed (deleted) VALUES ($1) RETURNING seq', TG_TABLE_SCHEMA) INTO number
            USING CASE WHEN cardinality(ids) <= 10000 THEN ids ELSE '{}' END;
        PERFORM pg_notify('ringrelay_feed', number::text);
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION announce_truncated() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    number bigint;
BEGIN
    EXECUTE format('INSERT INTO %I.feed (deleted) VALUES (''{}'') RETURNING seq', TG_TABLE_SCHEMA) INTO number;
    PERFORM pg_notify('ringrelay_feed', number::text);
    RETURN NULL;
END $$;
-- A note that is moved by night is deleted from the table of the day, not from notes.
CREATE TRIGGER lock_feed BEFORE DELETE ON notes FOR EACH STATEMENT EXECUTE FUNCTION lock_feed();
CREATE TRIGGER announce_deleted AFTER DELETE ON notes REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION announce_deleted();
CREATE TRIGGER announce_truncated AFTER TRUNCATE ON notes FOR EACH STATEMENT EXECUTE FUNCTION announce_truncated();

-- Notes that were verified and wait to be paid for. They and their invoices are sealed under a key of an hour, which lies in a
-- file and is destroyed once no row names it. The rows of one note have one key, as long as anything is asked for it. Names are
-- hashed with the key.
CREATE TABLE unpaid_notes (
    key             bytea   NOT NULL,           -- 8 bytes: of sealing_keys
    name            bytea   NOT NULL,           -- 32 bytes: of the id
    owner_name      bytea   NOT NULL,           -- 32 bytes: of pubkey and id; who may withdraw it (NIP-09)
    address_name    bytea   NOT NULL,           -- 32 bytes: of pubkey and address, by which it is withdrawn, too; or random ones
    sealed          bytea   NOT NULL,           -- the compact JSON; 4, 16, 64 or 256 KiB and 40 bytes
    PRIMARY KEY (key, name)
);
ALTER TABLE unpaid_notes ALTER COLUMN sealed SET STORAGE EXTERNAL;
CREATE INDEX unpaid_notes_address_name ON unpaid_notes (key, address_name);

CREATE TABLE invoices (
    reference       bytea   PRIMARY KEY,        -- 32 random bytes: all that the Lightning node learns of what is paid for
    account         text    NOT NULL,           -- the node or wallet that made it, and alone can be asked: `lnd 02ab...`
    token           bytea   NOT NULL UNIQUE,    -- 16 random bytes: the pay page's address
    key             bytea   NOT NULL,           -- 8 bytes: as in unpaid_notes
    note_name       bytea   NOT NULL,           -- 32 bytes: of the id of a note that is unpaid, or stored and to be upgraded
    -- The id, the tier, the price, and what part of it came before: what is asked, and what the note is then worth.
    sealed          bytea   NOT NULL,           -- 168 bytes
    -- Closed: nothing is asked for any more, but a payment may still come.
    state           text    NOT NULL CHECK (state IN ('creating', 'open', 'closed', 'settled')),
    payment_hash    bytea   UNIQUE,             -- 32 bytes; null while it is being made
    sealed_bolt11   bytea,                      -- its length would name the tier; null unless open
    -- Unix seconds: when it cannot be paid any more; while it is made, when to give up. Of a closed one to the hour only.
    expires_at      bigint  NOT NULL,
    forget_at       bigint,                     -- Unix seconds: when the row goes, and with it what links a payment to a note
    look_up_at      bigint,                     -- Unix seconds: when the node is asked next; null while there is nothing to ask
    is_cancel_tried boolean NOT NULL            -- the node could not cancel it
);
ALTER TABLE invoices ALTER COLUMN sealed SET STORAGE PLAIN, ALTER COLUMN sealed_bolt11 SET STORAGE EXTERNAL;
-- That only one is open a note and tier is seen under the writer's lock: no index reads tiers.
CREATE INDEX invoices_note_name ON invoices (key, note_name) WHERE state IN ('creating', 'open');
-- Whether any row names a key.
CREATE INDEX invoices_key ON invoices (key);
-- What is settled only waits to be forgotten, and is many.
CREATE INDEX invoices_unsettled ON invoices (state) WHERE state <> 'settled';
-- Open ones come first, and closed ones can be many: where a node cannot cancel, each is watched for a day.
CREATE INDEX invoices_look_up_at ON invoices (state, look_up_at) WHERE look_up_at IS NOT NULL;
CREATE INDEX invoices_account ON invoices (account, state, look_up_at) WHERE look_up_at IS NOT NULL;
-- Which one goes where no more may be open.
CREATE INDEX invoices_oldest ON invoices (account, expires_at, reference) WHERE state = 'open';
CREATE INDEX invoices_forget_at ON invoices (forget_at) WHERE state = 'settled';
CREATE INDEX invoices_given_up ON invoices (expires_at) WHERE payment_hash IS NULL;

-- Money that bought nothing: what came late, twice, short or beyond the price. Nothing here says when.
CREATE TABLE unapplied_payments (
    -- Of the invoice, to claim it back at the node; null once forgotten. It stays where a key was lost: nothing else names it.
    reference       bytea,
    note_id         bytea,                      -- null where nothing is left to publish
    amount_msat     bigint  NOT NULL CHECK (amount_msat > 0),
    reason          text    NOT NULL CHECK (
        reason IN ('late', 'double', 'short', 'over', 'refused', 'withdrawn', 'claimed', 'key_lost'))
);
CREATE INDEX unapplied_payments_note_id ON unapplied_payments (note_id) WHERE note_id IS NOT NULL;
CREATE INDEX unapplied_payments_reference ON unapplied_payments (reference) WHERE reference IS NOT NULL;
CREATE INDEX unapplied_payments_unlinked ON unapplied_payments (reason) WHERE reference IS NULL AND note_id IS NULL;

-- Invoices whose rows went without an answer: their node did not know them when their time had come, or the operator gave
-- them up. What was paid for them is not in these books. One row an account and reason.
CREATE TABLE unanswered_invoices (
    account         text    NOT NULL,
    reason          text    NOT NULL CHECK (reason IN ('unknown', 'abandoned')),
    invoices        bigint  NOT NULL,
    price_msat      bigint  NOT NULL,           -- of all of them together
    PRIMARY KEY (account, reason)
);

-- Payments that cannot be claimed (any more): they were settled and forgotten, or claimed. Hashes of payment hashes, which
-- name no note. Filled when invoices are forgotten, many at once, so that nothing here says when one was paid.
CREATE TABLE spent_payments (
    payment         bytea   PRIMARY KEY         -- 32 bytes
);

-- Where a node's stream of payments goes on after a restart. One row a node.
CREATE TABLE settlement_cursors (
    account         text    PRIMARY KEY,
    cursor          text    NOT NULL
);

-- The lowest price that each path ever had: it shows the notes that were sold at that price, also once the price has risen. A
-- row a path that an operator has named.
CREATE TABLE tier_prices (
    path              text   PRIMARY KEY,
    lowest_price_msat bigint NOT NULL CHECK (lowest_price_msat > 0)
);

-- ANALYZE copies sample values into pg_statistic, where they outlive deleted rows. No plan of ours needs them. Those of kinds
-- mislead: where all notes are of one kind, a look-up of another would walk all of them in the order of created_at.
ALTER TABLE notes
    ALTER COLUMN kind SET STATISTICS 0, ALTER COLUMN form SET STATISTICS 0, ALTER COLUMN scheme SET STATISTICS 0,
    ALTER COLUMN id SET STATISTICS 0, ALTER COLUMN pubkey SET STATISTICS 0, ALTER COLUMN address SET STATISTICS 0,
    ALTER COLUMN event SET STATISTICS 0, ALTER COLUMN tags SET STATISTICS 0, ALTER COLUMN ring SET STATISTICS 0,
    ALTER COLUMN ring_id SET STATISTICS 0, ALTER COLUMN key_image SET STATISTICS 0,
    ALTER COLUMN scope SET STATISTICS 0, ALTER COLUMN signed_id SET STATISTICS 0,
    ALTER COLUMN content_key SET STATISTICS 0;
ALTER TABLE tags
    ALTER COLUMN tag SET STATISTICS 0, ALTER COLUMN note_id SET STATISTICS 0, ALTER COLUMN pubkey SET STATISTICS 0,
    ALTER COLUMN kind SET STATISTICS 0;
ALTER TABLE ring_members
    ALTER COLUMN member SET STATISTICS 0, ALTER COLUMN note_id SET STATISTICS 0, ALTER COLUMN kind SET STATISTICS 0;
ALTER TABLE spent_signatures ALTER COLUMN signed_id SET STATISTICS 0;
ALTER TABLE answers
    ALTER COLUMN target SET STATISTICS 0, ALTER COLUMN key_image SET STATISTICS 0, ALTER COLUMN ring_id SET STATISTICS 0,
    ALTER COLUMN note_id SET STATISTICS 0;
ALTER TABLE held_notes
    ALTER COLUMN key SET STATISTICS 0, ALTER COLUMN name SET STATISTICS 0, ALTER COLUMN sealed SET STATISTICS 0;
ALTER TABLE held_marks ALTER COLUMN key SET STATISTICS 0, ALTER COLUMN mark SET STATISTICS 0;
ALTER TABLE feed
    ALTER COLUMN id SET STATISTICS 0, ALTER COLUMN event SET STATISTICS 0, ALTER COLUMN deleted SET STATISTICS 0;
ALTER TABLE unpaid_notes
    ALTER COLUMN key SET STATISTICS 0, ALTER COLUMN name SET STATISTICS 0, ALTER COLUMN owner_name SET STATISTICS 0,
    ALTER COLUMN address_name SET STATISTICS 0, ALTER COLUMN sealed SET STATISTICS 0;
ALTER TABLE spent_payments ALTER COLUMN payment SET STATISTICS 0;
ALTER TABLE invoices
    ALTER COLUMN account SET STATISTICS 0, ALTER COLUMN reference SET STATISTICS 0, ALTER COLUMN token SET STATISTICS 0,
    ALTER COLUMN key SET STATISTICS 0, ALTER COLUMN note_name SET STATISTICS 0, ALTER COLUMN sealed SET STATISTICS 0,
    ALTER COLUMN payment_hash SET STATISTICS 0, ALTER COLUMN sealed_bolt11 SET STATISTICS 0,
    ALTER COLUMN expires_at SET STATISTICS 0, ALTER COLUMN forget_at SET STATISTICS 0;
ALTER TABLE unapplied_payments
    ALTER COLUMN reference SET STATISTICS 0, ALTER COLUMN note_id SET STATISTICS 0;
