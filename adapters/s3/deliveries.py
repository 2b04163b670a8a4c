"""Files that plants put below a prefix of an object store."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from adapters.s3.sigv4 import AwsKeys
from contracts.errors import ObjectStoreUnavailable, RequestRefused
from contracts.truth import DeliveredFile

_MOST_BYTES = 500 * 2**20
_LONGEST_SUFFIX = 20
_OF_THIS_FILE = frozenset({403, 404, 412})
"""Answers that say nothing of other files: it is archived or forbidden, is gone, or is being replaced."""


class S3Deliveries:
    """Implements `contracts.truth.Deliveries`: `PREFIX/SOURCE/any/file`, of which the first folder names the plant."""

    def __init__(self, bucket: str, prefix: str, *, endpoint_url: str | None, region: str, keys: AwsKeys | None = None) -> None:
        """Look below `prefix` of `bucket`; without `keys` the machine's own AWS credentials are used."""
        self._bucket, self._prefix = bucket, prefix.strip("/") + "/" if prefix.strip("/") else ""
        self.passed_over: list[tuple[str, str]] = []
        self._client = boto3.client(
            "s3",
            endpoint_url=endpoint_url,
            region_name=region,
            aws_access_key_id=keys and keys.access_key,
            aws_secret_access_key=keys and keys.secret_key,
            aws_session_token=keys and keys.token,
            config=Config(connect_timeout=3, read_timeout=30, retries={"max_attempts": 3, "mode": "standard"}),
        )

    def files(self) -> Iterator[DeliveredFile]:
        """Yield the files that lie there; raises ObjectStoreUnavailable."""
        self.passed_over = []
        with _errors(self._bucket):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
            for page in pages:
                for entry in page.get("Contents", []):
                    if entry["Key"].endswith("/"):
                        continue  # a folder
                    source, slash, _ = entry["Key"].removeprefix(self._prefix).partition("/")
                    place = f"s3://{self._bucket}/{entry['Key']}"
                    if not slash:
                        self.passed_over.append((place, "it lies in no folder that names the plant"))
                    elif entry["Size"] > _MOST_BYTES:
                        self.passed_over.append((place, f"it is larger than {_MOST_BYTES // 2**20} MiB"))
                    else:
                        version = entry["ETag"].strip('"')
                        yield DeliveredFile(source, f"{place}#{version}", entry["Key"])

    def fetch(self, file: DeliveredFile, folder: Path) -> Path:
        """Copy a file into a folder and return its path; raises RequestRefused if it cannot be had, and ObjectStoreUnavailable."""
        path = folder / f"delivery{Path(file.key).suffix.lower()[:_LONGEST_SUFFIX]}"
        with _errors(self._bucket):
            try:
                self._client.download_file(self._bucket, file.key, str(path))
            except ClientError as error:
                if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in _OF_THIS_FILE:
                    raise RequestRefused(file.key, f"cannot be fetched now: {str(error)[:200]}") from error
                raise
        return path


@contextmanager
def _errors(bucket: str) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError, OSError) as error:
        raise ObjectStoreUnavailable(f"bucket {bucket}: {str(error)[:200]}") from error
