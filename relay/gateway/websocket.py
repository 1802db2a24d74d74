"""A server connection of the websockets library that is aborted when its client does not read the library's answers."""

from websockets.asyncio.server import ServerConnection


def make_bounded_connection(max_unread_bytes: int) -> type[ServerConnection]:
    """Return a connection class that aborts when the library's own answers, mainly to pings, pile up unread.

    The library answers every ping at once and checks no buffer. A client that only sends pings could fill the memory.
    """

    class BoundedConnection(ServerConnection):
        def data_received(self, data: bytes) -> None:
            if self.transport.get_write_buffer_size() > max_unread_bytes:
                self.transport.abort()
            else:
                super().data_received(data)

    return BoundedConnection
