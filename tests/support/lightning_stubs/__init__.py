"""Lightning nodes that answer as the real ones do, on loopback, a file each; their payments are pretended."""

from tests.support.lightning_stubs.clnrest import ClnrestStub
from tests.support.lightning_stubs.lnbits import LnbitsStub
from tests.support.lightning_stubs.lnd import LndStub
from tests.support.lightning_stubs.nwc import NwcStub
from tests.support.lightning_stubs.phoenixd import PhoenixdStub

STUBS = {"lnd": LndStub, "clnrest": ClnrestStub, "lnbits": LnbitsStub, "phoenixd": PhoenixdStub, "nwc": NwcStub}

__all__ = ["STUBS", "ClnrestStub", "LnbitsStub", "LndStub", "NwcStub", "PhoenixdStub"]
