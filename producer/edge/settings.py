"""What the program of one bin is told by its environment."""

import shlex
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from adapters.http.gateway_door import Speaker
from adapters.settings import LogSettings, TraceSettings
from contracts.signatures import KEY_BYTES, Credential, device_token, read_claim


class EdgePlaceSettings(LogSettings):
    """Where the program of one bin keeps its things."""

    state_dir: Annotated[Path, Field(alias="WASTE_STATE_DIR")] = Path("~/.local/state/waste")

    @property
    def outbox(self) -> Path:
        """The outbox's file."""
        return self.state_dir.expanduser() / "edge.sqlite"

    @property
    def lock(self) -> Path:
        """The file that the running program holds."""
        return self.state_dir.expanduser() / "edge.lock"


class EdgeRunSettings(EdgePlaceSettings, TraceSettings):
    """What the program of one bin is told."""

    model_config = ConfigDict(allow_inf_nan=False)

    gateway_url: Annotated[str, Field(alias="GATEWAY_URL", pattern="^https?://[^/@?#]+(/[^@?#]*)?$")]
    device_token: Annotated[SecretStr | None, Field(alias="DEVICE_TOKEN")] = None
    """As `waste device credential SENSOR --token` prints it; it is read again when the gateway does not believe it."""
    device_credential: Annotated[SecretStr | None, Field(alias="DEVICE_CREDENTIAL")] = None
    """`generation:key`, with EDGE_SENSOR: the bin signs by itself."""
    edge_sensor: Annotated[str | None, Field(alias="EDGE_SENSOR")] = None
    edge_folder: Annotated[Path | None, Field(alias="EDGE_FOLDER")] = None
    edge_settle_s: Annotated[float, Field(alias="EDGE_SETTLE_S", ge=0.1, le=60)] = 1.0
    edge_camera: Annotated[str | None, Field(alias="EDGE_CAMERA")] = None
    """A command that writes one picture to its standard output; no shell reads it."""
    edge_camera_every_s: Annotated[float, Field(alias="EDGE_CAMERA_EVERY_S", ge=0, le=86_400)] = 0.0
    edge_camera_timeout_s: Annotated[float, Field(alias="EDGE_CAMERA_TIMEOUT_S", ge=1, le=300)] = 20.0
    upload_longest_px: Annotated[int, Field(alias="UPLOAD_LONGEST_PX", ge=0, le=65_535)] = 1024
    edge_outbox_mb: Annotated[int, Field(alias="EDGE_OUTBOX_MB", ge=1, le=1_000_000)] = 512
    edge_reserve_mb: Annotated[int, Field(alias="EDGE_RESERVE_MB", ge=0, le=1_000_000)] = 64
    """What stays free on the disk for everybody else."""
    edge_keep_days: Annotated[float, Field(alias="EDGE_KEEP_DAYS", gt=0, le=29)] = 14.0
    edge_rate: Annotated[float, Field(alias="EDGE_RATE", gt=0, le=1000)] = 5.0
    edge_backlog_rate: Annotated[float, Field(alias="EDGE_BACKLOG_RATE", gt=0, le=1000)] = 1.0
    edge_live_s: Annotated[float, Field(alias="EDGE_LIVE_S", ge=1, le=86_400)] = 600.0
    edge_contact_s: Annotated[float, Field(alias="EDGE_CONTACT_S", ge=1, le=86_400)] = 300.0
    edge_answer_to: Annotated[Path | None, Field(alias="EDGE_ANSWER_TO")] = None
    """A unix socket or a file that is told at once what is on each picture; needs the extra edge-inference."""
    model_path: Annotated[Path | None, Field(alias="MODEL_PATH")] = None
    model_sha256: Annotated[str | None, Field(alias="MODEL_SHA256", pattern="^[0-9a-f]{64}$")] = None

    @field_validator("gateway_url", mode="before")
    @classmethod
    def _address(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            msg = f"has to begin with https:// (or http://), such as https://{value.rpartition('://')[2]}"
            raise ValueError(msg)
        return value

    @field_validator("gateway_url")
    @classmethod
    def _port(cls, value: str) -> str:
        _ = urlsplit(value).port
        return value.rstrip("/")

    @field_validator("edge_camera")
    @classmethod
    def _words(cls, value: str | None) -> str | None:
        if value is not None and not shlex.split(value):
            msg = "is no command"
            raise ValueError(msg)
        return value

    @field_validator("device_token", mode="before")
    @classmethod
    def _bare_token(cls, value: str | None) -> str | None:
        # As the command prints it, for a shell; whoever sends that into a file has it in the file.
        return value.removeprefix("DEVICE_TOKEN=").strip() if isinstance(value, str) else value

    @field_validator("device_token")
    @classmethod
    def _token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and read_claim(value.get_secret_value()) is None:
            msg = "is no token as `waste device credential SENSOR --token` prints it"
            raise ValueError(msg)
        return value

    @field_validator("device_credential")
    @classmethod
    def _secret(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None and info.data.get("device_token", ...) is None:
            msg = "neither it nor DEVICE_TOKEN is set"
            raise ValueError(msg)
        if value is not None:
            _credential("sensor", value)
        return value

    @field_validator("edge_sensor")
    @classmethod
    def _sensor(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("device_credential"):
            msg = "is not set; it goes with DEVICE_CREDENTIAL"
            raise ValueError(msg)
        token = info.data.get("device_token")
        owner = read_claim(token.get_secret_value()) if token else None
        if value is not None and owner not in {None, value}:
            msg = f"is {value}, and DEVICE_TOKEN is of {owner}; leave it out, or bring the token of {value}"
            raise ValueError(msg)
        return value

    def speaker(self) -> Speaker:
        """Return who speaks."""
        if self.device_credential and self.edge_sensor:
            credential = _credential(self.edge_sensor, self.device_credential)
            return Speaker(self.edge_sensor, device_token(credential), credential)
        token = self.device_token.get_secret_value() if self.device_token else ""
        return Speaker(read_claim(token) or "", token)


def _credential(sensor: str, secret: SecretStr) -> Credential:
    number, _, key = secret.get_secret_value().partition(":")
    try:
        credential = Credential(sensor, int(number), bytes.fromhex(key))
    except ValueError:
        msg = "its form is not generation:key"
        raise ValueError(msg) from None
    if len(credential.key) != KEY_BYTES or credential.generation < 1:
        msg = f"its key has not {KEY_BYTES} bytes, or its generation is under 1"
        raise ValueError(msg)
    return credential
