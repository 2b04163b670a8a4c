"""Settings come from the environment, once, and all that is wrong with them is said at once.

Each field's alias is its variable. A secret is also read from the file that `<VARIABLE>_FILE` names. Roles combine the
blocks that they need by inheritance.
"""

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo, field_validator

from contracts.errors import SettingsInvalid
from contracts.image_urls import UrlRule
from contracts.pressure import Marks
from contracts.signatures import MIN_MASTER_BYTES

_BROKEN_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
_QUEUE_SCHEMES = frozenset({"redis", "rediss", "redis+socket", "sqs"})


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_split)]


def _check_port(parts: SplitResult) -> None:
    try:
        _ = parts.port
    except ValueError:
        msg = "its port is not a number up to 65535"
        raise ValueError(msg) from None


def _check_shape(text: str) -> None:
    """Refuse a URL that others would read otherwise than it is meant, and then quote with its password."""
    authority = re.split("[/?#]", text.partition("://")[2], maxsplit=1)
    if len(authority) > 1 and "@" in authority[1]:
        msg = "has a /, ? or # before its @; in a password they are written %2F, %3F and %23"
        raise ValueError(msg)
    try:
        urlsplit(text)
    except ValueError:
        msg = "is not a URL; in a password [ and ] are written %5B and %5D"
        raise ValueError(msg) from None


class Settings(BaseModel):
    """A block of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class LogSettings(Settings):
    """How a program tells what it does."""

    log_level: Annotated[Literal["debug", "info", "warning", "error"], Field(alias="LOG_LEVEL")] = "info"
    log_format: Annotated[str, Field(alias="LOG_FORMAT", pattern="^(auto|json|console)$")] = "auto"
    """auto: console on a terminal, JSON elsewhere."""
    health_host: Annotated[str, Field(alias="HEALTH_HOST")] = "127.0.0.1"
    health_port: Annotated[int, Field(alias="HEALTH_PORT", ge=0, le=65535)] = 0
    """Where /health/live, /health/ready and /metrics are served; 0 serves none."""


class QueueSettings(Settings):
    """Where the three queues are: one URL for all, or one for each."""

    queue_url: Annotated[SecretStr, Field(alias="QUEUE_URL")] = SecretStr("redis://127.0.0.1:6379/0")
    edge_queue_url: Annotated[SecretStr | None, Field(alias="EDGE_QUEUE_URL")] = None
    work_queue_url: Annotated[SecretStr | None, Field(alias="WORK_QUEUE_URL")] = None
    dead_letter_queue_url: Annotated[SecretStr | None, Field(alias="DEAD_LETTER_QUEUE_URL")] = None
    queue_lease_s: Annotated[float, Field(alias="QUEUE_LEASE_S", ge=1, le=43200)] = 20.0
    """After this time what a dead reader had taken goes to another; a batch takes well under a second."""
    aws_region: Annotated[str, Field(alias="AWS_REGION", min_length=1)] = "eu-central-1"

    @field_validator("queue_url", "edge_queue_url", "work_queue_url", "dead_letter_queue_url")
    @classmethod
    def _known_scheme(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        text = value.get_secret_value()
        if text.partition("://")[0] not in _QUEUE_SCHEMES:
            msg = "starts with none of redis://, rediss://, redis+socket://, sqs://"
            raise ValueError(msg)
        _check_shape(text)
        parts = urlsplit(text)
        _check_port(parts)
        if parts.scheme in {"redis", "rediss"} and not re.fullmatch("/?[0-9]*", parts.path):
            msg = "its database is not a number"
            raise ValueError(msg)
        return value

    def edge_url(self) -> str:
        """Return the URL of the edge queue."""
        return (self.edge_queue_url or self.queue_url).get_secret_value()

    def work_url(self) -> str:
        """Return the URL of the work queue, as Celery takes it."""
        return (self.work_queue_url or self.queue_url).get_secret_value()

    def dead_letter_url(self) -> str:
        """Return the URL of the dead-letter queue."""
        return (self.dead_letter_queue_url or self.queue_url).get_secret_value()


class PressureSettings(Settings):
    """When the fleet takes no more events."""

    most_waiting_events: Annotated[int, Field(alias="MOST_WAITING_EVENTS", ge=1)] = 100_000
    most_waiting_s: Annotated[float, Field(alias="MOST_WAITING_S", gt=0, allow_inf_nan=False)] = 900.0
    most_broker_memory: Annotated[float, Field(alias="MOST_BROKER_MEMORY", gt=0, le=1)] = 0.75
    """As a share of its maxmemory."""

    def marks(self) -> Marks:
        """Return the marks."""
        return Marks(self.most_waiting_events, self.most_waiting_s, self.most_broker_memory)


class DatabaseSettings(Settings):
    """Where Postgres is, and as whom this program speaks to it."""

    database_url: Annotated[SecretStr, Field(alias="DATABASE_URL")]

    @field_validator("database_url")
    @classmethod
    def _postgres(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if text.partition("://")[0] not in {"postgres", "postgresql"}:
            msg = "does not start with postgresql://"
            raise ValueError(msg)
        # libpq would quote the rest of the password in its complaint.
        if _BROKEN_ESCAPE.search(text):
            msg = "has a % that begins no escape; in a password it is written %25"
            raise ValueError(msg)
        _check_shape(text)
        return value


class BucketSettings(Settings):
    """The bucket that the fleet's own pictures are in."""

    s3_bucket: Annotated[str, Field(alias="S3_BUCKET", min_length=3, max_length=63)] = "waste-images"


class ObjectStoreSettings(BucketSettings):
    """Where pictures are put and fetched."""

    s3_endpoint_url: Annotated[str | None, Field(alias="S3_ENDPOINT_URL", pattern="^https?://[^/@?#]+$")] = None
    """Empty for AWS."""
    s3_region: Annotated[str, Field(alias="S3_REGION", min_length=1)] = "eu-central-1"

    @field_validator("s3_endpoint_url")
    @classmethod
    def _endpoint(cls, value: str | None) -> str | None:
        if value is not None:
            _check_port(urlsplit(value))
        return value

    aws_access_key_id: Annotated[str | None, Field(alias="AWS_ACCESS_KEY_ID")] = None
    """Empty: the machine's own AWS credentials."""
    aws_secret_access_key: Annotated[SecretStr | None, Field(alias="AWS_SECRET_ACCESS_KEY")] = None
    aws_session_token: Annotated[SecretStr | None, Field(alias="AWS_SESSION_TOKEN")] = None

    @field_validator("aws_secret_access_key")
    @classmethod
    def _pair(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if bool(value) is not bool(info.data.get("aws_access_key_id")):
            msg = "goes with AWS_ACCESS_KEY_ID: both or none"
            raise ValueError(msg)
        return value


class ImageSettings(BucketSettings):
    """What an image_url may point at."""

    image_buckets: Annotated[Names, Field(alias="IMAGE_BUCKETS")] = ()
    """Empty: S3_BUCKET alone."""
    image_hosts: Annotated[Names, Field(alias="IMAGE_HOSTS")] = ()
    """https hosts, `name` or `name:port`."""
    image_networks: Annotated[Names, Field(alias="IMAGE_NETWORKS")] = ()
    """Networks that are not public and may be connected to all the same, as 10.1.0.0/16."""

    @field_validator("image_networks")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            ipaddress.ip_network(network)
        return value

    def rule(self) -> UrlRule:
        """Return the rule for an image_url."""
        return UrlRule(frozenset(self.image_buckets or (self.s3_bucket,)), frozenset(host.lower() for host in self.image_hosts))


class MasterKeySettings(Settings):
    """The key that devices' credentials are derived from."""

    device_master_key: Annotated[SecretStr, Field(alias="DEVICE_MASTER_KEY")]
    """At least 32 bytes, in hex; `openssl rand -hex 32` makes one."""

    @field_validator("device_master_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        try:
            size = len(bytes.fromhex(value.get_secret_value()))
        except ValueError:
            msg = "is not hexadecimal"
            raise ValueError(msg) from None
        if size < MIN_MASTER_BYTES:
            msg = f"has {size} bytes; at least {MIN_MASTER_BYTES} are needed"
            raise ValueError(msg)
        return value

    def master_key(self) -> bytes:
        """Return the key."""
        return bytes.fromhex(self.device_master_key.get_secret_value())


SettingsT = TypeVar("SettingsT", bound=Settings)


def read_settings(kind: type[SettingsT], environ: Mapping[str, str]) -> SettingsT:
    """Return the settings of a role; raises SettingsInvalid that names every variable at fault."""
    values, problems = _collect(kind, environ)
    try:
        return kind.model_validate(values) if not problems else _refuse(kind, values, problems)
    except ValidationError as error:
        raise SettingsInvalid("; ".join(problems + _problems(kind, error))) from None


def describe_environment(kind: type[Settings], environ: Mapping[str, str]) -> dict[str, str]:
    """Return variable -> what it holds or its default, with secrets masked; for settings that are not valid as a whole."""
    values, _ = _collect(kind, environ)
    shown = {}
    for name, field in kind.model_fields.items():
        variable, secret = field.alias or name, "SecretStr" in str(field.annotation)
        value = values.get(variable, "" if field.is_required() else field.default)
        shown[variable] = _mask(SecretStr(value) if secret and isinstance(value, str) and value else value)
    return dict(sorted(shown.items()))


def describe_settings(kind: type[Settings], settings: Settings) -> dict[str, str]:
    """Return variable -> value in force, with secrets masked."""
    shown = {}
    for name, field in kind.model_fields.items():
        value = getattr(settings, name)
        shown[field.alias or name] = _mask(value)
    return dict(sorted(shown.items()))


def _collect(kind: type[Settings], environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    values: dict[str, str] = {}
    problems: list[str] = []
    for name, field in kind.model_fields.items():
        variable = field.alias or name
        path = environ.get(f"{variable}_FILE", "") if "SecretStr" in str(field.annotation) else ""
        if path:
            try:
                values[variable] = Path(path).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                problems.append(f"{variable}_FILE: {path} cannot be read: {error}")
        elif environ.get(variable, "").strip():
            values[variable] = environ[variable].strip()
    return values, problems


def _refuse(kind: type[SettingsT], values: dict[str, str], problems: list[str]) -> SettingsT:
    read = {problem.partition("_FILE:")[0] for problem in problems}
    try:
        kind.model_validate(values)
    except ValidationError as error:
        problems += [problem for problem in _problems(kind, error) if problem.partition(":")[0] not in read]
    raise SettingsInvalid("; ".join(problems))


def _problems(kind: type[Settings], error: ValidationError) -> list[str]:
    rows = error.errors(include_url=False, include_input=False)
    # A default that is not valid is told under the field's own name.
    variables = {name: field.alias for name, field in kind.model_fields.items()}
    return [f"{variables.get(str(row['loc'][0]), row['loc'][0])}: {_plain(row)}" for row in rows]


def _plain(row: Any) -> str:
    if row["type"] == "missing":
        return "is not set"
    return str(row["msg"]).removeprefix("Value error, ")


def _mask(value: object) -> str:
    if isinstance(value, SecretStr):
        # Not by the parts of the URL: a / or # in a password would count as its end.
        scheme, there, rest = value.get_secret_value().partition("://")
        if not there:
            return "********"
        _, at, place = rest.rpartition("@")
        return f"{scheme}://{'********@' if at else ''}{place.partition('?')[0].partition('#')[0]}"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "" if value is None else str(value)
