"""What somebody finds who has seized a relay's disk, and knows all notes it shows: with Postgres' own tools and file formats.

Nothing here knows a table of the relay's: whatever row or record holds bytes of a note is about that note.
"""
