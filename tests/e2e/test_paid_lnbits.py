"""Notes that are paid for from another wallet of a real LNbits. `make lnbits` installs it."""

import pytest

from tests.support.lnbits import LnbitsRig, find_package
from tests.support.paid_notes import PaidNotes

# Where it is not installed, one line says so.
find_package()


@pytest.mark.xdist_group("lnbits")
class TestPaidAtLnbits(PaidNotes):
    @pytest.fixture
    def rig(self, lnbits: LnbitsRig) -> LnbitsRig:
        return lnbits
