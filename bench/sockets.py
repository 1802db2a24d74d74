"""Prepared frames over plain sockets: a client that works for no loop, as what is measured here has other processes beside it."""

import base64
import secrets
import socket

RUN_TIMEOUT_S = 120.0


def send_frames(port: int, frames: list[bytes], answer: bytes, window: int) -> None:
    """Send frames with at most `window` unanswered, and count answers until all frames are answered."""
    with socket.create_connection(("127.0.0.1", port), timeout=RUN_TIMEOUT_S) as connection:
        shake_hands(connection)
        sent = answered = 0
        tail = b""
        while answered < len(frames):
            room = min(window - (sent - answered), len(frames) - sent)
            if room > 0:
                connection.sendall(b"".join(frames[sent : sent + room]))
                sent += room
            data = tail + connection.recv(1_048_576)
            if data == tail:
                raise SystemExit("the relay closed a connection under load")
            answered += data.count(answer)
            # This could be the beginning of an answer that the next read completes.
            tail = data[-(len(answer) - 1) :] if not data.endswith(answer) else b""


def shake_hands(connection: socket.socket) -> None:
    """Ask for a WebSocket, and read the answer's head."""
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    connection.sendall(
        f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1)


def frame_text(payload: bytes) -> bytes:
    """Frame a client's text message. A mask of zeros is valid (RFC 6455 5.3) and does not change the payload."""
    size = len(payload)
    if size < 126:
        head = bytes((0x81, 0x80 | size))
    elif size < 65_536:
        head = b"\x81\xfe" + size.to_bytes(2, "big")
    else:
        head = b"\x81\xff" + size.to_bytes(8, "big")
    return head + bytes(4) + payload
