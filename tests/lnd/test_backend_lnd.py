"""The suite of the Lightning backends against LND itself. `make test-lnd` builds it and runs this."""

import pytest

from tests.support.backend_contract import BackendContract
from tests.support.lnd import LndRig, check_binaries

# Where they are not built, one line says so.
check_binaries()


class TestLnd(BackendContract):
    @pytest.fixture
    def rig(self, lnd: LndRig) -> LndRig:
        return lnd
