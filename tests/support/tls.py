"""TLS for servers on localhost."""

import ssl
from pathlib import Path

# For localhost, signed by itself; made for these tests and used nowhere else.
CERTIFICATE = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgUzY6c61iyx0lQtX/
84rJmW9UnGsBmnblzOL+kegOw+ahRANCAASXhHraCJcThq1RRQu3qz3ulEYN29DW
k2zlW1GmanfA73BaHoRuQErIU1AD1+cNP8GCiBJdh/OPBFOj9yw8FO/9
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBgDCCASWgAwIBAgIUJ1Mnisjuza/b5JDBinV9u05bKEQwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTIyMTQxMloYDzIxMjYxMDI4
MjIxNDEyWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASXhHraCJcThq1RRQu3qz3ulEYN29DWk2zlW1GmanfA73BaHoRuQErI
U1AD1+cNP8GCiBJdh/OPBFOj9yw8FO/9o1MwUTAdBgNVHQ4EFgQUyOtD8nuzHA0f
uE6U94DcXg+6ehcwHwYDVR0jBBgwFoAUyOtD8nuzHA0fuE6U94DcXg+6ehcwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEA2Vtn6vOUdCFFxItOpBVU
fuQCwWRWP5YDNE+AMijbTfICIQDRnRSpU31f94tx9OnEz3LGOd8nBmqykawX7Y2L
m79WWA==
-----END CERTIFICATE-----
"""


def make_tls(directory: Path) -> ssl.SSLContext:
    """Return a server's context; `both.pem` in the directory is what a client would have to trust."""
    (directory / "both.pem").write_text(CERTIFICATE)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "both.pem")
    return context
