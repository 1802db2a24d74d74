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

# As clnrest made it before Core Lightning 25.09: neither key usage nor authority key identifier, which Python 3.13 asks for
# unless told otherwise. For localhost and 127.0.0.1.
CLNREST_CA = """\
-----BEGIN CERTIFICATE-----
MIIBpTCCAUugAwIBAgIUCytq8sTxMQXtml3fb6aB67bTCFswCgYIKoZIzj0EAwIw
ITEfMB0GA1UEAwwWcmNnZW4gc2VsZiBzaWduZWQgY2VydDAgFw0yNjExMjIwMzA5
NDdaGA8yMTI2MTAyOTAzMDk0N1owITEfMB0GA1UEAwwWcmNnZW4gc2VsZiBzaWdu
ZWQgY2VydDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABIK/ab6LwtxcxReLCRgP
xDaLnjDjz86zvM/vhI9I/WcpUv4PNIjRkiWDKGC+iYBTeWcv8d3A4qLcLv1zJYhJ
ESejXzBdMCsGA1UdEQQkMCKCEGNsbiBSb290IFJFU1QgQ0GCA2NsboIJbG9jYWxo
b3N0MA8GA1UdEwEB/wQFMAMBAf8wHQYDVR0OBBYEFP6yH3lI5OOJ7BkxMrSirfUh
7zonMAoGCCqGSM49BAMCA0gAMEUCIAl3DXIfdkfelccZM8sB2bDzTbQNt9vxFFSs
KDcAQXOIAiEAxPVjYdYosCeakD/EsGBjKC3mvWdG1bKXjfw9K1oVilY=
-----END CERTIFICATE-----
"""
CLNREST_SERVER = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgDcLM/PnwJDVhnDH6
YCxuYbZx29vvEZdP2lcPtnRAK6ahRANCAARru3HN8EiIGQp5McU0wbgIeSRxHlHW
PbcLJTiVR3WMBfXZQL0r8Z3LgWKfulqZOhCvE1N/AZEQYUl0NuZKT2U1
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBdDCCARmgAwIBAgIUPyecUzE10I4+r0tDPZRZs6wtTFowCgYIKoZIzj0EAwIw
ITEfMB0GA1UEAwwWcmNnZW4gc2VsZiBzaWduZWQgY2VydDAgFw0yNjExMjIwMzA5
NDdaGA8yMTI2MTAyOTAzMDk0N1owGjEYMBYGA1UEAwwPY2xuIHJlc3Qgc2VydmVy
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEa7txzfBIiBkKeTHFNMG4CHkkcR5R
1j23CyU4lUd1jAX12UC9K/Gdy4Fin7pamToQrxNTfwGREGFJdDbmSk9lNaM0MDIw
MAYDVR0RBCkwJ4IPY2xuIHJlc3Qgc2VydmVyggNjbG6CCWxvY2FsaG9zdIcEfwAA
ATAKBggqhkjOPQQDAgNJADBGAiEAvNTCQ0Gu4zdd/eqijW4wtAWaSQE7UA6/eyTg
UF+uAugCIQCdm3hy6xntfRATo89rajXUe5IhiqM3YUsOjPicFCHnaQ==
-----END CERTIFICATE-----
"""


def make_clnrest_tls(directory: Path) -> ssl.SSLContext:
    """Return a server's context; `ca.pem` in the directory is what a client has to trust."""
    (directory / "ca.pem").write_text(CLNREST_CA)
    (directory / "server.pem").write_text(CLNREST_SERVER)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem")
    return context


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
