"""Places for pictures in an object store with the S3 protocol: presigned PUTs, made without asking anybody."""

from datetime import UTC, datetime, timedelta

from adapters.s3.requests import KeySource, S3Requests
from contracts.gateway import Upload
from contracts.image_urls import S3Location


class S3Uploads:
    """Implements `contracts.gateway.Uploads`."""

    def __init__(self, keys: KeySource, *, endpoint_url: str | None, region: str, bucket: str) -> None:
        """Make places in `bucket`; `endpoint_url` is the store's address as devices reach it, None for AWS."""
        self._requests = S3Requests(keys, endpoint_url=endpoint_url, region=region)
        self._bucket = bucket

    def place(self, key: str, content_type: str, size_bytes: int, valid_s: int) -> Upload:
        """Return a place for one object of this key, type and size: all three are signed."""
        headers = {"content-type": content_type, "content-length": str(size_bytes)}
        expires_at = datetime.now(UTC) + timedelta(seconds=valid_s)
        url = self._requests.presign("PUT", S3Location(self._bucket, key), valid_s=valid_s, headers=headers)
        return Upload(f"s3://{self._bucket}/{key}", url, headers, expires_at)
