"""Alerts to whoever listens to HTTP: one POST of JSON for each that opens or closes."""

import json
import urllib.error
import urllib.request

import structlog

from contracts.alerts import Alert
from contracts.errors import AlertNotTold

_TIMEOUT_S = 10.0


class Webhook:
    """Implements `contracts.alerts.Messenger`."""

    def __init__(self, url: str | None) -> None:
        """POST to `url`; without one the log is all that tells."""
        self._url = url

    def tell(self, alert: Alert) -> None:
        """Tell of an alert that opened or closed; raises AlertNotTold unless the other side answers with 2xx."""
        if self._url is None:
            return
        body = json.dumps(
            {
                "alert_id": str(alert.alert_id),
                "kind": alert.kind,
                "subject": alert.subject,
                "state": "resolved" if alert.resolved_at else "firing",
                "fired_at": alert.fired_at.isoformat(),
                "resolved_at": alert.resolved_at.isoformat() if alert.resolved_at else None,
                "evidence": dict(alert.evidence),
            }
        ).encode()
        request = urllib.request.Request(self._url, body, {"content-type": "application/json"}, method="POST")  # noqa: S310 - the setting allows http and https alone
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S):  # noqa: S310 - as above
                return
        except (OSError, ValueError) as error:
            detail = f"status {error.code}" if isinstance(error, urllib.error.HTTPError) else type(error).__name__
            structlog.get_logger("waste").warning("alert_not_told", kind=alert.kind, detail=detail)
            raise AlertNotTold(detail) from None
