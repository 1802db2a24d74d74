"""The websockets library's server connection, ended when its client makes it write and does not read."""

from websockets.asyncio.server import ServerConnection


def make_bounded_connection(max_unread_bytes: int) -> type[ServerConnection]:
    """Return a connection class that aborts when answers of the library's own, to pings above all, pile up unread.

    The library answers a ping at once and looks at no buffer; a client that only sends pings would fill the memory.
    """

    class BoundedConnection(ServerConnection):
        def data_received(self, data: bytes) -> None:
            if self.transport.get_write_buffer_size() > max_unread_bytes:
                self.transport.abort()
            else:
                super().data_received(data)

    return BoundedConnection
