"""Requests to an object store with the S3 protocol, signed: where an object lies and what its server's errors mean."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from adapters.s3.sigv4 import AwsKeys, encode_path, presign_s3, sign_s3
from contracts.image_urls import S3Location

KeySource: TypeAlias = Callable[[], AwsKeys]

MAX_ERROR_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A method's signed headers and where they are to be sent: `http` or `https`, host or host:port, an encoded path."""

    scheme: str
    host: str
    path: str
    headers: dict[str, str]

    @property
    def url(self) -> str:
        """The whole URL."""
        return f"{self.scheme}://{self.host}{self.path}"


class S3Requests:
    """Signs requests for one store."""

    def __init__(self, keys: KeySource, *, endpoint_url: str | None, region: str) -> None:
        """Sign with `keys()`; without `endpoint_url` the store is AWS."""
        self._keys = keys
        self._region = region
        self._endpoint = urlsplit(endpoint_url) if endpoint_url else None

    def sign(self, method: str, location: S3Location, payload: str) -> SignedRequest:
        """Return a request; `payload` is as of `adapters.s3.sigv4.sign_s3`."""
        scheme, host, path = self._address(location)
        headers = sign_s3(method, host, path, self._keys(), self._region, datetime.now(UTC), payload)
        return SignedRequest(scheme, host, path, headers | {"accept-encoding": "identity"})

    def presign(self, method: str, location: S3Location, *, valid_s: int, headers: Mapping[str, str]) -> str:
        """Return a URL that lets its holder send one such request for `valid_s` seconds, with exactly these headers."""
        scheme, host, path = self._address(location)
        query = presign_s3(method, host, path, self._keys(), self._region, datetime.now(UTC), valid_s=valid_s, headers=headers)
        return f"{scheme}://{host}{path}?{query}"

    def _address(self, location: S3Location) -> tuple[str, str, str]:
        key = encode_path(location.key)
        if self._endpoint is None:
            return "https", f"{location.bucket}.s3.{self._region}.amazonaws.com", f"/{key}"
        return self._endpoint.scheme, self._endpoint.netloc, f"/{location.bucket}/{key}"


def error_code(body: bytes) -> str:
    """Return the code in an S3 error's XML, or nothing."""
    # Entities are the danger in XML; an S3 error has none.
    if not body or b"<!" in body:
        return ""
    try:
        return (ET.fromstring(body).findtext("Code") or "")[:64]  # noqa: S314 - see above
    except ET.ParseError:
        return ""
