"""One handle of libcurl: how it asks, and what its answer or error is called here."""

import ssl
from typing import Any

import pycurl

from adapters.http.downloads import DownloadLimits
from contracts.errors import FleetError, ImageSourceDown, ImageTooLarge, ImageTruncated

_SILENT_S = 5
_BUFFER_BYTES = 256 * 1024
_FINAL = 200
_NAMES = {getattr(pycurl, name): name for name in dir(pycurl) if name.startswith("E_")}


def new_curl(limits: DownloadLimits) -> Any:
    """Return a handle for GETs that follow no redirect, obey no proxy variable and keep `limits`."""
    curl = pycurl.Curl()
    curl.setopt(pycurl.NOSIGNAL, 1)
    curl.setopt(pycurl.PROXY, "")
    curl.setopt(pycurl.FOLLOWLOCATION, 0)
    curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
    curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
    curl.setopt(pycurl.PATH_AS_IS, 1)
    curl.setopt(pycurl.BUFFERSIZE, _BUFFER_BYTES)
    curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(limits.connect_s * 1000))
    curl.setopt(pycurl.LOW_SPEED_LIMIT, limits.min_rate)
    curl.setopt(pycurl.LOW_SPEED_TIME, _SILENT_S)
    curl.setopt(pycurl.MAXFILESIZE, limits.max_bytes)
    trust(curl)
    return curl


def status_of(curl: Any) -> tuple[int, float | None]:
    """Return the final answer's status, 0 if none came, and the seconds that it asks to wait."""
    status = int(curl.getinfo(pycurl.RESPONSE_CODE))
    return status if status >= _FINAL else 0, float(curl.getinfo(pycurl.RETRY_AFTER)) or None


def cause_of(code: int, message: str, limits: DownloadLimits) -> FleetError:
    """Return what libcurl's error `code` means to a writer of bodies that refuses what `limits` do not allow."""
    if code == pycurl.E_FILESIZE_EXCEEDED:
        return ImageTooLarge(f"more than {limits.max_bytes} bytes are announced")
    if code == pycurl.E_WRITE_ERROR:
        return ImageTooLarge(f"more than {limits.max_bytes} bytes")
    if code == pycurl.E_PARTIAL_FILE:
        return ImageTruncated("the answer ends before its end")
    return ImageSourceDown(f"{message or _NAMES.get(code, 'no text')} (libcurl {code})"[:200])


def trust(curl: Any) -> None:
    """Believe the authorities that Python believes; a libcurl out of a wheel may look for them where its maker had them."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        curl.setopt(pycurl.CAINFO, paths.cafile)
    if paths.capath:
        curl.setopt(pycurl.CAPATH, paths.capath)
