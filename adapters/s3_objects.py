"""An object store with the S3 protocol: small enough for an edge device, fast enough for the worker's hot path."""

import hashlib
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from http.client import HTTPResponse
from threading import Lock
from typing import TypeAlias
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from adapters.downloads import DownloadLimits, download_errors, read_body, refuse_status
from adapters.http_connections import Connections
from adapters.sigv4 import UNSIGNED_PAYLOAD, AwsKeys, encode_path, sign_s3
from contracts.errors import ImageSourceDown, ObjectStoreUnavailable
from contracts.image_urls import S3Location

KeySource: TypeAlias = Callable[[], AwsKeys]

_TRANSIENT_CODES = frozenset({"SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "RequestTimeTooSkewed"})
_MAX_ERROR_BYTES = 16 * 1024


class S3Objects:
    """Stores and fetches objects. Safe to use from several threads."""

    def __init__(
        self,
        keys: KeySource,
        *,
        endpoint_url: str | None,
        region: str,
        bucket: str = "",
        limits: DownloadLimits | None = None,
    ) -> None:
        """Sign with `keys()`; without `endpoint_url` talk to AWS. `bucket` is where `put` stores."""
        self._keys = keys
        self._region = region
        self._bucket = bucket
        self._endpoint = urlsplit(endpoint_url) if endpoint_url else None
        self._limits = limits or DownloadLimits()
        self._servers: dict[str, Connections] = {}
        self._lock = Lock()

    def put(self, key: str, body: bytes, content_type: str) -> str:
        """Store an object and return its s3:// URL; raises ObjectStoreUnavailable."""
        location = S3Location(self._bucket, key)
        try:
            with download_errors():
                digest = hashlib.sha256(body).hexdigest()
                with self._exchange("PUT", location, digest, body=body, headers={"content-type": content_type}) as response:
                    answer = response.read(_MAX_ERROR_BYTES)
        except ImageSourceDown as error:
            raise ObjectStoreUnavailable(error.detail) from error
        if response.status not in {200, 201, 204}:
            raise ObjectStoreUnavailable(f"HTTP {response.status} {_error_code(answer)}".rstrip())
        return f"s3://{location.bucket}/{location.key}"

    def fetch(self, location: S3Location) -> bytes:
        """Return an object's bytes; raises the errors of `contracts.ports.ImageSource`."""
        started = time.monotonic()
        with download_errors(), self._exchange("GET", location, UNSIGNED_PAYLOAD) as response:
            if response.status == 200:
                return read_body(response, self._limits, started)
            code = _error_code(response.read(_MAX_ERROR_BYTES))
        if code in _TRANSIENT_CODES:
            raise ImageSourceDown(f"HTTP {response.status} {code}")
        refuse_status(response.status, response.headers.get("Retry-After"))

    def _exchange(
        self, method: str, location: S3Location, payload: str, *, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> AbstractContextManager[HTTPResponse]:
        scheme, host, path = self._address(location)
        signed = sign_s3(method, host, path, self._keys(), self._region, datetime.now(UTC), payload)
        signed["accept-encoding"] = "identity"
        return self._server(scheme, host).exchange(method, path, signed | (headers or {}), body)

    def _server(self, scheme: str, host: str) -> Connections:
        server = self._servers.get(host)
        if server is None:
            with self._lock:
                server = self._servers.setdefault(host, Connections(scheme, host, self._limits))
        return server

    def _address(self, location: S3Location) -> tuple[str, str, str]:
        key = encode_path(location.key)
        if self._endpoint is None:
            return "https", f"{location.bucket}.s3.{self._region}.amazonaws.com", f"/{key}"
        return self._endpoint.scheme, self._endpoint.netloc, f"/{location.bucket}/{key}"


def _error_code(body: bytes) -> str:
    # Entities are the danger in XML; an S3 error has none.
    if not body or b"<!" in body:
        return ""
    try:
        return (ET.fromstring(body).findtext("Code") or "")[:64]  # noqa: S314 - see above
    except ET.ParseError:
        return ""
