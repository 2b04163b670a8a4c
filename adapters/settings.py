"""The blocks of settings that programs share; each role combines those that it needs by inheritance."""

import ipaddress
import re
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator

from adapters.environment import Settings
from contracts.figures import Prices
from contracts.image_urls import UrlRule
from contracts.pressure import Marks
from contracts.signatures import MIN_MASTER_BYTES

_BROKEN_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
_QUEUE_SCHEMES = frozenset({"redis", "rediss", "redis+socket", "sqs"})


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_split)]
Price = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]


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


class LogSettings(Settings):
    """How a program tells what it does."""

    log_level: Annotated[Literal["debug", "info", "warning", "error"], Field(alias="LOG_LEVEL")] = "info"
    log_format: Annotated[str, Field(alias="LOG_FORMAT", pattern="^(auto|json|console)$")] = "auto"
    """auto: console on a terminal, JSON elsewhere."""
    log_events_per_s: Annotated[float, Field(alias="LOG_EVENTS_PER_S", ge=0, le=1_000_000, allow_inf_nan=False)] = 50.0
    """Lines of level info about single events that a process writes a second; more are counted. 0: all."""
    health_host: Annotated[str, Field(alias="HEALTH_HOST")] = "127.0.0.1"
    health_port: Annotated[int, Field(alias="HEALTH_PORT", ge=0, le=65535)] = 0
    """Where /health/live, /health/ready and /metrics are served; 0 serves none."""


Sampler = Literal[
    "always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"
]


class TraceSettings(Settings):
    """Where traces go, by OpenTelemetry's names; nowhere unless an endpoint is set. Its SDK reads its other variables itself."""

    otel_sdk_disabled: Annotated[bool, Field(alias="OTEL_SDK_DISABLED")] = False
    otel_traces_exporter: Annotated[Literal["otlp", "none"], Field(alias="OTEL_TRACES_EXPORTER")] = "otlp"
    otel_endpoint: Annotated[str | None, Field(alias="OTEL_EXPORTER_OTLP_ENDPOINT")] = None
    """The collector's address, to which /v1/traces is added."""
    otel_traces_endpoint: Annotated[str | None, Field(alias="OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")] = None
    """The whole address, where it is another one."""
    otel_protocol: Annotated[Literal["http/protobuf"], Field(alias="OTEL_EXPORTER_OTLP_PROTOCOL")] = "http/protobuf"
    otel_headers: Annotated[SecretStr | None, Field(alias="OTEL_EXPORTER_OTLP_HEADERS")] = None
    """`name=value,...` for each request, such as a token."""
    otel_sampler: Annotated[Sampler, Field(alias="OTEL_TRACES_SAMPLER")] = "parentbased_always_on"
    otel_sampler_arg: Annotated[float, Field(alias="OTEL_TRACES_SAMPLER_ARG", ge=0, le=1, allow_inf_nan=False)] = 1.0
    """The share of all events that is traced; every program decides the same."""
    otel_queue: Annotated[int, Field(alias="OTEL_BSP_MAX_QUEUE_SIZE", ge=512, le=1_000_000)] = 2048
    """Spans that may wait to be sent; more are lost."""
    otel_service_name: Annotated[str | None, Field(alias="OTEL_SERVICE_NAME")] = None

    @field_validator("otel_endpoint", "otel_traces_endpoint")
    @classmethod
    def _collector(cls, value: str | None) -> str | None:
        if value is not None:
            _check_shape(value)
            if not re.fullmatch(r"https?://[^/@?#\s]+(/[^@?#\s]*)?", value):
                msg = "is not http:// or https://, a host and perhaps a path (a token belongs into OTEL_EXPORTER_OTLP_HEADERS)"
                raise ValueError(msg)
            _check_port(urlsplit(value))
        return value

    @field_validator("otel_headers")
    @classmethod
    def _pairs(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not re.fullmatch(r"[^=,\s]+=[^,\r\n]*(,\s*[^=,\s]+=[^,\r\n]*)*,?", value.get_secret_value()):
            msg = "is not name=value, several with commas between them"
            raise ValueError(msg)
        return value

    def traces_address(self) -> str | None:
        """Return where spans are sent; None: nowhere."""
        if self.otel_sdk_disabled or self.otel_traces_exporter == "none" or not self.traced_share():
            return None
        if self.otel_traces_endpoint:
            return self.otel_traces_endpoint
        return f"{self.otel_endpoint.rstrip('/')}/v1/traces" if self.otel_endpoint else None

    def traced_share(self) -> float:
        """Return the share of events that is traced. What a message says of sampling is a stranger's wish, and not heard."""
        if self.otel_sampler.endswith("always_off"):
            return 0.0
        return self.otel_sampler_arg if self.otel_sampler.endswith("ratio") else 1.0


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


class PriceSettings(Settings):
    """What an hour costs, in any one currency; 0: nobody has said."""

    price_worker_hour: Annotated[Price, Field(alias="PRICE_WORKER_HOUR")] = 0.0
    price_services_hour: Annotated[Price, Field(alias="PRICE_SERVICES_HOUR")] = 0.0
    """All else together: database, broker, store, network."""
    price_reviewer_hour: Annotated[Price, Field(alias="PRICE_REVIEWER_HOUR")] = 0.0

    def prices(self) -> Prices:
        """Return the prices."""
        return Prices(self.price_worker_hour, self.price_services_hour, self.price_reviewer_hour)


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
