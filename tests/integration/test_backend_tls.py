"""Which certificates the Lightning backends trust."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import SecretStr

from relay.pricing.lightning import open_backend
from relay.pricing.lightning.backend import BackendError
from relay.pricing.lightning.http import UNTRUSTED
from relay.pricing.settings import LightningConfigError, LightningSection
from tests.support.backend_contract import make, opened
from tests.support.backend_failures import expect_of_all, list_calls
from tests.support.lightning_stubs import ClnrestStub, LndStub
from tests.support.tls import make_clnrest_tls, make_tls


@pytest_asyncio.fixture
async def lnd(tmp_path: Path) -> AsyncIterator[LndStub]:
    async with LndStub(tmp_path).running() as stub:
        yield stub


@pytest.mark.parametrize("named", ["ca.pem", "server.pem"])
async def test_certificate_that_an_older_clnrest_made_is_trusted_where_it_is_named(named: str, tmp_path: Path) -> None:
    async with ClnrestStub(tmp_path, make_clnrest_tls(tmp_path)).running() as stub:
        async with opened(stub.section.model_copy(update={"certificate_file": tmp_path / named})) as backend:
            await make(backend)
        await expect_of_all(UNTRUSTED, stub)


async def test_certificate_of_nobody_that_is_trusted_is_named_as_the_fault(lnd: LndStub) -> None:
    await expect_of_all(UNTRUSTED, lnd, certificate_file=None)


async def test_another_certificate_than_the_trusted_one_is_refused(lnd: LndStub, tmp_path: Path) -> None:
    make_tls(tmp_path)
    await expect_of_all(UNTRUSTED, lnd, certificate_file=tmp_path / "both.pem")


async def test_trusted_certificate_of_another_host_is_refused(tmp_path: Path) -> None:
    async with ClnrestStub(tmp_path, make_tls(tmp_path)).running() as stub:
        # It is for localhost; the URL has 127.0.0.1.
        await expect_of_all(UNTRUSTED, stub, certificate_file=tmp_path / "both.pem")
        port = stub.section.url.rpartition(":")[2]
        section = stub.section.model_copy(
            update={"certificate_file": tmp_path / "both.pem", "url": f"https://localhost:{port}"}
        )
        async with opened(section) as backend:
            await make(backend)


async def test_https_and_http_taken_for_each_other_are_errors(lnd: LndStub, tmp_path: Path) -> None:
    async with ClnrestStub(tmp_path).running() as plain:
        for stub, url in (
            (lnd, lnd.section.url.replace("https", "http")),
            (plain, plain.section.url.replace("http", "https")),
        ):
            async with opened(stub.section.model_copy(update={"url": url})) as backend:
                for call in list_calls(backend, cancels=False):
                    with pytest.raises(BackendError):
                        await call()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file"),
        ("no certificate", "is no certificate in PEM form"),
        ("", "is no certificate"),
    ],
)
async def test_unreadable_certificate_is_the_operators_error(content: str | None, said: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "tls.cert").write_text(content)
    section = LightningSection(
        backend="lnd", url="https://127.0.0.1:8080", secret=SecretStr("02" * 20), certificate_file=tmp_path / "tls.cert"
    )
    with pytest.raises(LightningConfigError, match=said) as caught:
        open_backend(section)
    assert str(tmp_path / "tls.cert") in str(caught.value)
