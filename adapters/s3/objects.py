"""An object store with the S3 protocol, as an edge device writes to it: the standard library and nothing else."""

import hashlib
from http.client import HTTPResponse
from threading import Lock

from adapters.http.connections import Connections
from adapters.http.downloads import DownloadLimits, download_errors
from adapters.s3.requests import MAX_ERROR_BYTES, KeySource, S3Requests, error_code
from contracts.errors import ImageSourceDown, ObjectMissing, ObjectStoreUnavailable
from contracts.image_urls import S3Location


class S3Objects:
    """Implements `contracts.ports.KeptObjects`. Safe to use from several threads."""

    def __init__(
        self,
        keys: KeySource,
        *,
        endpoint_url: str | None,
        region: str,
        bucket: str,
        limits: DownloadLimits | None = None,
    ) -> None:
        """Store in `bucket`; sign with `keys()`; without `endpoint_url` talk to AWS."""
        self._requests = S3Requests(keys, endpoint_url=endpoint_url, region=region)
        self._bucket = bucket
        self._limits = limits or DownloadLimits()
        self._servers: dict[str, Connections] = {}
        self._lock = Lock()

    def put(self, key: str, body: bytes, content_type: str) -> str:
        """Store an object and return its s3:// URL; raises ObjectStoreUnavailable."""
        request = self._requests.sign("PUT", S3Location(self._bucket, key), hashlib.sha256(body).hexdigest())
        headers = request.headers | {"content-type": content_type}
        try:
            with (
                download_errors(),
                self._server(request.scheme, request.host).exchange("PUT", request.path, headers, body) as response,
            ):
                answer = response.read(MAX_ERROR_BYTES)
        except ImageSourceDown as error:
            raise ObjectStoreUnavailable(error.detail) from error
        if response.status not in {200, 201, 204}:
            raise ObjectStoreUnavailable(f"HTTP {response.status} {error_code(answer)}".rstrip())
        return f"s3://{self._bucket}/{key}"

    def get(self, key: str, most_bytes: int) -> bytes:
        """Return an object; raises ObjectStoreUnavailable, and ObjectMissing for one that is missing or larger."""
        request = self._requests.sign("GET", S3Location(self._bucket, key), hashlib.sha256(b"").hexdigest())
        try:
            with (
                download_errors(),
                self._server(request.scheme, request.host).exchange("GET", request.path, request.headers) as response,
            ):
                return self._content(response, f"s3://{self._bucket}/{key}", most_bytes)
        except ImageSourceDown as error:
            raise ObjectStoreUnavailable(error.detail) from error

    def _content(self, response: HTTPResponse, url: str, most_bytes: int) -> bytes:
        if response.status == 404:
            raise ObjectMissing(f"{url} {error_code(response.read(MAX_ERROR_BYTES))}".rstrip())
        if response.status != 200:
            raise ObjectStoreUnavailable(f"HTTP {response.status} {error_code(response.read(MAX_ERROR_BYTES))}".rstrip())
        body = response.read(most_bytes + 1)
        if len(body) > most_bytes:
            raise ObjectMissing(f"{url} is larger than {most_bytes} bytes")
        if response.length:
            raise ObjectStoreUnavailable(f"{url}: {response.length} bytes of it did not come")
        return body

    def _server(self, scheme: str, host: str) -> Connections:
        server = self._servers.get(host)
        if server is None:
            with self._lock:
                server = self._servers.setdefault(host, Connections(scheme, host, self._limits))
        return server
