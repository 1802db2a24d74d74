-- Where the ring signs the words only, anyone can post those words again under another key: the first note keeps the place.
-- SHA-256 over the hash of the words, the ring id and the key image; null for bound notes. Gone with its note.
ALTER TABLE notes ADD COLUMN first_seen bytea;
CREATE UNIQUE INDEX notes_first_seen ON notes (first_seen) WHERE first_seen IS NOT NULL;
-- As for all columns that hold ids: sample values would outlive deleted notes.
ALTER TABLE notes ALTER COLUMN first_seen SET STATISTICS 0;
