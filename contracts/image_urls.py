"""Where the fleet may fetch: named buckets and named hosts, decided before any connection."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from contracts.errors import ImageForbidden

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_PRINTABLE = re.compile(r"[\x21-\x7e]+", re.ASCII)
_MAX_KEY = 1024


@dataclass(frozen=True, slots=True)
class UrlRule:
    """The allowed `buckets` (s3://) and `hosts` (https://, `name` or `name:port`, lower case)."""

    buckets: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class S3Location:
    """An object in a bucket."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class HttpsLocation:
    """A path (with its query) on a host."""

    host: str
    port: int
    target: str


def locate(url: str, rule: UrlRule) -> S3Location | HttpsLocation:
    """Return what an image_url points at; raises ImageForbidden unless the rule allows it."""
    if not _PRINTABLE.fullmatch(url) or "\\" in url:
        raise ImageForbidden("it holds a space, a control character, a backslash or a letter outside ASCII")
    scheme, separator, rest = url.partition("://")
    if separator and scheme == "s3":
        return _locate_object(rest, rule)
    if separator and scheme == "https":
        return _locate_page(url, rule)
    raise ImageForbidden("its scheme is neither s3 nor https")


def _locate_object(rest: str, rule: UrlRule) -> S3Location:
    bucket, _, key = rest.partition("/")
    if not _BUCKET.fullmatch(bucket) or bucket not in rule.buckets:
        raise ImageForbidden(f"its bucket {bucket[:63]!r} is not one of ours (IMAGE_BUCKETS)")
    if not 0 < len(key) <= _MAX_KEY or any(part in {"", ".", ".."} for part in key.split("/")):
        raise ImageForbidden("its key is empty, too long or climbs")
    return S3Location(bucket, key)


def _locate_page(url: str, rule: UrlRule) -> HttpsLocation:
    try:
        parts = urlsplit(url)
        port = parts.port if parts.port is not None else 443
    except ValueError:
        raise ImageForbidden("it cannot be read as a URL") from None
    if "@" in parts.netloc or parts.fragment:
        raise ImageForbidden("it holds user information or a fragment")
    host = parts.hostname or ""
    if (host if port == 443 else f"{host}:{port}") not in rule.hosts:
        raise ImageForbidden(f"its host {host[:100]!r} is not one of ours (IMAGE_HOSTS)")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return HttpsLocation(host, port, target)
