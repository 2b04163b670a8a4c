"""Images on allowed https hosts, fetched without being led anywhere else.

Every address that a name resolves to must be allowed, and the connection goes to the address that was checked: a name
that answers differently the second time leads nowhere.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TypeAlias
from urllib.parse import urljoin

from adapters.http.checked_connection import BrakedConnection, braked_connection
from adapters.http.downloads import DownloadLimits, download_errors, read_body, refuse_status, seconds_to_wait
from contracts.errors import ImageForbidden, ImageSourceDown
from contracts.image_urls import HttpsLocation, UrlRule, locate

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver: TypeAlias = Callable[[str, int], Sequence[str]]

_MAX_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PROTOCOL_ASSIGNMENTS = ipaddress.ip_network("192.0.0.0/24")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def resolve(host: str, port: int) -> list[str]:
    """Return every address of a name; raises OSError."""
    return sorted({str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)})


def check_address(text: str, allowed: Sequence[Network]) -> Address:
    """Return an address that may be connected to; raises ImageForbidden for one that is not global or named in `allowed`."""
    address = ipaddress.ip_address(text.partition("%")[0])
    seen = _embedded(address) or address
    if any(seen in network for network in allowed if network.version == seen.version):
        return address
    site_local = isinstance(seen, ipaddress.IPv6Address) and seen.is_site_local
    if not seen.is_global or seen.is_multicast or seen.is_reserved or site_local or seen in _PROTOCOL_ASSIGNMENTS:
        raise ImageForbidden(f"its host resolves to {address}, which is not a public address")
    return address


def _embedded(address: Address) -> Address | None:
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


class HttpsImages:
    """Fetches from https hosts. Safe to use from several threads."""

    def __init__(
        self,
        rule: UrlRule,
        *,
        allowed_networks: Sequence[Network] = (),
        resolver: Resolver = resolve,
        tls: ssl.SSLContext | None = None,
        limits: DownloadLimits | None = None,
    ) -> None:
        """Follow redirects only to what `rule` allows; `allowed_networks` are private ones that are ours."""
        self._rule = rule
        self._allowed = allowed_networks
        self._resolver = resolver
        self._tls = tls or ssl.create_default_context()
        self._limits = limits or DownloadLimits()

    def fetch(self, location: HttpsLocation) -> bytes:
        """Return the file; raises the errors of `contracts.ports.ImageSource`."""
        started = time.monotonic()
        for _ in range(_MAX_REDIRECTS + 1):
            answer = self._get(location, started)
            if isinstance(answer, bytes):
                return answer
            location = answer
        raise ImageForbidden(f"it redirects more than {_MAX_REDIRECTS} times")

    def _get(self, location: HttpsLocation, started: float) -> bytes | HttpsLocation:
        left_s = self._limits.total_s - (time.monotonic() - started)
        if left_s <= 0:
            raise ImageSourceDown("the download took too long")
        with self._connect(location, left_s) as connection:
            with download_errors():
                host = location.host if location.port == 443 else f"{location.host}:{location.port}"
                headers = {"host": host, "accept": "image/*", "accept-encoding": "identity"}
                connection.request("GET", location.target, headers=headers)
                response = connection.getresponse()
                if response.status == 200:
                    return read_body(response, self._limits, started)
            if response.status in _REDIRECTS:
                return self._redirected(location, response.headers.get("Location", ""))
            refuse_status(response.status, seconds_to_wait(response.headers.get("Retry-After")))

    def _redirected(self, location: HttpsLocation, target: str) -> HttpsLocation:
        port = "" if location.port == 443 else f":{location.port}"
        try:
            joined = urljoin(f"https://{location.host}{port}{location.target}", target)
        except ValueError:
            raise ImageForbidden("it redirects to what cannot be read as a URL") from None
        found = locate(joined, self._rule)
        if not isinstance(found, HttpsLocation):
            raise ImageForbidden("it redirects to another scheme")
        return found

    def _connect(self, location: HttpsLocation, seconds: float) -> AbstractContextManager[BrakedConnection]:
        try:
            found = self._resolver(location.host, location.port)
        except OSError as error:
            raise ImageSourceDown(f"the name {location.host} does not resolve: {error}") from error
        addresses = [check_address(text, self._allowed) for text in found]
        if not addresses:
            raise ImageSourceDown(f"the name {location.host} has no address")
        return braked_connection(
            [str(address) for address in addresses],
            location.port,
            name=location.host,
            tls=self._tls,
            limits=self._limits,
            seconds=seconds,
        )
