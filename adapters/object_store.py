"""From settings to the object store and its keys."""

from adapters.s3_objects import S3Objects
from adapters.s3_requests import KeySource
from adapters.settings import ObjectStoreSettings
from adapters.sigv4 import AwsKeys
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
        from botocore.session import Session
    except ImportError:
        raise SettingsInvalid("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: are not set") from None
    credentials = Session().get_credentials()
    if credentials is None:
        raise SettingsInvalid("AWS_ACCESS_KEY_ID: is not set, and this machine has no AWS credentials of its own")

    def frozen() -> AwsKeys:
        now = credentials.get_frozen_credentials()
        return AwsKeys(now.access_key, now.secret_key, now.token)

    return frozen
