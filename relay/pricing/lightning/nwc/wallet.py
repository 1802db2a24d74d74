"""A wallet that is reached over whichever of its relays connects: one connection, opened again after growing pauses."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager

from relay.pricing.lightning.backend import BackendError
from relay.pricing.lightning.http import TIMED_OUT, UNREACHABLE, Node
from relay.pricing.lightning.nwc.connection_string import ConnectionString
from relay.pricing.lightning.nwc.messages import UNSUPPORTED_ENCRYPTION, NotifiedPayment, WalletRefusal
from relay.pricing.lightning.nwc.relay_link import RelayLink
from relay.pricing.lightning.nwc.wallet_session import WalletSession, open_session
from relay.pricing.settings import NodeSection

# Each has a subscription of its own, of which relays allow about twenty.
_REQUESTS_AT_ONCE = 8
# After so many requests in a row without a reply the wallet may be at another relay, or this one may have forgotten us.
_MAX_UNANSWERED = 3
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 15.0


class Wallet:
    """The wallet of a connection string. Made on the event loop."""

    def __init__(self, section: NodeSection, string: ConnectionString, stream_idle_s: float) -> None:
        self._string = string
        self._timeout_s = section.timeout_s
        self._network = section.network
        # Without a URL of its own: each relay is a whole one.
        self._node = Node(section, {}, stream_idle_s)
        self._turns = asyncio.Semaphore(_REQUESTS_AT_ONCE)
        self._opening = asyncio.Lock()
        self._session: WalletSession | None = None
        self._pause_s = 0.0
        self._retry_at = 0.0
        self._last_failure = UNREACHABLE

    async def ask(self, method: str, parameters: dict[str, object]) -> bytes:
        """Send a request to the wallet and return the result, as JSON. Raises BackendError."""
        with _naming_timeout():
            async with asyncio.timeout(self._timeout_s), self._turns:
                session = await self._find_session()
                try:
                    return await session.ask(method, parameters)
                except WalletRefusal as refusal:
                    if refusal.code == UNSUPPORTED_ENCRYPTION:
                        # It says otherwise than before: the next request reads its info event again.
                        await session.link.close()
                    raise

    async def follow_payments(self) -> AsyncGenerator[NotifiedPayment, None]:
        """Yield what the wallet says is paid, if it does, until the connection ends."""
        session = await self.connect()
        if session.tells_payments:
            async with aclosing(session.follow_payments()) as told:
                async for payment in told:
                    yield payment

    async def connect(self) -> WalletSession:
        """Return the open session, or open one. Raises BackendError."""
        with _naming_timeout():
            async with asyncio.timeout(self._timeout_s):
                return await self._find_session()

    async def close(self) -> None:
        """Close the connection."""
        if self._session is not None:
            await self._session.link.close()
        await self._node.close()

    async def _find_session(self) -> WalletSession:
        """Return the open session, or open one. Raises BackendError, at once while its turn is too far off."""
        async with self._opening:
            if self._session is not None and self._session.unanswered >= _MAX_UNANSWERED:
                await self._session.link.close()
            if self._session is None or not self._session.link.is_open:
                await self._wait_for_turn()
                try:
                    self._session = await self._open_session()
                except BaseException as error:
                    # Whoever waited for it may have run out of time.
                    self._put_off(str(error) if isinstance(error, BackendError) else TIMED_OUT)
                    raise
                self._pause_s = self._retry_at = 0.0
            return self._session

    async def _wait_for_turn(self) -> None:
        wait_s = self._retry_at - asyncio.get_running_loop().time()
        if wait_s > self._timeout_s / 2:
            raise BackendError(self._last_failure)
        await asyncio.sleep(max(0.0, wait_s))

    def _put_off(self, failure: str) -> None:
        """Put the next attempt off, twice as long as the last time."""
        self._pause_s = min(max(_FIRST_PAUSE_S, 2 * self._pause_s), _LONGEST_PAUSE_S)
        self._retry_at = asyncio.get_running_loop().time() + self._pause_s
        self._last_failure = failure

    async def _open_session(self) -> WalletSession:
        """Try one relay after another, each for its share of the time. Raises BackendError with the last one's failure."""
        failure = UNREACHABLE
        for relay in self._string.relays:
            try:
                async with asyncio.timeout(self._timeout_s / len(self._string.relays)):
                    return await self._open_session_at(relay)
            except BackendError as error:
                failure = str(error)
            except TimeoutError:
                failure = TIMED_OUT
        raise BackendError(failure)

    async def _open_session_at(self, relay: str) -> WalletSession:
        link = RelayLink(await self._node.open_socket(relay))
        try:
            return await open_session(link, self._string, self._timeout_s, self._network)
        except BaseException:
            await link.close()
            raise


@contextmanager
def _naming_timeout() -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise BackendError(TIMED_OUT) from None
