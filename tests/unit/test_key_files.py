"""Keys in files: whole or not there, for their owner alone, and gone when they are destroyed."""

from pathlib import Path

import pytest

from relay.storage.key_files import KeyFiles
from relay.storage.sealing import SealingKey


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "data" / "keys"


@pytest.fixture
def files(directory: Path) -> KeyFiles:
    files = KeyFiles(directory)
    files.prepare()
    return files


def test_a_key_is_read_again_by_its_fingerprint(files: KeyFiles) -> None:
    keys = [SealingKey.make() for _ in range(3)]
    for key in keys:
        files.write(key)
    assert set(files.list_fingerprints()) == {key.fingerprint for key in keys}
    for key in keys:
        found = files.read(key.fingerprint)
        assert found is not None
        assert found.secret == key.secret
    assert files.read(SealingKey.make().fingerprint) is None


def test_nobody_else_may_read_them(files: KeyFiles, directory: Path) -> None:
    files.write(SealingKey.make())
    (path,) = directory.iterdir()
    assert (directory.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)


def test_what_is_destroyed_is_overwritten_and_gone(files: KeyFiles, directory: Path, tmp_path: Path) -> None:
    key = SealingKey.make()
    files.write(key)
    (path,) = directory.iterdir()
    # A second name for the same bytes on the disk: what somebody finds there who looks for freed blocks.
    block = tmp_path / "block"
    block.hardlink_to(path)
    files.destroy(key.fingerprint)
    assert (files.list_fingerprints(), block.read_bytes()) == ([], bytes(32))
    files.destroy(key.fingerprint)


@pytest.mark.parametrize("content", [b"", b"\x01" * 31, b"\x01" * 32, b"\x01" * 33])
def test_a_key_that_is_not_whole_is_none(files: KeyFiles, directory: Path, content: bytes) -> None:
    key = SealingKey.make()
    (directory / f"{key.fingerprint.hex()}.key").write_bytes(content)
    assert files.read(key.fingerprint) is None


def test_other_files_are_no_keys(files: KeyFiles, directory: Path) -> None:
    for name in ("notes.txt", "00.key", "zz" * 8 + ".key", ".key"):
        (directory / name).write_text("x")
    assert files.list_fingerprints() == []
