"""What stands for a note wherever it is written, and where it stands in any bytes."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

_PAGE = 8_192
_ZEROS = bytes(_PAGE)


def spell(secret: bytes) -> set[bytes]:
    """Return how bytes are written: as they are, and in hex."""
    return {secret, secret.hex().encode(), secret.hex().upper().encode()}


class Needles:
    """Byte strings to look for all at once, each of which stands for a name."""

    def __init__(self, names: Mapping[str, Iterable[bytes]]) -> None:
        self._size = min(len(needle) for needles in names.values() for needle in needles)
        self._found: defaultdict[bytes, list[tuple[bytes, str]]] = defaultdict(list)
        for name, needles in names.items():
            for needle in needles:
                self._found[needle[: self._size]].append((needle, name))

    def find(self, data: bytes) -> Iterator[tuple[int, str]]:
        """Yield the offset and the name of everything that is found."""
        size, found = self._size, self._found
        for start in range(0, len(data), _PAGE):
            if data[start : start + _PAGE] == _ZEROS:
                continue
            for offset in range(start, min(start + _PAGE, len(data) - size + 1)):
                if (prefix := data[offset : offset + size]) in found:
                    for needle, name in found[prefix]:
                        if data.startswith(needle, offset):
                            yield offset, name

    def name(self, data: bytes) -> set[str]:
        """Return the names of what is found."""
        return {name for _, name in self.find(data)}
