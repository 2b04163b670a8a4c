"""An object store with the S3 protocol, over urllib3: for the worker's hot path and for an edge device's 15 MB."""

import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import urllib3

from adapters.downloads import DownloadLimits, download_errors, read_body, refuse_status
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
        connections: int = 32,
    ) -> None:
        """Sign with `keys()`; without `endpoint_url` talk to AWS. `bucket` is where `put` stores."""
        self._keys = keys
        self._region = region
        self._bucket = bucket
        self._endpoint = urlsplit(endpoint_url) if endpoint_url else None
        self._limits = limits or DownloadLimits()
        self._pool = urllib3.PoolManager(num_pools=8, maxsize=connections, retries=False, timeout=self._limits.timeout())

    def put(self, key: str, body: bytes, content_type: str) -> str:
        """Store an object and return its s3:// URL; raises ObjectStoreUnavailable."""
        location = S3Location(self._bucket, key)
        try:
            with download_errors():
                digest = hashlib.sha256(body).hexdigest()
                response = self._request("PUT", location, digest, body=body, headers={"content-type": content_type})
                answer = response.read(_MAX_ERROR_BYTES)
        except ImageSourceDown as error:
            raise ObjectStoreUnavailable(error.detail) from error
        if response.status not in {200, 201, 204}:
            raise ObjectStoreUnavailable(f"HTTP {response.status} {_error_code(answer)}".rstrip())
        return f"s3://{location.bucket}/{location.key}"

    def fetch(self, location: S3Location) -> bytes:
        """Return an object's bytes; raises the errors of `contracts.ports.ImageSource`."""
        started = time.monotonic()
        with download_errors():
            response = self._request("GET", location, UNSIGNED_PAYLOAD)
            try:
                if response.status == 200:
                    return read_body(response, self._limits, started)
                code = _error_code(response.read(_MAX_ERROR_BYTES))
            finally:
                _give_back(response)
        if code in _TRANSIENT_CODES:
            raise ImageSourceDown(f"HTTP {response.status} {code}")
        refuse_status(response.status, response.headers.get("Retry-After"))

    def _request(
        self, method: str, location: S3Location, payload: str, *, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> urllib3.BaseHTTPResponse:
        base, host, path = self._address(location)
        signed = sign_s3(method, host, path, self._keys(), self._region, datetime.now(UTC), payload)
        signed["accept-encoding"] = "identity"
        return self._pool.request(
            method, base + path, body=body, headers=signed | (headers or {}), redirect=False, preload_content=False
        )

    def _address(self, location: S3Location) -> tuple[str, str, str]:
        key = encode_path(location.key)
        if self._endpoint is None:
            host = f"{location.bucket}.s3.{self._region}.amazonaws.com"
            return f"https://{host}", host, f"/{key}"
        return f"{self._endpoint.scheme}://{self._endpoint.netloc}", self._endpoint.netloc, f"/{location.bucket}/{key}"


def _give_back(response: urllib3.BaseHTTPResponse) -> None:
    # A body that was not read to its end would poison the next request on the connection.
    if response.length_remaining not in {0, None}:
        response.close()
    response.release_conn()


def _error_code(body: bytes) -> str:
    # Entities are the danger in XML; an S3 error has none.
    if not body or b"<!" in body:
        return ""
    try:
        return (ET.fromstring(body).findtext("Code") or "")[:64]  # noqa: S314 - see above
    except ET.ParseError:
        return ""
