"""The Lightning nodes and wallets that can make invoices, one file each, and the choice between them."""

import asyncio

from relay.pricing.lightning.backend import Backend
from relay.pricing.lightning.clnrest import Clnrest
from relay.pricing.lightning.lnbits import Lnbits
from relay.pricing.lightning.lnd import Lnd
from relay.pricing.lightning.phoenixd import Phoenixd
from relay.pricing.settings import LightningSection, NodeSection, read_secret

# A stream that is quiet for so long is closed, as it may be dead.
STREAM_IDLE_S = 300.0


def open_backend(section: NodeSection, stream_idle_s: float = STREAM_IDLE_S) -> Backend | None:
    """Return the configured backend; None where none is configured. It asks its node nothing yet. Runs on the event loop.

    Raises LightningConfigError where the secret or the certificate cannot be read.
    """
    backend = _make_backend(section, stream_idle_s)
    if backend is not None and section.max_look_ups_per_s:
        backend.lookups_per_s = section.max_look_ups_per_s
    return backend


def _make_backend(section: NodeSection, stream_idle_s: float) -> Backend | None:
    match section.backend:
        case "lnd":
            return Lnd(section, read_secret(section), stream_idle_s)
        case "clnrest":
            return Clnrest(section, read_secret(section), stream_idle_s)
        case "lnbits":
            return Lnbits(section, read_secret(section), stream_idle_s)
        case "phoenixd":
            return Phoenixd(section, read_secret(section), stream_idle_s)
        case "nwc":
            # Imported here: no other relay loads code that signs a request.
            from relay.pricing.lightning.nwc.backend import Nwc

            return Nwc(section, read_secret(section), stream_idle_s)
        case "none":
            return None


def check_files(section: LightningSection) -> None:
    """Read the secret and the certificate, and connect to nothing. Raises LightningConfigError."""

    async def open_and_close() -> None:
        for one in (section, section.previous):
            backend = None if one is None else open_backend(one)
            if backend is not None:
                await backend.close()

    asyncio.run(open_and_close())
