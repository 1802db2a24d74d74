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

# As LND makes it (cert/selfsigned.go): CA:TRUE and keyCertSign, no authority key identifier; for localhost and 127.0.0.1.
LND_KEY = """\
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEINjbl2AaKixb10DIBpYt1AgTClRUrsJnVfoIjRYSyDoaoAoGCCqGSM49
AwEHoUQDQgAEdq1KdFa24en293+zuJ2vb/6oXwY8DNVzJWZEPVYhVNEW9Wd0Ku8Z
ewq7sE1x07jkBrNFkojOjy6VYbILc6ke1Q==
-----END EC PRIVATE KEY-----
"""
LND_CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIICDDCCAbKgAwIBAgIQc/4gMfb9sXMCCBUgibkebjAKBggqhkjOPQQDAjA1MR8w
HQYDVQQKExZsbmQgYXV0b2dlbmVyYXRlZCBjZXJ0MRIwEAYDVQQDEwlsb2NhbGhv
c3QwIBcNMjYxMTIxMDI1MjM2WhgPMjEyNjExMjIwMjUyMzZaMDUxHzAdBgNVBAoT
FmxuZCBhdXRvZ2VuZXJhdGVkIGNlcnQxEjAQBgNVBAMTCWxvY2FsaG9zdDBZMBMG
ByqGSM49AgEGCCqGSM49AwEHA0IABHatSnRWtuHp9vd/s7idr2/+qF8GPAzVcyVm
RD1WIVTRFvVndCrvGXsKu7BNcdO45AazRZKIzo8ulWGyC3OpHtWjgaEwgZ4wDgYD
VR0PAQH/BAQDAgKkMBMGA1UdJQQMMAoGCCsGAQUFBwMBMA8GA1UdEwEB/wQFMAMB
Af8wHQYDVR0OBBYEFLP6arwClqxt4WS0nyxRF2KkwUhzMEcGA1UdEQRAMD6CCWxv
Y2FsaG9zdIIEdW5peIIKdW5peHBhY2tldIIHYnVmY29ubocEfwAAAYcQAAAAAAAA
AAAAAAAAAAAAATAKBggqhkjOPQQDAgNIADBFAiAC5emFmsDJ2P6yYD918AMqx3bk
abYFZ67HGHMkSCWJ+wIhAIazxtXWaBu2avkI1xDDY2UqiZQLCdoeTInT82l29akD
-----END CERTIFICATE-----
"""


def make_lnd_tls(directory: Path) -> ssl.SSLContext:
    """Return a server's context; `tls.cert` in the directory is what a client has to trust, as LND writes it."""
    (directory / "tls.cert").write_text(LND_CERTIFICATE)
    (directory / "tls.key").write_text(LND_KEY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "tls.cert", directory / "tls.key")
    return context


def make_tls(directory: Path) -> ssl.SSLContext:
    """Return a server's context; `both.pem` in the directory is what a client would have to trust."""
    (directory / "both.pem").write_text(CERTIFICATE)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "both.pem")
    return context
