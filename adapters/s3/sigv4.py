"""AWS Signature Version 4 for single requests, checked in the tests against botocore's own signer.

It stands here because botocore weighs 25 MB on an edge device and takes a tenth of a picture's inference to sign a GET.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from urllib.parse import quote

UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """An access key with its secret and, for temporary ones, its session token."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


def encode_path(key: str) -> str:
    """Return an object key as it stands in a request's path and in its signature."""
    return quote(key, safe="/-_.~")


def sign_s3(method: str, host: str, path: str, keys: AwsKeys, region: str, now: datetime, payload: str) -> dict[str, str]:
    """Return the headers that authenticate a request to S3.

    `path` is already encoded (`encode_path`), without a query; `now` is in UTC; `payload` is the SHA-256 of the body in
    hex, or `UNSIGNED_PAYLOAD` for a connection that TLS or the machine itself protects.
    """
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": host, "x-amz-content-sha256": payload, "x-amz-date": stamp}
    if keys.token:
        headers["x-amz-security-token"] = keys.token
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = f"{method}\n{path}\n\n{lines}\n{names}\n{payload}"
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = _signing_key(keys.secret_key, stamp[:8], region)
    signature = hmac.new(key, text.encode(), "sha256").hexdigest()
    headers["authorization"] = f"{_ALGORITHM} Credential={keys.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return headers


def presign_s3(
    method: str, host: str, path: str, keys: AwsKeys, region: str, now: datetime, *, valid_s: int, headers: Mapping[str, str]
) -> str:
    """Return the query that lets its holder send one request for `valid_s` seconds, with exactly these `headers`.

    `path` is already encoded, `now` is in UTC, and the names of `headers` are in lower case; `host` is added to them.
    """
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    signed = dict(headers) | {"host": host}
    names = ";".join(sorted(signed))
    query = {
        "X-Amz-Algorithm": _ALGORITHM,
        "X-Amz-Credential": f"{keys.access_key}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(valid_s),
        "X-Amz-SignedHeaders": names,
    } | ({"X-Amz-Security-Token": keys.token} if keys.token else {})
    encoded = "&".join(f"{quote(name, safe='-_.~')}={quote(query[name], safe='-_.~')}" for name in sorted(query))
    lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
    request = f"{method}\n{path}\n{encoded}\n{lines}\n{names}\n{UNSIGNED_PAYLOAD}"
    text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.new(_signing_key(keys.secret_key, stamp[:8], region), text.encode(), "sha256").hexdigest()
    return f"{encoded}&X-Amz-Signature={signature}"


@lru_cache(maxsize=8)
def _signing_key(secret_key: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
