"""The names of a corpus's parts: plain notes, and ring notes by the size and the shape of their rings."""

# Whether there is one ring for all notes of a part.
SHAPES = {"one": True, "own": False}


def name_part(ring_size: int, shape: str) -> str:
    """Return the name of the part with such ring notes."""
    return f"ring{ring_size}_{shape}"


def read_shape(name: str) -> tuple[int, bool]:
    """Return the size of a part's rings, 0 for plain notes, and whether there is one ring for all of it."""
    if not name.startswith("ring"):
        return 0, True
    size, shape = name.removeprefix("ring").split("_")
    return int(size), SHAPES[shape]
