"""Alerts to whoever listens to HTTP: one POST of JSON for each that opens or closes."""

import json
from typing import Any

import pycurl
import structlog

from adapters.http.curl_handles import status_of, trust
from contracts.alerts import Alert
from contracts.errors import AlertNotTold

_TIMEOUT_S = 10.0
_OK, _NOT_OK = 200, 300


class Webhook:
    """Implements `contracts.alerts.Messenger`. The slow loop waits for it, so whatever the other side does ends by a deadline."""

    def __init__(self, url: str | None, *, timeout_s: float = _TIMEOUT_S) -> None:
        """POST to `url`, which is http or https, within `timeout_s`; without one the log is all that tells."""
        self._url, self._timeout_s = url, timeout_s

    def tell(self, alert: Alert) -> None:
        """Tell of an alert that opened or closed; raises AlertNotTold unless the other side answers with 2xx.

        A redirect is no such answer: where it leads nobody has set, and the alert would not come along.
        """
        if self._url is None:
            return
        try:
            status = self._post(json.dumps(_said(alert)).encode())
            detail = f"status {status}"
        except (pycurl.error, ValueError) as error:
            # libcurl's words may quote the URL, which may hold a token.
            status, detail = 0, f"libcurl {error.args[0]}" if isinstance(error, pycurl.error) else type(error).__name__
        if not _OK <= status < _NOT_OK:
            structlog.get_logger("waste").warning("alert_not_told", kind=alert.kind, detail=detail)
            raise AlertNotTold(detail)

    def _post(self, body: bytes) -> int:
        curl = pycurl.Curl()
        try:
            curl.setopt(pycurl.URL, self._url)
            curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
            curl.setopt(pycurl.FOLLOWLOCATION, 0)
            curl.setopt(pycurl.NOSIGNAL, 1)
            curl.setopt(pycurl.TIMEOUT_MS, int(self._timeout_s * 1000))
            curl.setopt(pycurl.POSTFIELDS, body)
            curl.setopt(pycurl.HTTPHEADER, ["content-type: application/json", "expect:"])
            curl.setopt(pycurl.WRITEFUNCTION, _no_body)
            trust(curl)
            return _status(curl)
        finally:
            curl.close()


def _status(curl: Any) -> int:
    try:
        curl.perform()
    except pycurl.error as error:
        if error.args[0] != pycurl.E_WRITE_ERROR:
            raise
    return status_of(curl)[0]


def _no_body(_: bytes) -> int:
    return 0  # the status is all that is asked for; taking nothing ends the transfer, however long the body is


def _said(alert: Alert) -> dict[str, object]:
    return {
        "alert_id": str(alert.alert_id),
        "kind": alert.kind,
        "subject": alert.subject,
        "state": "resolved" if alert.resolved_at else "firing",
        "fired_at": alert.fired_at.isoformat(),
        "resolved_at": alert.resolved_at.isoformat() if alert.resolved_at else None,
        "evidence": dict(alert.evidence),
    }
