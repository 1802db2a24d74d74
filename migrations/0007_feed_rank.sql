-- The rank that a note had when it was announced (msat): it may have risen since, which is announced for itself.
ALTER TABLE feed ADD COLUMN rank bigint;
