"""Pictures out of an object store, many at a time, as a worker reads them."""

import math
import time
from concurrent.futures import Future

from adapters.http.downloads import DownloadLimits, refuse_status
from adapters.http.transfers import Answer, Transfers
from adapters.s3.requests import MAX_ERROR_BYTES, KeySource, S3Requests, error_code
from adapters.s3.sigv4 import UNSIGNED_PAYLOAD
from contracts.errors import FleetError, ImageSourceDown, ObjectStoreUnavailable, StoreKeysRefused
from contracts.image_urls import S3Location

_PROBE_KEY = "waste-fleet/whether-the-keys-are-good"
_PROBE_S = 2.0
_SERVED_LATELY_S = 1.0
_KEY_CODES = frozenset(
    {
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidSecurity",
        "InvalidToken",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
    }
)
_TRANSIENT_CODES = frozenset({"SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout"})


class S3Images:
    """Fetches objects. Safe to use from several threads."""

    def __init__(self, keys: KeySource, *, endpoint_url: str | None, region: str, limits: DownloadLimits | None = None) -> None:
        """Sign with `keys()`; without `endpoint_url` talk to AWS."""
        self._requests = S3Requests(keys, endpoint_url=endpoint_url, region=region)
        self._transfers = Transfers(limits or DownloadLimits())
        self._served_at = -math.inf

    def begin(self, location: S3Location) -> Future[bytes]:
        """Begin to fetch an object; the future raises the errors of `contracts.ports.ImageSource`."""
        request = self._requests.sign("GET", location, UNSIGNED_PAYLOAD)
        return self._transfers.begin(request.url, request.headers, self._object)

    def _object(self, answer: Answer) -> bytes:
        body = _body(answer)
        self._served_at = time.monotonic()
        return body

    def check(self, bucket: str, *, answers: bool) -> None:
        """Raise ObjectStoreUnavailable if `bucket` refuses the keys or this machine's clock, and with `answers` if it is away.

        A store that served an object a moment ago does neither; one that is only slow shall not be called away.
        """
        if time.monotonic() - self._served_at < _SERVED_LATELY_S:
            return
        future = self.begin(S3Location(bucket, _PROBE_KEY))
        try:
            future.result(_PROBE_S)
        except StoreKeysRefused as error:
            raise ObjectStoreUnavailable(f"it refuses the requests: {error.detail}") from error
        except (ImageSourceDown, TimeoutError) as error:
            future.cancel()
            if answers:
                raise ObjectStoreUnavailable(error.detail if isinstance(error, FleetError) else "it does not answer") from error
        except FleetError:
            return  # such as that there is no such file


def _body(answer: Answer) -> bytes:
    if answer.status == 200:
        return answer.body
    code = error_code(answer.body[:MAX_ERROR_BYTES])
    if code in _KEY_CODES:
        raise StoreKeysRefused(f"HTTP {answer.status} {code}")
    if code in _TRANSIENT_CODES:
        raise ImageSourceDown(f"HTTP {answer.status} {code}")
    refuse_status(answer.status, answer.retry_after_s)
