"""The suite of the Lightning backends against LNbits itself, on its FakeWallet. `make lnbits` installs it."""

import pytest

from tests.support.backend_contract import BackendContract
from tests.support.lnbits import LnbitsRig, find_package

# Where it is not installed, one line says so.
find_package()


@pytest.mark.xdist_group("lnbits")
class TestLnbits(BackendContract):
    @pytest.fixture
    def rig(self, lnbits: LnbitsRig) -> LnbitsRig:
        return lnbits
