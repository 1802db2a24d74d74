-- What was paid to post a note, and the notes and invoices that wait for a payment.
-- Still no column that holds when a note arrived or was paid for, or in which order. Times here are those at which rows go.

-- The price of the tier that a note was posted in, in msat, never what was paid; null: free. It only rises. Copied into the
-- tables that are indexes, so that a reader of a dear tier never walks past the free notes.
ALTER TABLE notes ADD COLUMN rank bigint CHECK (rank > 0);
ALTER TABLE tags ADD COLUMN rank bigint;
ALTER TABLE ring_members ADD COLUMN rank bigint;
CREATE INDEX notes_priced ON notes (created_at DESC, id) WHERE rank IS NOT NULL;
-- By author as well, as many authors can be asked for at once.
CREATE INDEX notes_priced_pubkey ON notes (pubkey, created_at DESC, id) WHERE rank IS NOT NULL;
CREATE INDEX tags_priced ON tags (tag, created_at DESC, note_id) INCLUDE (kind, pubkey, expires_at, rank)
    WHERE rank IS NOT NULL;
CREATE INDEX ring_members_priced ON ring_members (member, created_at DESC, note_id)
    INCLUDE (kind, ring_size, expires_at, rank) WHERE rank IS NOT NULL;

-- A paid note that waits for the tick keeps its rank. Of a stored note that rose: only paths dearer than this see it anew.
ALTER TABLE pending ADD COLUMN rank bigint CHECK (rank > 0);
ALTER TABLE feed ADD COLUMN above bigint;
-- The rank that a note had when it was announced: it may have risen since, which is announced for itself.
ALTER TABLE feed ADD COLUMN rank bigint;

-- Notes that were verified and wait to be paid for.
CREATE TABLE parked (
    id              bytea   PRIMARY KEY,    -- 32 bytes
    pubkey          bytea   NOT NULL,       -- whoever may withdraw it (NIP-09)
    address         bytea,                  -- as in notes: it can be withdrawn by that, too
    created_at      bigint  NOT NULL,
    event           bytea   NOT NULL        -- the compact JSON
);

CREATE TABLE invoices (
    reference       bytea   PRIMARY KEY,    -- 32 random bytes: all that the Lightning node learns of what is paid for
    token           bytea   NOT NULL UNIQUE,    -- 16 random bytes: the pay page's address
    note_id         bytea   NOT NULL,       -- parked, or stored and to be raised
    tier            text    NOT NULL,       -- the path, as the pay page shows it
    rank            bigint  NOT NULL CHECK (rank > 0),  -- msat: what is asked, and what the note gets
    -- Closed: nothing is asked for any more, but a payment may still come.
    state           text    NOT NULL CHECK (state IN ('creating', 'open', 'closed', 'settled')),
    payment_hash    bytea   UNIQUE,         -- 32 bytes; null while it is being made
    bolt11          text,
    expires_at      bigint  NOT NULL,       -- Unix seconds: when it cannot be paid any more; of one being made, when to give up
    forget_at       bigint                  -- Unix seconds: when the row goes, and with it what links a payment to a note
);
-- One open invoice a note and tier.
CREATE UNIQUE INDEX invoices_open ON invoices (note_id, tier) WHERE state IN ('creating', 'open');
CREATE INDEX invoices_note_id ON invoices (note_id);

-- Money that bought nothing: what came late, twice, short or beyond the price. Nothing here says when.
CREATE TABLE surplus (
    reference       bytea,                  -- of the invoice, for whoever claims it back at the node; null once forgotten
    note_id         bytea,                  -- null where nothing is left to publish
    amount_msat     bigint  NOT NULL CHECK (amount_msat > 0),
    reason          text    NOT NULL CHECK (reason IN ('late', 'double', 'short', 'over', 'refused', 'withdrawn'))
);
CREATE INDEX surplus_note_id ON surplus (note_id) WHERE note_id IS NOT NULL;

-- Where the node's stream of payments goes on after a restart. One row a node.
CREATE TABLE settlement_cursors (
    backend         text    PRIMARY KEY,
    cursor          text    NOT NULL
);

-- ANALYZE copies sample values into pg_statistic, where they outlive what was forgotten.
ALTER TABLE parked
    ALTER COLUMN id SET STATISTICS 0, ALTER COLUMN pubkey SET STATISTICS 0, ALTER COLUMN address SET STATISTICS 0,
    ALTER COLUMN event SET STATISTICS 0;
ALTER TABLE invoices
    ALTER COLUMN reference SET STATISTICS 0, ALTER COLUMN token SET STATISTICS 0, ALTER COLUMN note_id SET STATISTICS 0,
    ALTER COLUMN tier SET STATISTICS 0, ALTER COLUMN payment_hash SET STATISTICS 0, ALTER COLUMN bolt11 SET STATISTICS 0,
    ALTER COLUMN expires_at SET STATISTICS 0, ALTER COLUMN forget_at SET STATISTICS 0;
ALTER TABLE surplus
    ALTER COLUMN reference SET STATISTICS 0, ALTER COLUMN note_id SET STATISTICS 0;
