"""deploy/torrc, read by tor itself, which makes the onion service's keys without any network."""

import asyncio
import re
import shutil
from pathlib import Path

import pytest

from tests.support.processes import REPOSITORY
from tests.support.time_factor import scaled
from tests.support.waiting import until

_TORRC = REPOSITORY / "deploy" / "torrc"
_TOR = shutil.which("tor")
_BOUND_S = scaled(30.0)


@pytest.mark.skipif(_TOR is None, reason="tor is not installed: apt install tor")
async def test_tor_takes_the_file_and_names_an_onion_address(tmp_path: Path) -> None:
    assert _TOR is not None
    (tmp_path / "service").mkdir(mode=0o700)
    text = re.sub(r"(?m)^HiddenServiceDir .*$", f"HiddenServiceDir {tmp_path / 'service'}", _TORRC.read_text())
    (tmp_path / "torrc").write_text(f"DataDirectory {tmp_path / 'data'}\nSocksPort 0\nDisableNetwork 1\n{text}")
    tor = await asyncio.create_subprocess_exec(
        _TOR, "-f", str(tmp_path / "torrc"), "--hush", stdout=asyncio.subprocess.DEVNULL
    )
    try:
        await until((tmp_path / "service" / "hostname").is_file, _BOUND_S)
        assert re.fullmatch(r"[a-z2-7]{56}\.onion\n", (tmp_path / "service" / "hostname").read_text())
        assert tor.returncode is None
    finally:
        if tor.returncode is None:
            tor.terminate()
        await tor.wait()


def test_it_leads_to_the_port_that_the_configuration_names() -> None:
    text = _TORRC.read_text()
    assert "HiddenServicePort 80 127.0.0.1:7448" in text
    assert "set 7448 here" in (REPOSITORY / "deploy" / "relay.toml").read_text()
