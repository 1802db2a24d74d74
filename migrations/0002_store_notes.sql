-- What the writer asks of the database for nearly every batch, in one round trip: a transaction of seven was bound by its
-- latency (storing 78 notes took 37 ms, and one note 2 ms).

-- Why notes are refused for what is stored already: the author asked to delete one (NIP-09), its ring signature is on another
-- note, or its words are here. Of such words, `holder` is the pubkey of the note that has them. Under the writer's lock.
CREATE FUNCTION find_refused(given day_notes[]) RETURNS TABLE (id bytea, reason text, holder bytea)
LANGUAGE sql STABLE AS $$
    WITH r AS (SELECT * FROM unnest(given))
    -- LIMIT makes each a look-up for each row: of EXISTS the planner makes a join with all that is stored.
    SELECT r.id, 'deleted', NULL::bytea FROM r, LATERAL (
        SELECT FROM tags t
        WHERE t.tag = convert_to('e' || encode(r.id, 'hex'), 'UTF8') AND t.pubkey = r.pubkey AND t.kind = 5 LIMIT 1) found
    WHERE r.kind <> 5
    UNION ALL
    SELECT r.id, 'signature', NULL FROM r, LATERAL (
        SELECT FROM spent_signatures s WHERE s.signed_id = r.signed_id LIMIT 1) found
    WHERE r.signed_id IS NOT NULL
    UNION ALL
    SELECT r.id, 'signature', NULL FROM r, LATERAL (
        SELECT n.id FROM notes n WHERE n.signed_id = r.signed_id LIMIT 1) found
    WHERE r.signed_id IS NOT NULL AND found.id <> r.id
    UNION ALL
    SELECT r.id, 'words', found.pubkey FROM r, LATERAL (
        SELECT n.id, n.pubkey FROM notes n WHERE n.content_key = r.content_key LIMIT 1) found
    WHERE r.content_key IS NOT NULL AND found.id <> r.id
$$;

-- Insert notes with their rows in the tables that are indexes, and return the ids of those that met no other note.
CREATE FUNCTION insert_notes(given day_notes[], OUT stored bytea[])
LANGUAGE plpgsql AS $$
BEGIN
    WITH inserted AS (
        INSERT INTO day_notes SELECT * FROM unnest(given) r
        -- A note of another day is in no unique index of this table.
        WHERE NOT EXISTS (SELECT FROM sorted_notes s WHERE s.id = r.id)
        ORDER BY r.id ON CONFLICT DO NOTHING
        RETURNING id, created_at, kind, pubkey, expires_at, price_paid_msat, tags, ring, ring_size
    ), inserted_tags AS (
        INSERT INTO day_tags (tag, created_at, note_id, kind, pubkey, expires_at, price_paid_msat, is_sorted)
        SELECT tag, i.created_at, i.id, i.kind, i.pubkey, i.expires_at, i.price_paid_msat, false
        FROM inserted i, unnest(i.tags) AS tag
    ), inserted_members AS (
        INSERT INTO day_ring_members (member, created_at, note_id, kind, ring_size, expires_at, price_paid_msat, is_sorted)
        SELECT substr(i.ring, 32 * place + 1, 32), i.created_at, i.id, i.kind, i.ring_size, i.expires_at, i.price_paid_msat,
               false
        FROM inserted i, generate_series(0, i.ring_size - 1) AS place
    )
    SELECT coalesce(array_agg(id), '{}') INTO stored FROM inserted;
END
$$;

-- Tell all processes of stored notes, and return their numbers in the feed.
CREATE FUNCTION announce_notes(ids bytea[], channel text, OUT sequence bigint[])
LANGUAGE plpgsql AS $$
BEGIN
    WITH announced AS (
        INSERT INTO feed (id) SELECT * FROM unnest(ids) RETURNING seq
    ), notified AS (
        SELECT pg_notify(channel, max(seq)::text) FROM announced
    )
    SELECT array_agg(seq) INTO sequence FROM announced, notified;
END
$$;

-- Store notes about which there are no other rules, as the only writer. Where words that are here come again nothing is
-- stored: there are rules about that.
CREATE FUNCTION store_notes(
    given day_notes[], channel text, OUT refused bytea[], OUT reasons text[], OUT stored bytea[], OUT sequence bigint[]
)
LANGUAGE plpgsql AS $$
BEGIN
    -- What follows sees all that was committed before.
    PERFORM pg_advisory_xact_lock(x'72696E67'::bigint);
    SELECT array_agg(f.id), array_agg(f.reason) INTO refused, reasons FROM find_refused(given) f;
    IF 'words' = ANY (reasons) THEN
        RETURN;
    END IF;
    IF refused IS NOT NULL THEN
        given := ARRAY(SELECT r FROM unnest(given) r WHERE r.id <> ALL (refused));
    END IF;
    stored := insert_notes(given);
    IF stored <> '{}' THEN
        sequence := announce_notes(stored, channel);
    END IF;
END
$$;
