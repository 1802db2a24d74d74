"""The browsers that the tests of a file share."""

from collections.abc import Iterator

import pytest

from tests.support.browsers import BROWSERS, Browsers


@pytest.fixture(scope="module")
def browsers() -> Iterator[Browsers]:
    browsers = Browsers("the pages were not opened in a browser")
    yield browsers
    browsers.close()


@pytest.fixture(params=BROWSERS)
def browser_name(request: pytest.FixtureRequest) -> str:
    """Give every browser in turn."""
    name: str = request.param
    return name
