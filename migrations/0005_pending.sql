-- Ring notes that were accepted and wait for the next tick (privacy.publish_every_s), to be published with others.
-- Keys as in notes, spent_signatures and answers: what would be refused at the tick is refused when it is sent.
CREATE TABLE pending (
    id                  bytea   PRIMARY KEY,    -- 32 bytes
    pubkey              bytea   NOT NULL,       -- whoever may withdraw it (NIP-09)
    event               bytea   NOT NULL,       -- the compact JSON
    pre_id              bytea   UNIQUE,
    first_seen          bytea   UNIQUE,
    answer_kind         integer,
    answer_target       bytea,
    answer_key_image    bytea,
    UNIQUE (answer_kind, answer_target, answer_key_image)
);
-- ANALYZE copies sample values into pg_statistic, where they outlive what was withdrawn.
ALTER TABLE pending
    ALTER COLUMN id SET STATISTICS 0, ALTER COLUMN pubkey SET STATISTICS 0, ALTER COLUMN event SET STATISTICS 0,
    ALTER COLUMN pre_id SET STATISTICS 0, ALTER COLUMN first_seen SET STATISTICS 0,
    ALTER COLUMN answer_target SET STATISTICS 0, ALTER COLUMN answer_key_image SET STATISTICS 0;
