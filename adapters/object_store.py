"""From settings to the object store and its keys."""

import threading
from collections.abc import Callable
from typing import Any

import structlog

from adapters.s3.objects import S3Objects
from adapters.s3.requests import KeySource
from adapters.s3.sigv4 import AwsKeys
from adapters.settings import ObjectStoreSettings
from contracts.errors import SettingsInvalid


def open_object_store(settings: ObjectStoreSettings) -> S3Objects:
    """Return the object store."""
    return S3Objects(
        key_source(settings), endpoint_url=settings.s3_endpoint_url, region=settings.s3_region, bucket=settings.s3_bucket
    )


def key_source(settings: ObjectStoreSettings) -> KeySource:
    """Return the access keys of the settings, or else the machine's own AWS credentials, renewed by botocore."""
    if settings.aws_access_key_id and settings.aws_secret_access_key:
        token = settings.aws_session_token.get_secret_value() if settings.aws_session_token else None
        keys = AwsKeys(settings.aws_access_key_id, settings.aws_secret_access_key.get_secret_value(), token)
        return lambda: keys
    return _machine_keys()


def _machine_keys() -> KeySource:
    try:
        from botocore.exceptions import BotoCoreError
        from botocore.session import Session
    except ImportError:
        raise SettingsInvalid("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: are not set") from None
    try:
        credentials = Session().get_credentials()
        if credentials is None:
            raise SettingsInvalid("AWS_ACCESS_KEY_ID: is not set, and this machine has no AWS credentials of its own")
        return RenewedKeys(credentials.get_frozen_credentials)
    except BotoCoreError as error:
        raise SettingsInvalid(f"AWS_ACCESS_KEY_ID: is not set, and this machine's AWS credentials fail: {error}"[:400]) from error


class RenewedKeys:
    """The latest of keys that somebody else renews, without ever waiting for it.

    botocore renews long before the end, but within the call that finds it due: a request to the machine's own metadata
    or to STS, behind which all downloads of a worker would wait.
    """

    def __init__(self, ask: Callable[[], Any], *, every_s: float = 60.0) -> None:
        """`ask` returns botocore's frozen credentials; it is called here, and every `every_s` from a daemon thread."""
        self._ask, self._every_s = ask, every_s
        self._latest = self._asked()
        threading.Thread(target=self._renew, name="keys", daemon=True).start()

    def __call__(self) -> AwsKeys:
        """Return the latest keys."""
        return self._latest

    def _renew(self) -> None:
        wait = threading.Event().wait
        while True:
            wait(self._every_s)
            try:
                self._latest = self._asked()
            except Exception as error:  # noqa: BLE001 - botocore's errors share no base class; the keys in hand are still good
                structlog.get_logger("waste").warning("keys_not_renewed", error=f"{type(error).__name__}: {error}"[:200])

    def _asked(self) -> AwsKeys:
        now = self._ask()
        return AwsKeys(now.access_key, now.secret_key, now.token)
