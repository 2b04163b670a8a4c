"""How long clients will believe a server's certificate."""

import socket
import ssl
import time

_TIMEOUT_S = 5.0


def certificate_seconds(server: str) -> float | None:
    """Return the seconds until the certificate of `server`, `name:port`, ends; 0 if clients refuse it now.

    None if nobody answers. Clients trust whom OpenSSL trusts: SSL_CERT_FILE names others.
    """
    host, _, port = server.rpartition(":")
    context = ssl.create_default_context()
    try:
        with (
            socket.create_connection((host, int(port)), _TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=host) as tls,
        ):
            certificate = tls.getpeercert() or {}
    except ssl.SSLCertVerificationError:
        return 0.0
    except (OSError, UnicodeError):  # what is no name to be looked up is nobody who answers
        return None
    return max(0.0, ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time())
